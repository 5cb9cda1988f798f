"""Sparse samples: the same results as from dense ones, without a dense copy of all samples."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy import sparse
from sklearn.decomposition import PCA

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae._network.clipping import measure_bounds
from skae._network.column_values import measure_column_values
from skae._network.initialization import principal_directions
from skae._network.scaling import columns_on_another_scale, measure_scaling
from skae._sparse import (
    SparseRows,
    column_means,
    extremes,
    repeats_previous,
    side_by_side,
    sorted_rows,
)
from skae._training.dependence import find_blocks
from skae._training.splitting import group_samples, merge_equal_rows

SHORT = {"n_components": 2, "hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0}


def samples(n_rows, n_columns, dtype=np.float64, seed=0):
    """Return a dense table with a structure and many zeros, and the same in CSR format."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, size=(n_rows, 3)) @ rng.gamma(0.3, size=(3, n_columns))
    X *= rng.random(X.shape) < 0.3
    return X.astype(dtype), sparse.csr_matrix(X.astype(dtype))


def tolerance(dtype):
    return {"rtol": 1e-9 if dtype == np.float64 else 1e-3, "atol": 1e-6}


# ---------------------------------------------------------------- rows and columns


@pytest.fixture(params=[np.float64, np.float32])
def pair(request):
    X, _ = samples(60, 7, request.param)
    X[:, 2], X[:, 3] = 0, np.linspace(-2, -1, 60)
    X[[5, 9]] = X[4]
    return X, SparseRows.of(sparse.csr_matrix(X))


