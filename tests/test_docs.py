"""The pages' words against the things they speak of, without building them."""

import doctest
import importlib
import inspect
from itertools import pairwise
import json
from pathlib import Path
import re

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neural_network import MLPRegressor
from versions import needs

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.glob("*.rst"), *DOCS.glob("guide/*.rst"), *DOCS.glob("coming_from/*.rst")])
ORIGINS = {"pca": PCA, "isolation_forest": IsolationForest, "mlp": MLPRegressor}
OURS = (
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
)
MODULES = ("skae", "skae.metrics", "skae.plotting", "skae.export")
TESTED_ELSEWHERE = {"callbacks", "export", "frames_and_routing", "scaling_out"}
NOT_SPOKEN_OF = {"get_params", "set_params", "get_metadata_routing"}


def code_of(page):
    return re.findall(r"``(.+?)``", page.read_text(encoding="utf-8"))


def attributes_of(Estimator):
    text = inspect.getdoc(Estimator)
    return re.findall(r"^(\w+_) :", text[text.index("Attributes\n---") :], re.MULTILINE)


@pytest.mark.parametrize("origin", ORIGINS)
def test_everything_of_the_origin_is_translated(origin):
    Origin = ORIGINS[origin]
    spoken = {re.match(r"\w*", code)[0] for code in code_of(DOCS / "coming_from" / f"{origin}.rst")}
    wanted = set(inspect.signature(Origin).parameters) | set(attributes_of(Origin))
    methods = {name for name, _ in inspect.getmembers(Origin, inspect.isfunction)}
    wanted |= {name for name in methods if not name.startswith(("_", "set_"))} - NOT_SPOKEN_OF
    assert not wanted - spoken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_rulers_are_headings(page):
    """A line below a title is as long as the title; one above a title begins a paragraph.

    Sphinx takes others for words of the paragraph, and the heading is lost.
    """
    lines = ["", *page.read_text(encoding="utf-8").splitlines()]
    for above, line in pairwise(lines):
        if re.fullmatch(r"([=~^-])\1{3,}", line):
            assert len(above) <= len(line), above


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_values_of_parameters_are_taken(page):
    """What a page writes as `Estimator(name=value)` has a name that the estimator knows."""
    names = "|".join(E.__name__ for E in OURS)
    calls = rf"\b({names})\(((?:[^()]|\([^()]*\))*)\)"  # with calls among the arguments
    for name, arguments in re.findall(calls, page.read_text(encoding="utf-8")):
        Estimator = next(E for E in OURS if E.__name__ == name)
        found = set(re.findall(r"(\w+)=", re.sub(r"\([^()]*\)", "", arguments)))
        assert found <= set(inspect.signature(Estimator).parameters)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.stem not in TESTED_ELSEWHERE], ids=lambda page: page.stem
)
def test_examples_on_pages(page, monkeypatch):
    monkeypatch.syspath_prepend(page.parent)  # a page imports the file that it offers
    failed, _ = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert not failed


def test_the_plain_network_computes_what_the_library_does(monkeypatch):
    """The same start and full batches lead to the same network, in the usual rounding."""
    monkeypatch.syspath_prepend(DOCS / "guide")
    plain_autoencoder = importlib.import_module("plain_autoencoder")
    X = np.random.default_rng(0).gamma(2.0, size=(60, 5))
    options = {"linear_path": None, "output_activation": "identity", "early_stopping": False}
    options |= {"alpha": 0, "averaging": 0, "tol": 0, "n_iter_no_change": 20, "random_state": 0}
    options |= {"n_components": 2, "hidden_layer_sizes": (4,), "learning_rate_init": 0.01}
    start = AutoencoderTransformer(max_iter=0, **options).fit(X)
    library = AutoencoderTransformer(max_iter=12, **options).fit(X)
    Z = (X - start.mean_) / start.scale_
    plain = plain_autoencoder.Autoencoder(start.coefs_, start.intercepts_)
    before = plain.loss(Z)
    plain.fit(Z, Z, max_iter=12, rate=0.01)
    assert plain.curve[-1] < before
    restored = plain.reconstruct(Z) * start.scale_ + start.mean_
    np.testing.assert_allclose(restored, library.reconstruct(X), rtol=1e-9)


@needs("scikit-learn", 1, 7, because="MLPRegressor has no parameter loss")
def test_defaults_of_the_translation_of_the_mlp():
    """Defaults that the table gives are those of both."""
    page = DOCS / "coming_from" / "mlp.rst"
    theirs, ours = (inspect.signature(E).parameters for E in (MLPRegressor, OURS[0]))
    text = page.read_text(encoding="utf-8")
    for cells in re.findall(r"\* - (``\w+=.*?)\n +- (.*?)\n", text):
        for name, value in re.findall(r"``(\w+)=(.+?)``", cells[0]):
            assert str(theirs[name].default) in (value, value.strip('"')), name
            stated = value.strip('"') if cells[1] == "the same" else cells[1]
            default = str(ours[name].default)
            assert default in stated or float(default) == float(stated), name


def public_things():
    """Full name of every public class, function, method and property that skae defines."""
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            yield f"{module.__name__}.{name}"
            for member, found in inspect.getmembers(thing) if inspect.isclass(thing) else ():
                function = found.fget if isinstance(found, property) else inspect.unwrap(found)
                is_ours = str(getattr(function, "__module__", None)).startswith("skae")
                if is_ours and not member.startswith("_"):
                    yield f"{module.__name__}.{name}.{member}"


@pytest.mark.parametrize("name", list(public_things()))
def test_docstrings_are_valid(name):
    """By numpydoc's checks, but for those that docs/conf.py leaves out, and says why."""
    validation = pytest.importorskip("numpydoc.validate")
    errors = validation.validate(name)["errors"]
    assert not [error for error in errors if error[0] not in {"ES01", "EX01", "RT02", "SA01"}]


def test_pages_never_ask_the_network():
    """No address in a configuration, style or template that a browser would fetch."""
    for path in [*DOCS.glob("_static/*"), *DOCS.glob("_templates/**/*.*")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(@import|url\(|(href|src)=)\W*(https?:)?//", text), path


@pytest.mark.parametrize("path", sorted(DOCS.glob("benchmarks/*.json")), ids=lambda path: path.stem)
def test_kept_runs_say_how_they_were_made(path):
    run = json.loads(path.read_text(encoding="utf-8"))
    assert {"command", "date", "load", "processor", "python", "versions"} <= set(run)
    command = run["command"].split()  # after settings of the environment
    assert command[command.index("python") + 1] == f"tests/benchmarks/{run['script']}"
    assert run["results"]
