"""NetworkDisplay."""

from plots import SMALL, autoencoder, detector, pipeline, rows
import pytest

from skae import AutoencoderTransformer
from skae._network.summary import layer_table
from skae.plotting import NetworkDisplay


@pytest.mark.parametrize("model", [autoencoder(), pipeline(), detector()])
def test_table_describes_the_estimator(model):
    display = NetworkDisplay.from_estimator(model)
    network = model[-1] if model is pipeline() else model
    table = layer_table(network.architecture_, type(network).__name__)
    assert str(display) == repr(display) == str(table)
    assert display._repr_html_() == table.to_html()
    assert display.n_parameters == network.theta_.size


def test_drawing_has_every_layer_and_the_linear_path():
    display = NetworkDisplay.from_estimator(autoencoder())
    assert len(display.layers_) == 4
    assert len(display.paths_) == 2
    texts = [text.get_text() for text in display.ax_.texts]
    assert [text for text in texts if text.isdigit()] == ["12", "5", "3", "5", "12"]
    assert texts.count("linear path") == 2
    plain = AutoencoderTransformer(3, **SMALL | {"linear_path": None}).fit(rows())
    assert NetworkDisplay.from_estimator(plain).paths_ == []