def test_rows_behave_like_an_array(pair):
    X, S = pair
    chosen = np.array([4, 4, 40, 7])
    assert (len(S), S.shape, S.size, S.dtype) == (len(X), X.shape, X.size, X.dtype)
    assert_array_equal(np.asarray(S[chosen][1:]), X[chosen][1:])
    assert_array_equal(S[chosen[::2]][1], X[40])
    out = np.full((4, 7), 9, X.dtype)
    np.take(S[::2], chosen // 2, axis=0, out=out, mode="clip")
    assert_array_equal(out, X[::2][chosen // 2])
    assert_array_equal(S[X[:, 0] > 0] - X[X[:, 0] > 0], 0)
    assert_array_equal(S.min(axis=0), X.min(axis=0))
    assert_array_equal(S.max(axis=0), X.max(axis=0))
    assert extremes(S) == extremes(X)


def test_entries_are_canonical():
    """Entries that are zero or given twice are merged, in a copy."""
    given = sparse.coo_matrix(([1.0, 2.0, 3.0, -3.0], ([0, 0, 1, 1], [1, 1, 0, 0])), (2, 2)).tocsr()
    rows = SparseRows.of(sparse.csr_array(([1.0, 2.0, 0.0], [1, 1, 0], [0, 2, 3]), (2, 2)))
    assert_array_equal(rows.csr.data, [3])
    assert_array_equal(np.asarray(SparseRows.of(given)), given.toarray())


def test_means_of_columns(pair, monkeypatch):
    X, S = pair
    monkeypatch.setattr("skae._sparse.MAX_ENTRIES", 20)  # several blocks
    weights = np.random.default_rng(1).random(len(X))
    center = X[0].astype(float)
    for power in (1, 2):
        expected = np.average((X.astype(float) - center) ** power, axis=0, weights=weights)
        assert_allclose(column_means(S, weights, center, power), expected, rtol=1e-6, atol=1e-9)


def test_rows_are_sorted_as_numpy_does(pair):
    X, S = pair
    X = np.asarray(S)
    order, repeats = sorted_rows(S)
    distinct, counts = np.unique(X, axis=0, return_counts=True)
    assert_array_equal(X[order][~repeats], distinct)
    assert counts.max() == 3
    assert repeats.sum() == 2


@pytest.mark.parametrize("seed", range(3))
def test_mixed_signs_are_sorted_as_numpy_does(seed):
    X = np.random.default_rng(seed).integers(-1, 2, size=(50, 4)).astype(float)
    order, repeats = sorted_rows(SparseRows.of(sparse.csr_matrix(X)))
    assert_array_equal(X[order][~repeats], np.unique(X, axis=0))


def test_merged_rows(pair):
    X, S = pair
    weights, labels = np.arange(60.0) + 1, np.arange(60) % 2
    for arguments in ((None, True, None), (X[::-1], False, labels)):
        others = arguments
        if arguments[0] is not None:
            others = (S[np.arange(60)[::-1]], *arguments[1:])
        dense, merged = (merge_equal_rows(x, weights, *a) for x, a in ((X, arguments), (S, others)))
        assert_array_equal(np.asarray(merged.X), dense.X)
        assert_array_equal(merged.member, dense.member)
        assert_array_equal(merged.weights, dense.weights)
    assert_array_equal(np.asarray(side_by_side([S, labels[:, None]]))[:, -1], labels)


def test_statistics_of_columns(pair, monkeypatch):
    """Scale, bounds, values and dependence are those of the dense samples."""
    monkeypatch.setattr("skae._sparse.MAX_DENSE_NUMBERS", 200)  # several blocks of columns
    X, S = pair
    X, S = np.tile(X, (5, 1)), S[np.tile(np.arange(60), 5)]
    weights = np.ones(len(X))
    for dense, found in zip(*(vars(measure_scaling(x, weights, False)).values() for x in (X, S))):
        assert_allclose(found, dense, rtol=1e-6, atol=1e-9)
    bounds = measure_bounds(X)
    assert_array_equal(measure_bounds(S), bounds)
    assert np.isfinite(bounds).any()
    assert repr(measure_column_values(S)) == repr(measure_column_values(X))
    shifted = sparse.csr_matrix(X + 5)
    expected = columns_on_another_scale(X, X + 5)
    assert_array_equal(columns_on_another_scale(S, SparseRows.of(shifted)), expected)
    assert_array_equal(repeats_previous(S), repeats_previous(X))
    groups = [group_samples(x, weights, np.random.default_rng(0)).groups for x in (X, S)]
    assert_array_equal(*groups)
    walk = np.cumsum(np.random.default_rng(0).normal(size=(300, 3)), axis=0)
    blocks = find_blocks(walk)
    assert blocks is not None
    assert_array_equal(find_blocks(SparseRows.of(sparse.csr_matrix(walk))), blocks)


@pytest.mark.parametrize("n_columns", [30, 1600])
def test_principal_directions(n_columns, monkeypatch):
    """The covariance of few features and Lanczos iteration of many are centred implicitly."""
    monkeypatch.setattr("skae._sparse.MAX_DENSE_NUMBERS", 2**10)
    X, S = samples(80, n_columns)
    weights = np.random.default_rng(0).random(80) + 0.5
    scaling = measure_scaling(X, weights, False)
    expected = principal_directions(X, weights, scaling, 3)
    found = principal_directions(SparseRows.of(S), weights, scaling, 3)
    assert_allclose(found[0], expected[0], rtol=1e-9)
    assert_allclose(found[1], expected[1], atol=1e-7)
    assert_allclose(found[2], expected[2], rtol=1e-9)


# ---------------------------------------------------------------- estimators


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderTransformer(**SHORT),
        AutoencoderTransformer(nested=True, loss="log_loss", **SHORT),
        DenoisingAutoencoder(noise="salt_pepper", **SHORT),
        VariationalAutoencoder(loss="poisson", **SHORT),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_results_are_those_of_dense_samples(estimator, dtype):
    X, _ = samples(90, 12, dtype)
    X /= X.max()
    halves = sparse.csc_matrix(X[:70]), sparse.csr_array(X[70:])
    expected, found = {}, {}
    for results, train, test in ((expected, X[:70], X[70:]), (found, *halves)):
        estimator.fit(train)
        results["transform"] = estimator.transform(test)
        results["reconstruct"] = estimator.reconstruct(test)
        results["scores"] = estimator.score_samples(test)
        results["score"] = estimator.score(test)
        estimator.fit(train, X_val=test)
        results["validated"] = estimator.transform(test)
        estimator.partial_fit(train)
        results["after a pass"] = estimator.transform(test)
    for name, value in expected.items():
        assert_allclose(found[name], value, err_msg=name, **tolerance(dtype))
        assert np.asarray(found[name]).dtype == np.asarray(value).dtype
    assert isinstance(found["reconstruct"], np.ndarray)


def test_a_stream_of_sparse_samples_equals_a_dense_one():
    X, S = samples(300, 10)
    dense, model = AutoencoderTransformer(**SHORT), AutoencoderTransformer(**SHORT)
    for start in range(0, 300, 100):
        dense.partial_fit(X[start : start + 100])
        model.partial_fit(S[start : start + 100])
    assert_allclose(model.transform(S), dense.transform(X), **tolerance(X.dtype))


def test_clean_samples_take_the_kind_of_the_noisy_ones():
    X, S = samples(80, 6)
    noisy = X + 0.1
    expected = DenoisingAutoencoder(**SHORT).fit(noisy, X_clean=X).transform(X)
    mixed = DenoisingAutoencoder(**SHORT).fit(noisy, X_clean=S).transform(S)
    assert_allclose(mixed, expected, rtol=1e-9)
    mixed = DenoisingAutoencoder(**SHORT).fit(sparse.csr_matrix(noisy), X_clean=X).transform(X)
    assert_allclose(mixed, expected, rtol=1e-9)


@pytest.fixture
def dense_sizes(monkeypatch):
    """Sizes of all dense arrays that are made of sparse samples."""
    sizes = []
    csr = sparse.csr_matrix
    convert = csr.toarray

    def toarray(self, *args, **kwargs):
        sizes.append(self.shape[0] * self.shape[1])
        return convert(self, *args, **kwargs)

    monkeypatch.setattr(csr, "toarray", toarray)
    return sizes


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_samples_are_never_made_dense_as_a_whole(Estimator, dense_sizes, monkeypatch):
    monkeypatch.setattr("skae._sparse.MAX_DENSE_NUMBERS", 2**12)
    monkeypatch.setattr("skae._sparse.MAX_MEASURED_NUMBERS", 2**15)
    _, S = samples(1000, 300)
    model = Estimator(**SHORT | {"max_iter": 1, "batch_size": 50})
    model.fit(S).partial_fit(S)
    model.score(S)
    model.reconstruct(S)
    assert 0 < max(dense_sizes) <= 2**18  # the rows that `sample` keeps


def test_error_is_below_that_of_pca():
    """Centring pays: the start is PCA, and training keeps only what gains."""
    X, S = samples(400, 40)
    autoencoder = AutoencoderTransformer(3, max_iter=5, random_state=0).fit(S[:300])
    pca = PCA(3).fit(X[:300])
    error = np.square(pca.inverse_transform(pca.transform(X[300:])) - X[300:]).mean()
    assert -autoencoder.score_samples(S[300:]).mean() < error * (1 + 1e-9)


# ---------------------------------------------------------------- what dense X is needed for


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (AutoencoderTransformer(solver="lbfgs"), "solver='lbfgs'"),
        (DenoisingAutoencoder(noise="swap"), "noise='swap'"),
        (AutoencoderOutlierDetector(), "TruncatedSVD"),
    ],
    ids=str,
)
def test_the_reason_for_dense_samples_is_named(estimator, message):
    assert not estimator.__sklearn_tags__().input_tags.sparse
    with pytest.raises(TypeError, match=f"X is sparse, but .*{message}.*toarray"):
        estimator.fit(samples(30, 4)[1])


def test_missing_cells_are_refused():
    _, S = samples(30, 4)
    S.data[3] = np.nan
    with pytest.raises(ValueError, match="sparse and contains NaN"):
        AutoencoderTransformer().fit(S)


def test_a_share_of_the_variance_of_wide_samples_is_refused():
    _, S = samples(10, 1501)
    with pytest.raises(ValueError, match=r"n_components=0\.5 needs all principal directions"):
        AutoencoderTransformer(0.5).fit(S)


def test_a_dense_detector_refuses_new_sparse_samples():
    X, S = samples(40, 4)
    detector = AutoencoderOutlierDetector(criterion="reconstruction", **SHORT).fit(X)
    with pytest.raises(TypeError, match="dense data is required"):
        detector.score_samples(S)
