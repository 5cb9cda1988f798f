"""From parameters to a Network."""

from types import SimpleNamespace

import numpy as np
import pytest

from skae._network.network import build, check_hidden_layer_sizes, check_range, describe
from skae.activations import ACTIVATIONS
from skae.losses import LOSSES


def parameters(**changed):
    """Return an estimator, as far as an architecture goes."""
    defaults = {
        "hidden_layer_sizes": (7, 6),
        "activation": "tanh",
        "latent_activation": "auto",
        "output_activation": "auto",
        "loss": "squared_error",
        "linear_path": "pca",
        "sparsity": None,
        "sparsity_target": 0.05,
        "nested": False,
    }
    return SimpleNamespace(**(defaults | changed))


def test_the_decoder_mirrors_the_encoder():
    network = build(describe(parameters(), n_features=10, n_components=3))
    assert network.widths == (10, 7, 6, 3, 6, 7, 10)
    assert network.n_encoder_layers == 3
    assert network.n_components == 3
    assert network.linear_path
    tanh, identity = ACTIVATIONS["tanh"](), ACTIVATIONS["identity"]()
    assert network.activations == (tanh, tanh, identity, tanh, tanh, identity)
    assert network.loss == LOSSES["squared_error"]()


def test_no_hidden_layers_and_no_linear_path():
    changed = parameters(hidden_layer_sizes=(), linear_path=None)
    network = build(describe(changed, n_features=10, n_components=3))
    assert network.widths == (10, 3, 10)
    assert network.n_encoder_layers == 1
    assert not network.linear_path


def test_a_description_is_plain():
    described = describe(parameters(hidden_layer_sizes=np.array([4])), 10, 3)
    assert all(type(width) is int for width in described["widths"])
    assert all(type(name) is str for name in described["activations"])
    assert type(described["linear_path"]) is bool
    assert type(described["n_encoder_layers"]) is int


@pytest.mark.parametrize("loss", LOSSES)
def test_the_output_follows_the_loss(loss):
    described = describe(parameters(loss=loss), 10, 3)
    assert described["activations"][-1] == LOSSES[loss].link
    assert build(described).loss == LOSSES[loss]()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_a_loss_that_owns_its_link_allows_no_other_output(loss, output):
    changed = parameters(loss=loss, output_activation=output)
    if LOSSES[loss].fused and output != LOSSES[loss].link:
        with pytest.raises(ValueError, match=rf"loss='{loss}' needs output_activation="):
            describe(changed, 10, 3)
    else:
        assert describe(changed, 10, 3)["activations"][-1] == output


def test_the_code_follows_the_sparsity():
    def latent(**changed):
        return describe(parameters(**changed), 10, 3)["activations"][2]

    assert latent() == latent(sparsity="l1") == "identity"
    assert (
        latent(sparsity="kl") == latent(sparsity="kl", latent_activation="logistic") == "logistic"
    )
    assert latent(sparsity="l1", latent_activation="relu") == "relu"
    with pytest.raises(ValueError, match=r"sparsity='kl' .* got 'relu'"):
        latent(sparsity="kl", latent_activation="relu")


def test_every_layer_of_top_k_keeps_its_share():
    changed = parameters(activation="top_k", latent_activation="top_k", sparsity_target=0.3)
    described = describe(changed, 10, 3)
    assert described["sparsity_target"] == 0.3
    assert [a._n_kept for a in build(described).activations[:-1]] == [2, 2, 1, 2, 2]
    assert "sparsity_target" not in describe(parameters(sparsity_target=0.3), 10, 3)


@pytest.mark.parametrize(
    ("given", "widths"),
    [
        (5, (5,)),
        ((5,), (5,)),
        ([5, 4], (5, 4)),
        (np.array([5, 4]), (5, 4)),
        (np.int64(5), (5,)),
        ((), ()),
        ([], ()),
    ],
    ids=repr,
)
def test_hidden_layer_sizes(given, widths):
    found = check_hidden_layer_sizes(given)
    assert found == widths
    assert all(type(width) is int for width in found)


@pytest.mark.parametrize(
    "given",
    [0, -1, (5, 0), (5, -2), 2.0, (5, 2.5), (True,), "10", ("10",), [[5, 4]], None],
    ids=repr,
)
def test_hidden_layer_sizes_that_are_none(given):
    with pytest.raises(ValueError, match="hidden_layer_sizes must be a positive int"):
        check_hidden_layer_sizes(given)


@pytest.mark.parametrize("loss", LOSSES)
def test_range_of_a_loss(loss):
    inside = np.array([[0.0, 0.5], [1.0, 0.25]])
    check_range(inside, loss)
    for outside in (inside - 0.1, inside + 0.1):
        if LOSSES[loss].lowest <= outside.min() and outside.max() <= LOSSES[loss].highest:
            check_range(outside, loss)
        else:
            with pytest.raises(
                ValueError, match=f"loss='{loss}' needs X (between 0 and 1|to be at least 0),"
            ):
                check_range(outside, loss)
