"""The layers of a network as a table, and in the HTML view of an estimator."""

import html
import re

from plots import SMALL, autoencoder, detector, rows
import pytest
import sklearn

from skae import AutoencoderTransformer
from skae._network.summary import layer_table


def numbers(line):
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", line)]


@pytest.mark.parametrize("model", [autoencoder(), detector()])
def test_the_table_has_every_layer(model):
    table = layer_table(model.architecture_, type(model).__name__)
    title, empty, head, rule, *lines = str(table).split("\n")
    assert title.startswith(f"{type(model).__name__}: 12 features, code of {model.n_components_}")
    assert empty == ""
    assert head.split() == ["layer", "inputs", "outputs", "activation", "parameters"]
    assert set(rule) == {"-"}
    names = ["encoder 1", "code", "decoder 1", "output"]
    shapes = [W.shape for W in model.coefs_]
    for name, (n_in, n_out), line in zip(names, shapes, lines):
        assert line.startswith(name)
        assert numbers(line.removeprefix(name)) == [n_in, n_out, n_in * n_out + n_out]
    sizes = [W.size for W in model.path_coefs_]
    assert [numbers(line)[-1] for line in lines[4:6]] == sizes
    assert lines[6] == rule
    assert numbers(lines[7]) == [model.theta_.size] == [table.n_parameters]
    assert numbers(lines[8]) == [model.theta_.size - sum(sizes)]
    assert len(set(map(len, [head, rule, *lines]))) == 1


def test_the_table_without_a_linear_path():
    parameters = SMALL | {"hidden_layer_sizes": (6, 5), "linear_path": None, "activation": "tanh"}
    model = AutoencoderTransformer(1, **parameters).fit(rows())
    text = str(layer_table(model.architecture_, "Network"))
    assert "code of 1 component\n" in text
    assert re.findall(r"^(\w+ ?\d?) ", text, re.MULTILINE)[1:] == [
        *("encoder 1", "encoder 2", "code ", "decoder 1", "decoder 2", "output ", "total ")
    ]
    assert text.count("tanh") == 4
    assert "path" not in text
    assert "trained" not in text


def test_large_numbers_are_aligned():
    architecture = {
        "widths": [50_000, 1000, 2, 1000, 50_000],
        "activations": ["relu", "identity", "relu", "identity"],
        "n_encoder_layers": 2,
        "linear_path": True,
    }
    table = layer_table(architecture, "Network")
    assert "50,001,000" in str(table)
    assert len({len(line) for line in str(table).split("\n")[2:]}) == 1


def test_the_table_in_html_says_the_same():
    table = layer_table(autoencoder().architecture_, "<Network>")
    cells = re.findall(r"<t[dh] [^>]*>(.*?)</t[dh]>", table.to_html())
    text = [cell for line in str(table).split("\n")[2:] for cell in re.split(r"\s{2,}", line)]
    assert [html.unescape(cell) for cell in cells if cell] == [
        cell for cell in text if cell and set(cell) != {"-"}
    ]
    assert "&lt;Network&gt;: 12 features" in table.to_html()


def test_notebooks_show_the_layers_below_the_diagram_once_there_are_some():
    model = AutoencoderTransformer(2, **SMALL)
    assert "Layers" not in model._repr_html_()
    assert "Layers" not in model._repr_mimebundle_()["text/html"]
    model.fit(rows())
    table = layer_table(model.architecture_, "AutoencoderTransformer").to_html()
    for shown in (model._repr_html_(), model._repr_mimebundle_()["text/html"]):
        assert shown.count(table) == 1
        assert "sk-container" in shown
    with sklearn.config_context(display="text"):
        assert not hasattr(model, "_repr_html_")
        assert list(model._repr_mimebundle_()) == ["text/plain"]
