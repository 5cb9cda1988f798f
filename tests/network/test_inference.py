"""Blockwise inference against naive computation, and the short cut for few plain rows."""

from concurrent.futures import ThreadPoolExecutor
import gc
import weakref

from gradients import make_model, make_network, make_parameters
import numpy as np
from numpy.testing import assert_array_equal
import pandas as pd
import pytest
import reference

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
    _base,
    _fitted_model,
    _validation,
)
from skae._network import inference
from skae._network.inference import blocks
from skae._network.scaling import Scaling

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": False, "random_state": 0}


def test_large_networks_are_measured_on_fewer_samples(monkeypatch):
    network, _ = make_network((50, 40))
    model = make_model(network, make_parameters(network, np.random.default_rng(0)))
    n_parameters = model.parameters.flat.size
    for share, expected in ((2, 1000), (1, 1000), (0.5, 500), (0.01, 100)):
        monkeypatch.setattr(inference, "MANY_PARAMETERS", int(share * n_parameters))
        assert abs(model.n_measured(1000) - expected) < 20


# ---------------------------------------------------------------- blocks


ALLOWED = 2500  # bytes: NumPy's iterator of a broadcast and the headers of views


def through_blocks(model, X, part="reconstruct", **options):
    """Collect the output of blocks; each slice must follow on the one before."""
    width = model.network.n_components if part == "encode" else model.network.widths[-1]
    result, stop = np.full((len(X), width), np.nan, model.parameters.flat.dtype), 0
    for rows, output in blocks(X, model, part, raw=True, **options):
        assert rows.start == stop
        stop = rows.stop
        result[rows] = output
    assert stop == len(X)
    return result


@pytest.mark.parametrize("linear_path", [False, True])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 7, 10, 21, 22, 23, 512])
def test_blocks_equal_the_whole(n_rows, linear_path):
    rng = np.random.default_rng(8)
    network, names = make_network(
        (5, 4, 2), hidden="softplus", output="logistic", linear_path=linear_path
    )
    parameters = make_parameters(network, rng)
    X = rng.normal(size=(22, 5))
    scaling = Scaling(X.mean(axis=0), np.asarray(2.5))
    kept = X.copy()
    code, output = reference.forward(
        (X - scaling.mean) / 2.5, parameters.layers, parameters.path, names, 2
    )
    model = make_model(network, parameters, scaling)
    found = through_blocks(model, X, n_rows=n_rows)
    np.testing.assert_allclose(found, output, rtol=1e-12)
    found = through_blocks(model, X, "encode", n_rows=n_rows)
    np.testing.assert_allclose(found, code, rtol=1e-12, atol=1e-14)
    found = through_blocks(model, found, "decode", n_rows=n_rows)
    np.testing.assert_allclose(found, output, rtol=1e-12)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_take_strided_rows_and_the_other_dtype(dtype):
    rng = np.random.default_rng(9)
    network, _ = make_network((5, 2), linear_path=True)
    parameters = make_parameters(network, rng, dtype)
    model = make_model(network, parameters)
    X = np.asfortranarray(rng.normal(size=(40, 10)))[::2, ::2]
    found = through_blocks(model, X, n_rows=8)
    contiguous = np.ascontiguousarray(X).astype(dtype)
    expected = through_blocks(model, contiguous)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_blocks_of_no_rows():
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(0))
    assert list(blocks(np.empty((0, 5)), make_model(network, parameters), "reconstruct")) == []


