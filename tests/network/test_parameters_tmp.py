"""One vector and its views."""

import copy
import pickle

import numpy as np
import pytest

from skae._network.network import Parameters, count_parameters

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
