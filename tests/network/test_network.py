"""Networks: their parameters as one vector and its views, and what a description builds."""

import copy
import pickle

from gradients import make_network
import numpy as np
import pytest

from skae._network.clipping import ClippedOutput
from skae._network.network import (
    Parameters,
    activation_of,
    build,
    count_parameters,
    hidden_activation,
    loss_of,
    sizes_of_decoders,
    with_hidden_activation,
)
from skae.activations import ACTIVATIONS, TopK
from skae.losses import LOSSES

SHAPES = ((4, 3), (3, 2), (2, 3), (3, 4))
PATH_SHAPES = ((4, 2), (2, 4))


def make(path_shapes=PATH_SHAPES, dtype=np.float64):
    flat = np.arange(count_parameters(SHAPES, path_shapes), dtype=dtype)
    return Parameters(SHAPES, path_shapes, flat)


def views(parameters):
    return [array for pair in parameters.layers for array in pair] + list(parameters.path)


def assert_views_cover_the_vector(parameters):
    for view in views(parameters):
        assert np.shares_memory(view, parameters.flat)
        assert view.flags.c_contiguous
    assert sum(view.size for view in views(parameters)) == parameters.flat.size
    parameters.flat[...] = -1
    for i, view in enumerate(views(parameters)):
        assert (view == -1).all()
        view[...] = i
    assert (parameters.flat >= 0).all()


@pytest.mark.parametrize("path_shapes", [(), PATH_SHAPES])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_views_cover_the_vector_once(path_shapes, dtype):
    parameters = make(path_shapes, dtype)
    assert [W.shape for W, _ in parameters.layers] == list(SHAPES)
    assert [b.shape for _, b in parameters.layers] == [(n_out,) for _, n_out in SHAPES]
    assert [P.shape for P in parameters.path] == list(path_shapes)
    assert {view.dtype for view in views(parameters)} == {np.dtype(dtype)}
    assert_views_cover_the_vector(parameters)


def test_layout_is_weights_then_biases_then_path():
    parameters = make()
    in_order = [W for W, _ in parameters.layers]
    in_order += [b for _, b in parameters.layers]
    in_order += parameters.path
    np.testing.assert_array_equal(np.concatenate([a.ravel() for a in in_order]), parameters.flat)