def test_blocks_allocate_no_more_for_more_rows(peak_memory):
    network, _ = make_network((30, 20, 5), hidden="gelu", linear_path=True)
    parameters = make_parameters(network, np.random.default_rng(0))
    model = make_model(network, parameters)

    def run(X):
        for _ in blocks(X, model, "reconstruct", n_rows=100):
            pass

    short, long = (np.zeros((n, 30)) for n in (450, 20050))
    run(long)
    assert peak_memory(lambda: run(long)) < peak_memory(lambda: run(short)) + ALLOWED


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("input_radius", [None, (2.0, 1.0)])
@pytest.mark.parametrize("max_repeated", [0, 2**20])
def test_many_rows_give_the_result_of_few(
    dtype, per_feature, input_radius, max_repeated, monkeypatch
):
    """Products of a few rows at a time, biases and scalings written out, and what is left over."""
    monkeypatch.setattr("skae._network.scaling.MAX_REPEATED_BYTES", max_repeated)
    rng = np.random.default_rng(0)
    network, _ = make_network((7, 20, 3), linear_path=True)
    parameters = make_parameters(network, rng, dtype)
    X = rng.normal(size=(4 * 512 + 70, 7)).astype(dtype)
    scale = rng.uniform(1, 2, 7 if per_feature else ()).astype(dtype)
    scaling = Scaling(rng.normal(size=7).astype(dtype), np.asarray(scale))

    model = make_model(network, parameters, scaling)
    model.input_radius = input_radius

    def run(rows, **options):
        passed = blocks(rows, model, "reconstruct", **options)
        return np.concatenate([a.copy() for _, a in passed])

    found = run(X)
    expected = np.concatenate([run(X[i : i + 100], n_rows=100) for i in range(0, len(X), 100)])
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_codes_and_reconstructions_in_the_units_of_users(size):
    """Codes are multiplied by `code_scale`; reconstructions are in the units of X."""
    rng = np.random.default_rng(0)
    network, names = make_network((5, 4, 3), linear_path=True, nested=True)
    X = rng.normal(size=(30, 5))
    scaling = Scaling(X.mean(axis=0), np.asarray(2.5))
    model = make_model(network, make_parameters(network, rng), scaling)
    model.code_scale = np.asarray(0.5)
    parameters, decoder = model.parameters, network.decoder_of(size)
    indices = [network.layer_index(i, decoder) for i in range(1, 5)]
    first, (W, b), *others = [parameters.layers[k] for k in indices]
    layers = [first, (W[:, :size], b[:size]), *others]
    path = parameters.path[0][:, :size], parameters.path[1][:size]
    inputs = (X - scaling.mean) / 2.5
    code, output = reference.forward(inputs, layers, path, names, 2)
    expected = output * 2.5 + scaling.mean
    np.testing.assert_allclose(inference.encode(model, X)[:, :size], 0.5 * code, rtol=1e-11)
    found = inference.decode(model, 0.5 * code)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    found = inference.reconstruct(model, X, size)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    if size == 3:
        errors = np.square(expected - X).mean(axis=1)
        np.testing.assert_allclose(inference.mean_squared_errors(model, X), errors, rtol=1e-11)


def test_fewer_columns_are_decoded_where_columns_read_says_so():
    rng = np.random.default_rng(0)
    network, _ = make_network((5, 4, 3), nested=True)
    model = make_model(network, make_parameters(network, rng))
    code = rng.normal(size=(6, 3))
    alone = inference.decode(model, code[:, :1])
    assert (inference.decode(model, code[:, :2]) != alone).any()
    model.columns_read = [1, 1, 3]
    assert [model.n_columns_read(size) for size in (1, 2, 3)] == [1, 1, 3]
    assert_array_equal(inference.decode(model, code[:, :2]), alone)


# ---------------------------------------------------------------- few plain rows


def rows(n_rows=60, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, 5))


def answers(model, X):
    """Return the result of every public method of inference."""
    code = model.transform(X)
    return [code, model.inverse_transform(code), model.reconstruct(X), model.score_samples(X)]


