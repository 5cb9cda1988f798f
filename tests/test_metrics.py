"""skae.metrics: scores and errors of reconstructions, for every reducer."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.decomposition import (
    NMF,
    PCA,
    FactorAnalysis,
    FastICA,
    IncrementalPCA,
    KernelPCA,
    SparsePCA,
    TruncatedSVD,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae.metrics import (
    interpolation_jumps,
    kl_weight_curve,
    rate_distortion,
    reconstruction_score,
    reconstruction_scores,
)

X = load_iris().data
QUICK = {"max_iter": 3, "early_stopping": False, "random_state": 0}

REDUCERS = {
    "PCA": PCA(2),
    "whitened PCA": PCA(2, whiten=True),
    "IncrementalPCA": IncrementalPCA(2),
    "KernelPCA": KernelPCA(3, kernel="rbf", gamma=0.1, fit_inverse_transform=True),
    "NMF": NMF(2, max_iter=1000),
    "FastICA": FastICA(2, random_state=0),
    "SparsePCA": SparsePCA(2, max_iter=5, random_state=0),
    "TruncatedSVD": TruncatedSVD(2),
    "StandardScaler": StandardScaler(),
    "AutoencoderTransformer": AutoencoderTransformer(2, **QUICK),
    "DenoisingAutoencoder": DenoisingAutoencoder(2, **QUICK),
    "AutoencoderOutlierDetector": AutoencoderOutlierDetector(2, **QUICK),
    "scaled PCA": make_pipeline(StandardScaler(), PCA(2)),
    "scaled NMF": make_pipeline(MinMaxScaler(), NMF(2, max_iter=1000)),
    "scaled autoencoder": make_pipeline(StandardScaler(), AutoencoderTransformer(2, **QUICK)),
    "PCA and autoencoder": make_pipeline(PCA(3), AutoencoderTransformer(2, **QUICK)),
}


@pytest.mark.parametrize("reducer", REDUCERS.values(), ids=REDUCERS)
def test_score_is_the_explained_share_of_variance(reducer):
    reducer.fit(X)
    reconstruction = reducer.inverse_transform(reducer.transform(X))
    expected = r2_score(X, reconstruction, multioutput="variance_weighted")
    assert_allclose(reconstruction_score(reducer, X), expected, rtol=1e-12)
    assert 0.5 < expected <= 1

    weights = np.arange(len(X)) % 4
    expected = r2_score(X, reconstruction, sample_weight=weights, multioutput="variance_weighted")
    score = reconstruction_score(reducer, X, sample_weight=weights)
    assert_allclose(score, expected, rtol=1e-12)


def test_score_of_pca_is_its_explained_variance():
    pca = PCA(2).fit(X)
    assert_allclose(reconstruction_score(pca, X), pca.explained_variance_ratio_.sum())


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
def test_score_equals_the_score_method(Estimator):
    model = Estimator(2, **QUICK).fit(X)
    weights = np.arange(len(X)) % 4
    assert_allclose(model.score(X), reconstruction_score(model, X), rtol=1e-12)
    assert_allclose(
        model.score(X, sample_weight=weights),
        reconstruction_score(model, X, sample_weight=weights),
        rtol=1e-12,
    )
    unseen = X[:20] + 1
    assert_allclose(model.score(unseen), reconstruction_score(model, unseen), rtol=1e-12)


def test_scores_of_a_perfect_a_mean_and_a_worse_reconstruction():
    identity = FunctionTransformer(inverse_func=None).fit(X)
    assert reconstruction_score(identity, X) == 1
    mean = FunctionTransformer(inverse_func=lambda Z: np.tile(X.mean(axis=0), (len(Z), 1)))
    assert_allclose(reconstruction_score(mean.fit(X), X), 0, atol=1e-12)
    zeros = FunctionTransformer(inverse_func=np.zeros_like).fit(X)
    assert reconstruction_score(zeros, X) < 0


@pytest.mark.parametrize("sample", [[1.0, 2.0, 3.0], [5.1, 3.5, 0.1]])
def test_samples_without_variance(sample):
    """The mean of equal samples may differ by a rounding error, which is not variance."""
    same = np.repeat([sample], 5, axis=0)
    identity = FunctionTransformer().fit(same)
    assert reconstruction_score(identity, same) == 1
    zeros = FunctionTransformer(inverse_func=np.zeros_like).fit(same)
    assert reconstruction_score(zeros, same) == 0


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_score_of_frames(container):
    frame = pd.DataFrame(X, columns=load_iris().feature_names)
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, **QUICK))
    expected = reconstruction_score(pipeline.fit(frame), frame)
    pipeline.set_output(transform=container).fit(frame)
    assert_allclose(reconstruction_score(pipeline, frame), expected, rtol=1e-12)


def test_score_of_float32_and_integers():
    model = AutoencoderTransformer(2, **QUICK).fit(X.astype(np.float32))
    score = reconstruction_score(model, X.astype(np.float32))
    assert isinstance(score, float)
    assert_allclose(score, reconstruction_score(model, X), rtol=1e-5)
    counts = np.round(X * 10).astype(int)
    assert reconstruction_score(PCA(2).fit(counts), counts) > 0.9


def test_score_as_scoring():
    scores = cross_val_score(PCA(2), X, scoring=reconstruction_score, cv=3)
    assert scores.shape == (3,)
    assert np.isfinite(scores).all()


def test_estimators_that_cannot_reconstruct_raise():
    with pytest.raises(TypeError, match="FactorAnalysis has no inverse_transform"):
        reconstruction_score(FactorAnalysis(2).fit(X), X)
    with pytest.raises(TypeError, match="LogisticRegression has no transform"):
        reconstruction_score(LogisticRegression(), X)
    pipe = make_pipeline(PCA(2), LogisticRegression()).fit(X, X[:, 0] > X[:, 0].mean())
    with pytest.raises(TypeError, match=r"Pipeline has no transform. Pass .*: pipe\[:-1\]"):
        reconstruction_score(pipe, X)
    with pytest.raises(TypeError, match=r"Pipeline has no inverse_transform\.$"):
        reconstruction_score(make_pipeline(StandardScaler(), FactorAnalysis(2)).fit(X), X)


def test_invalid_input_raises():
    pca = PCA(2).fit(X)
    with pytest.raises(NotFittedError):
        reconstruction_score(PCA(2), X)
    with pytest.raises(ValueError, match="NaN"):
        reconstruction_score(pca, np.where(X > 5, np.nan, X))
    with pytest.raises(ValueError, match="3 features"):
        reconstruction_score(pca, X[:, :3])
    with pytest.raises(ValueError, match="sample_weight"):
        reconstruction_score(pca, X, sample_weight=[1, 2])
    with pytest.raises(ValueError, match="sample_weight"):
        reconstruction_score(pca, X, sample_weight=-np.ones(len(X)))
    with pytest.raises(ValueError, match="at least one non-zero"):
        reconstruction_score(pca, X, sample_weight=np.zeros(len(X)))
    svd = TruncatedSVD(2).fit(csr_array(X))
    with pytest.raises(TypeError, match="parse data was passed"):
        reconstruction_score(svd, csr_array(X))


# ------------------------------------------------------------ rate_distortion

NESTED = QUICK | {"nested": True}
WEIGHTS = np.arange(len(X)) % 4


@pytest.mark.parametrize("sample_weight", [None, WEIGHTS])
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
def test_rate_distortion_is_the_error_with_each_number_of_components(Estimator, sample_weight):
    model = Estimator(3, **NESTED).fit(X)
    curve = rate_distortion(model, X, sample_weight=sample_weight)
    assert_array_equal(curve.n_components, [1, 2, 3])
    for i, size in enumerate(curve.n_components):
        reconstruction = model.reconstruct(X, size)
        squares = ((X - reconstruction) ** 2).mean(axis=1)
        expected = np.average(squares, weights=sample_weight)
        assert_allclose(curve.mean_squared_error[i], expected, rtol=1e-9)
        expected = r2_score(
            X, reconstruction, sample_weight=sample_weight, multioutput="variance_weighted"
        )
        assert_allclose(curve.explained_variance[i], expected, rtol=1e-9)
    expected = model.score(X, sample_weight=sample_weight)
    assert_allclose(curve.explained_variance[-1], expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("latent_activation", ["identity", "tanh"])
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
def test_rate_distortion_of_pca(Estimator, latent_activation, dtype):
    """The linear path gives the errors of PCA on held-out samples."""
    train, held_out = X[::2].astype(dtype), X[1::2].astype(dtype)
    model = Estimator(4, latent_activation=latent_activation, **NESTED).fit(train)
    curve = rate_distortion(model, held_out)
    for i, size in enumerate(curve.n_components):
        pca = PCA(size).fit(train)
        error = np.mean((pca.inverse_transform(pca.transform(held_out)) - held_out) ** 2)
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        assert_allclose(curve.pca_mean_squared_error[i], error, rtol=1e-3, atol=tolerance)
        expected = reconstruction_score(pca, held_out)
        assert_allclose(curve.pca_explained_variance[i], expected, rtol=tolerance)


def test_rate_distortion_of_selected_sizes_and_frames():
    frame = pd.DataFrame(X, columns=load_iris().feature_names)
    model = AutoencoderTransformer(3, **NESTED).set_output(transform="pandas").fit(frame)
    complete, selected = (rate_distortion(model, frame, n_components=n) for n in (None, [3, 1]))
    for name, values in selected.items():
        assert_allclose(values, complete[name][[2, 0]], rtol=1e-12)
    one = rate_distortion(model, frame, n_components=2)
    assert_allclose(one.mean_squared_error, complete.mean_squared_error[1:2], rtol=1e-12)


def test_rate_distortion_without_linear_path():
    model = AutoencoderTransformer(2, **NESTED, linear_path=None).fit(X)
    curve = rate_distortion(model, X)
    assert curve.mean_squared_error.shape == (2,)
    assert curve.pca_mean_squared_error is curve.pca_explained_variance is None


def test_rate_distortion_raises():
    model = AutoencoderTransformer(2, **NESTED)
    with pytest.raises(NotFittedError):
        rate_distortion(model, X)
    model.fit(X)
    for n_components in (0, 3, [1, 3], [1.0], [[1, 2]], "all", [True]):
        with pytest.raises(ValueError, match="n_components must be a list of int from 1 to"):
            rate_distortion(model, X, n_components=n_components)
    for other in (AutoencoderTransformer(2, **QUICK).fit(X), PCA(2).fit(X)):
        with pytest.raises(ValueError, match=f"nested=True, got {type(other).__name__}"):
            rate_distortion(other, X)
    with pytest.raises(TypeError, match="FactorAnalysis has no inverse_transform"):
        rate_distortion(FactorAnalysis(2).fit(X), X)
    with pytest.raises(ValueError, match="NaN"):
        rate_distortion(model, np.where(X > 5, np.nan, X))
    with pytest.raises(ValueError, match="sample_weight"):
        rate_distortion(model, X, sample_weight=[1, 2])


# ------------------------------------------------------------ variational autoencoders


def test_kl_weight_curve():
    model = VariationalAutoencoder(2, max_iter=0, n_samples_bound=7)
    curve = kl_weight_curve(model, X[::2], X[1::2], kl_weights=[1, 30.0])
    assert_array_equal(curve.kl_weight, [1, 30])
    fitted = curve.estimators[0]
    assert (fitted.n_samples_bound, fitted.kl_weight) == (7, 1.0)
    # The bound is exact in the linear case, whatever the number of draws.
    assert_allclose(curve.rate[0] + curve.distortion[0], -fitted.score(X[1::2]))
    error = np.mean((fitted.reconstruct(X[1::2]) - X[1::2]) ** 2)
    assert_allclose(curve.mean_squared_error[0], error)
    assert np.all(np.diff(curve.rate) < 0)
    assert np.all(np.diff(curve.distortion) > 0)
    assert_array_equal(curve.n_active_components, [2, 0])
    assert not hasattr(model, "theta_")


def test_kl_weight_curve_raises():
    with pytest.raises(TypeError, match="AutoencoderTransformer has no kl_weight"):
        kl_weight_curve(AutoencoderTransformer(2), X)
    for weights in ([-1.0], "all", [[1.0]]):
        with pytest.raises(ValueError, match="kl_weights must be a list of numbers"):
            kl_weight_curve(VariationalAutoencoder(2), X, kl_weights=weights)


class Stairs(FunctionTransformer):
    """Codes are the samples; decoding rounds them down."""

    def __init__(self):
        super().__init__(inverse_func=np.floor)


def test_interpolation_jumps():
    pca = PCA(2).fit(X)
    assert_allclose(interpolation_jumps(pca, X[:3], X[100:103], n_steps=7), 1)
    starts, ends = np.zeros((2, 1)), np.array([[2.5], [0.5]])
    with np.errstate(invalid="raise"):
        jumps = interpolation_jumps(Stairs().fit(starts), starts, ends, n_steps=10)
    assert_allclose(jumps, [5, np.nan])  # two steps of one among ten of 0.2 on average
    with pytest.raises(ValueError, match="n_steps must be an int of at least 2"):
        interpolation_jumps(pca, X[:3], X[:3], n_steps=1)
    with pytest.raises(ValueError, match="as many samples as each other, got 3 and 4"):
        interpolation_jumps(pca, X[:3], X[:4])
    with pytest.raises(TypeError, match="FactorAnalysis has no inverse_transform"):
        interpolation_jumps(FactorAnalysis(2).fit(X), X[:3], X[:3])


def test_missing_cells_do_not_count():
    X = np.random.default_rng(0).normal(size=(80, 4))
    X[::3, 1] = np.nan
    model = AutoencoderTransformer(2, hidden_layer_sizes=(6,), max_iter=2, random_state=0).fit(X)
    assert_allclose(reconstruction_score(model, X), model.score(X), rtol=1e-6)
    found = reconstruction_scores(model, X)
    assert_allclose(found["reconstruction_score"], model.score(X), rtol=1e-6)
    expected = np.nanmean(np.square(X - model.inverse_transform(model.transform(X))))
    assert_allclose(-found["neg_mean_squared_error"], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="nothing but NaN"):
        reconstruction_score(model, np.full((3, X.shape[1]), np.nan))