def test_weights_are_all_the_weights_and_nothing_else():
    parameters = make()
    assert np.shares_memory(parameters.weights, parameters.flat)
    parameters.flat[...] = 0
    parameters.weights[...] = 1
    assert all((W == 1).all() and (b == 0).all() for W, b in parameters.layers)
    assert all((P == 0).all() for P in parameters.path)


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, *(lambda p, k=k: pickle.loads(pickle.dumps(p, k)) for k in (2, 5))],
    ids=["copy", "deepcopy", "pickle 2", "pickle 5"],
)
@pytest.mark.parametrize("path_shapes", [(), PATH_SHAPES])
def test_copies_rebuild_their_views(duplicate, path_shapes):
    original = make(path_shapes)
    again = duplicate(original)
    for ours, theirs in zip(views(again), views(original), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert_views_cover_the_vector(again)


def test_a_pickle_holds_the_vector_once():
    parameters = Parameters(((300, 300),), (), np.zeros(300 * 301))
    assert len(pickle.dumps(parameters)) < parameters.flat.nbytes + 1000


def test_empty_like_has_the_shapes_and_other_memory():
    parameters = make(dtype=np.float32)
    other = parameters.empty_like()
    assert [v.shape for v in views(other)] == [v.shape for v in views(parameters)]
    assert other.flat.dtype == np.float32
    assert not np.shares_memory(other.flat, parameters.flat)
    assert_views_cover_the_vector(other)


def test_count_parameters():
    assert count_parameters(SHAPES, ()) == 12 + 6 + 6 + 12 + 3 + 2 + 3 + 4
    assert count_parameters(SHAPES, PATH_SHAPES) == count_parameters(SHAPES, ()) + 16


# ---------------------------------------------------------------- the network


def test_description_of_a_network():
    network, _ = make_network((5, 4, 2), linear_path=True)
    assert network.widths == (5, 4, 2, 4, 5)
    assert network.n_layers == 4
    assert network.n_components == 2
    assert network.shapes == ((5, 4), (4, 2), (2, 4), (4, 5))
    assert network.path_shapes == ((5, 2), (2, 5))
    assert network.n_parameters == 20 + 8 + 8 + 20 + 15 + 20
    assert make_network((5, 4, 2))[0].path_shapes == ()
    with pytest.raises(AttributeError):
        network.widths = (5, 5)


def test_sizes_of_decoders():
    assert sizes_of_decoders(1) == (1,)
    assert sizes_of_decoders(2) == (2, 1)
    assert sizes_of_decoders(3) == (3, 2, 1)
    assert sizes_of_decoders(4) == (4, 3, 2, 1)
    assert sizes_of_decoders(8) == (8, 6, 4, 3, 2, 1)
    assert sizes_of_decoders(9) == (9, 8, 6, 4, 3, 2, 1)
    assert sizes_of_decoders(32) == (32, 24, 16, 12, 8, 6, 4, 3, 2, 1)


def test_description_of_a_nested_network():
    network, _ = make_network((7, 4, 5), nested=True, linear_path=True)
    assert network.decoder_sizes == (5, 4, 3, 2, 1)
    wider, _ = make_network((9, 4, 7), nested=True)
    assert [wider.decoder_of(size) for size in range(1, 8)] == [5, 4, 3, 2, 1, 1, 0]
    ends = ((5, 4), (4, 7), (4, 4), (4, 7), (3, 4), (4, 7), (2, 4), (4, 7), (1, 4), (4, 7))
    assert network.shapes == ((7, 4), (4, 5), *ends)
    for decoder in range(5):
        assert [network.layer_index(i, decoder) for i in (1, 2)] == [0, 1]
        expected = [2 + 2 * decoder, 3 + 2 * decoder]
        assert [network.layer_index(i, decoder) for i in (3, 4)] == expected
    plain, _ = make_network((7, 4, 5), linear_path=True)
    assert plain.decoder_sizes == (5,)
    assert network.shapes[:4] == plain.shapes
    alone, _ = make_network((7, 4, 1), nested=True)
    assert alone.shapes == make_network((7, 4, 1))[0].shapes


# ---------------------------------------------------------------- from a description


def spec(encoder=(10, 7, 6, 3), hidden="tanh", latent="identity", **changed):
    """Return a description as `architecture_` holds it."""
    n_hidden = len(encoder) - 2
    described = {
        "widths": [*encoder, *reversed(encoder[:-1])],
        "activations": [*[hidden] * n_hidden, latent, *[hidden] * n_hidden, "identity"],
        "n_encoder_layers": n_hidden + 1,
        "linear_path": True,
        "loss": "squared_error",
        "nested": False,
    }
    return described | changed


def test_build():
    network = build(spec())
    assert network.widths == (10, 7, 6, 3, 6, 7, 10)
    assert network.n_encoder_layers == 3
    assert network.n_components == 3
    assert network.linear_path
    assert not network.nested
    tanh, identity = ACTIVATIONS["tanh"](), ACTIVATIONS["identity"]()
    assert network.activations == (tanh, tanh, identity, tanh, tanh, identity)
    assert network.latent_activation == network.output_activation == identity
    assert network.loss == LOSSES["squared_error"]()
    assert build(spec(nested=True)).decoder_sizes == (3, 2, 1)


def test_build_without_hidden_layers_and_linear_path():
    network = build(spec((10, 3), linear_path=False))
    assert network.widths == (10, 3, 10)
    assert network.n_encoder_layers == 1
    assert not network.linear_path


def test_descriptions_from_before_nested_are_of_plain_codes():
    described = spec()
    del described["nested"]
    assert not build(described).nested


def test_every_layer_of_top_k_keeps_its_share():
    network = build(spec(hidden="top_k", latent="top_k", sparsity_target=0.3))
    assert [a._n_kept for a in network.activations[:-1]] == [2, 2, 1, 2, 2]


def test_bounds_make_a_clipped_output():
    bounds = [[0.0, -np.inf, 0.0], [1.0, 2.0, np.inf]]
    output = build(spec((3, 2), bounds=bounds, margin=[1.0, 2.0, 3.0])).output_activation
    assert isinstance(output, ClippedOutput)
    np.testing.assert_array_equal([output.lowest[0], output.highest[0]], bounds)
    np.testing.assert_array_equal(output.outer_highest, [[2.0, 4.0, np.inf]])
    without_margin = build(spec((3, 2), bounds=bounds)).output_activation
    np.testing.assert_array_equal(without_margin.outer_lowest, [[-np.inf] * 3])
    assert build(spec((3, 2), bounds=None)).output_activation == ACTIVATIONS["identity"]()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_by_name_or_instance(name):
    activation = activation_of(name, 0.3)
    assert activation == (TopK(0.3) if name == "top_k" else ACTIVATIONS[name]())
    assert activation_of(activation) is activation


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_name_or_instance(name):
    loss = loss_of(name)
    assert loss == LOSSES[name]()
    assert loss_of(loss) is loss


def test_hidden_activations_are_read_and_exchanged():
    described = spec(latent="logistic")
    assert hidden_activation(described) == "tanh"
    changed = with_hidden_activation(described, "relu")
    assert changed["activations"] == ["relu", "relu", "logistic", "relu", "relu", "identity"]
    assert changed | {"activations": described["activations"]} == described
    assert described == spec(latent="logistic")
    assert hidden_activation(spec((10, 3))) is None
    assert with_hidden_activation(spec((10, 3)), "relu") == spec((10, 3))