@pytest.fixture
def checked(monkeypatch):
    """Count the calls of scikit-learn's checks."""
    calls = []
    for module, name in ((_validation, "validate"), (_base, "check_array")):
        check = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, check=check, **o: calls.append(1) or check(*a, **o)
        )
    return calls


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_the_short_cut_changes_no_number(Estimator, dtype, monkeypatch):
    model = Estimator(**SMALL).fit(rows().astype(dtype))
    for n_rows in (1, 1, 2, 100, 101):
        X = rows(n_rows, seed=1).astype(dtype)
        found = answers(model, X)
        with monkeypatch.context() as patched:
            patched.setattr(_base, "is_plain", lambda X, n_columns: False)
            patched.setattr(_fitted_model, "_models", _fitted_model._Models())
            expected = answers(model, X)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            assert_array_equal(a, b)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_only_plain_arrays_take_the_short_cut(Estimator, checked):
    model = Estimator(**SMALL).fit(rows())
    checked.clear()
    for X in (rows(1), rows(101), np.asfortranarray(rows(3))):
        answers(model, X)
        assert not checked
    huge = 1e200 * rows(1)
    columns = np.asfortranarray(rows(101))
    for X in (rows(1).tolist(), rows(1).astype(int), columns, rows(1).astype(">f8"), huge):
        checked.clear()
        with np.errstate(over="ignore"):
            model.transform(X)
        assert checked


@pytest.mark.parametrize("n_rows", [2, 300])
def test_flags_that_blas_raises_for_memory_beside_its_operands_are_ignored(n_rows):
    """OpenBLAS does so for float32 and five columns, if that memory holds a signalling NaN."""
    model = AutoencoderTransformer(**SMALL).fit(rows())
    found = []

    def use(block, output):
        found.append(np.sqrt(np.full(1, -1.0)))

    inference.each_block(model._model, rows(n_rows), "reconstruct", use)
    assert found


def test_feature_names_are_still_compared(checked):
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    model = AutoencoderTransformer(**SMALL).fit(frame)
    checked.clear()
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.transform(rows(1))
    assert checked
    nameless = AutoencoderTransformer(**SMALL).fit(rows())
    with pytest.warns(UserWarning, match="fitted without feature names"):
        nameless.transform(frame[:1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_rows_get_scikit_learns_message(bad):
    model = AutoencoderTransformer(**SMALL).fit(rows())
    X = rows(1)
    X[0, 2] = bad
    if np.isnan(bad):
        assert np.isfinite(model.transform(X)).all()
    else:
        with pytest.raises(ValueError, match="Input X contains"):
            model.transform(X)
    with pytest.raises(ValueError, match="Input X contains"):
        model.inverse_transform(X[:, 1:3])
    with pytest.raises(ValueError, match="X has 4 features"):
        model.transform(rows(1)[:, :4])
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        model.transform(X[:0])


@pytest.mark.parametrize("change", ["fit", "partial_fit", "set"])
def test_a_changed_model_is_bound_again(change):
    X, row = rows(), rows(1, seed=2)
    model = AutoencoderTransformer(**SMALL).fit(X)
    before = answers(model, row)
    if change == "set":
        model.theta_[...] *= 0.5
    else:
        getattr(model, change)(X + 1)
    for a, b, of_many in zip(answers(model, row), before, answers(model, rows(5)), strict=True):
        assert (a != b).any()
        assert a.shape[1:] == of_many.shape[1:]
    both = model.transform(np.concatenate([row, row]))
    np.testing.assert_allclose(model.transform(row), both[:1], rtol=1e-12)


def test_threads_have_their_own_models():
    model = AutoencoderTransformer(**SMALL).fit(rows())
    X = rows(400, seed=3)
    expected = model.transform(X)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: model.transform(X[i : i + 1]), range(len(X))))
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-12)


def test_no_model_outlives_its_estimator():
    model = AutoencoderTransformer(**SMALL).fit(rows())
    answers(model, rows(1))
    assert model in _fitted_model._models.by_estimator
    assert model._model.single_row_passes
    assert "theta_" in vars(model)
    theta = weakref.ref(model.theta_)
    del model
    gc.collect()
    assert theta() is None
