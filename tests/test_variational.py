"""VariationalAutoencoder: probabilistic PCA as its linear case, likelihoods, codes and options."""

import warnings

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from scipy.linalg import subspace_angles
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from skae import VariationalAutoencoder
from skae._network.evidence import log_likelihood_bound

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "early_stopping": False, "random_state": 0}
DTYPES = [np.float32, np.float64]


def rows(n_rows=200, n_features=5, dtype=np.float64, seed=0):
    """Return samples of one normal distribution: two directions and noise of variance one."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(7).normal(size=(2, n_features))
    X = rng.normal(size=(n_rows, 2)) @ loadings
    return (3 * X + rng.normal(size=X.shape) + np.arange(n_features)).astype(dtype)


def pca_likelihood(X, n_components, Z=None):
    """Return the mean log-likelihood of probabilistic PCA, with the variance that maximises it.

    scikit-learn divides by n - 1 where maximum likelihood divides by n.
    """
    Z = X if Z is None else Z
    d = X.shape[1]
    variances, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    variances, vectors = variances[::-1], vectors[:, ::-1]
    noise = variances[n_components:].mean()
    W = vectors[:, :n_components] * np.sqrt(variances[:n_components] - noise)
    C = W @ W.T + noise * np.eye(d)
    centered = Z - X.mean(axis=0)
    mahalanobis = np.einsum("ij,ij->i", centered @ np.linalg.inv(C), centered)
    return float(np.mean(-0.5 * (d * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + mahalanobis)))


# ------------------------------------------------------------ the linear case


@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_without_training_it_is_probabilistic_pca(n_components):
    """The bound is the likelihood: the distributions of codes are the true posteriors."""
    X, Z = rows(), rows(40, seed=1)
    model = VariationalAutoencoder(n_components, max_iter=0, n_samples_bound=1).fit(X)
    pca = PCA(n_components).fit(X)
    for samples in (X, Z):
        assert_allclose(model.score(samples), pca_likelihood(X, n_components, samples), rtol=1e-6)
    assert_allclose(model.noise_variance_, pca.noise_variance_ * (len(X) - 1) / len(X), rtol=1e-6)
    angles = subspace_angles(model.path_coefs_[1].T, pca.components_.T)
    assert angles.max() < 1e-6


def test_the_optimum_of_a_linear_network_is_probabilistic_pca():
    """Also from a random start: same subspace, likelihood within one per cent."""
    X = rows(400)
    model = VariationalAutoencoder(
        2,
        hidden_layer_sizes=(),
        linear_path=None,
        early_stopping=False,
        alpha=0.0,
        learning_rate="cosine",
        learning_rate_init=0.02,
        batch_size=400,
        max_iter=1500,
        tol=0.0,
        averaging=0.99,
        n_samples_bound=300,
        random_state=0,
    ).fit(X)
    expected = pca_likelihood(X, 2)
    assert abs(model.score(X) - expected) < 0.01 * abs(expected)
    decoder = model.coefs_[1]
    assert np.degrees(subspace_angles(decoder.T, PCA(2).fit(X).components_.T)).max() < 3
    noise = PCA(2).fit(X).noise_variance_
    assert_allclose(model.noise_variance_, noise, rtol=0.15)


def test_training_does_not_leave_the_optimum_of_a_linear_network():
    X = rows(400)
    model = VariationalAutoencoder(2, hidden_layer_sizes=(), random_state=0, max_iter=30).fit(X)
    expected = pca_likelihood(X, 2)
    assert abs(model.score(X) - expected) < 0.01 * abs(expected)


@pytest.mark.slow
def test_a_linear_model_is_never_better_than_the_truth():
    """The bound stays below log p(x), which is known here, and rises towards it."""
    X = rows(150)
    model = VariationalAutoencoder(2, hidden_layer_sizes=(), max_iter=0).fit(X)
    # Another encoder than the true posterior: the bound has a gap.
    model.theta_ = model.theta_.copy()
    model.path_coefs_[0][...] *= 0.8
    truth = pca_likelihood(X, 2)
    rng = np.random.default_rng(0)
    means, errors = [], []
    for n_draws in (1, 5, 50, 1000):
        noise = rng.standard_normal((30, n_draws, 2))
        found = [log_likelihood_bound(model._model, X, of_draw).mean() for of_draw in noise]
        means.append(np.mean(found))
        errors.append(np.std(found) / np.sqrt(len(found)))
    assert means[0] < means[1] < means[2] < means[3] < truth + 3 * errors[3]
    assert truth - means[0] > 0.1
    assert truth - means[3] < 0.02


@pytest.mark.slow
def test_it_is_better_than_probabilistic_pca_where_samples_are_curved():
    rng = np.random.default_rng(0)
    t = rng.normal(size=(800, 1))
    X = np.hstack([t, t**2, np.sin(2 * t)]) + 0.1 * rng.normal(size=(800, 3))
    model = VariationalAutoencoder(1, random_state=0, max_iter=60).fit(X[:600])
    assert model.score(X[600:]) > pca_likelihood(X[:600], 1, X[600:]) + 0.15
    assert model.best_iter_ > 0


# ------------------------------------------------------------ likelihoods of other decoders


def test_bernoulli():
    """With a code that says nothing it is the likelihood of independent pixels."""
    X = (load_digits().data[:300] > 7).astype(float)
    model = VariationalAutoencoder(2, loss="log_loss", **SMALL | {"max_iter": 0}).fit(X)
    assert model.noise_variance_ is None
    p = np.clip(X.mean(axis=0), 1e-4, 1 - 1e-4)
    independent = np.mean(np.sum(X * np.log(p) + (1 - X) * np.log(1 - p), axis=1))
    assert model.score(X) > independent + 1
    assert np.all(model.score_samples(X) < 0)


def test_poisson_has_its_constant():
    X = np.random.default_rng(0).poisson(3.0, size=(500, 4)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = VariationalAutoencoder(1, loss="poisson", random_state=0, max_iter=10).fit(X)
    # The entropy of a Poisson distribution with mean 3 is 1.931 nats.
    assert abs(model.score(X) + 4 * 1.931) < 0.1


def test_units_change_the_density_as_they_must():
    X = rows()
    one = VariationalAutoencoder(2, **SMALL).fit(X)
    two = VariationalAutoencoder(2, **SMALL).fit(1000 * X)
    expected = one.score_samples(X) - 5 * np.log(1000)
    assert_allclose(two.score_samples(1000 * X), expected, rtol=1e-6)
    assert_allclose(two.noise_variance_, 1e6 * one.noise_variance_, rtol=1e-6)


def test_scores_of_weighted_samples():
    X = rows()
    model = VariationalAutoencoder(2, **SMALL).fit(X)
    weights = np.random.default_rng(0).random(len(X))
    scores = model.score_samples(X)
    assert_allclose(model.score(X, sample_weight=weights), np.average(scores, weights=weights))
    assert_allclose(model.score(X), scores.mean())


# ------------------------------------------------------------ codes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden_layer_sizes", [(), (8,)])
def test_deviations(dtype, hidden_layer_sizes):
    X = rows(dtype=dtype)
    model = VariationalAutoencoder(2, **SMALL | {"hidden_layer_sizes": hidden_layer_sizes}).fit(X)
    std = model.posterior_std(X)
    assert std.dtype == dtype
    assert std.shape == (200, 2)
    assert np.all((std > 0) & (std < 1.1))
    assert_allclose(np.concatenate([model.posterior_std(X[:7]), model.posterior_std(X[7:])]), std,
                    rtol=1e-5)  # fmt: skip
    mean = model.transform(X).astype(float)
    kl = 0.5 * (mean**2 + std.astype(float) ** 2 - 2 * np.log(std.astype(float)) - 1)
    assert_allclose(model.kl_divergence_, kl.mean(axis=0), rtol=1e-4)


def test_codes_have_the_distribution_of_the_prior():
    X = rows(1000)
    model = VariationalAutoencoder(2, random_state=0).fit(X)
    code, std = model.transform(X), model.posterior_std(X)
    assert_allclose(code.mean(axis=0), 0, atol=0.1)
    assert_allclose(code.var(axis=0) + np.mean(std**2, axis=0), 1, atol=0.15)
    assert model.code_scale_ == 1


def test_components_are_in_order():
    X = load_iris().data
    model = VariationalAutoencoder(3, random_state=0, max_iter=30).fit(X)
    ratios = model.explained_variance_ratio_
    assert np.all(np.diff(ratios) <= 0)
    assert ratios.sum() < 1
    # The variances have been put into the same order: they still belong to their means.
    total = model.transform(X).var(axis=0) + np.mean(model.posterior_std(X) ** 2, axis=0)
    assert_allclose(total, 1, atol=0.25)


def test_components_that_say_nothing_are_counted():
    X = rows(600, n_features=6)
    model = VariationalAutoencoder(5, kl_weight=1.5, random_state=0, max_iter=20).fit(X)
    assert model.n_active_components_ == 2
    assert np.sum(model.kl_divergence_ > 0.05) == 2


# ------------------------------------------------------------ options


@pytest.mark.slow
def test_kl_weight_trades_rate_for_distortion():
    X = rows(600)
    models = [VariationalAutoencoder(2, kl_weight=w, random_state=0).fit(X) for w in (0.1, 1, 3)]
    rates = [model.kl_divergence_.sum() for model in models]
    errors = [model.reconstruction_err_ for model in models]
    assert rates[0] > rates[1] > rates[2]
    assert errors[0] < errors[1] < errors[2]


def test_collapse_is_reported():
    X = rows(300)
    with pytest.warns(ConvergenceWarning, match=r"kl_weight \(now 20.0\).*kl_warm_up.*free_bits"):
        model = VariationalAutoencoder(2, kl_weight=20.0, **SMALL).fit(X)
    assert model.n_active_components_ == 0
    assert_allclose(model.posterior_std(X), 1, atol=0.1)


def test_nothing_to_learn_is_no_collapse():
    VariationalAutoencoder(2, **SMALL).fit(np.ones((30, 3)))


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_free_bits_keep_components():
    X = rows(400)
    plain = SMALL | {"max_iter": 60, "kl_weight": 20.0}
    with pytest.warns(ConvergenceWarning, match="collapsed"):
        collapsed = VariationalAutoencoder(2, linear_path=None, **plain).fit(X)
    model = VariationalAutoencoder(2, linear_path=None, free_bits=0.5, **plain).fit(X)
    assert collapsed.n_active_components_ == 0
    assert model.n_active_components_ == 2
    assert_allclose(model.kl_divergence_, 0.5, atol=0.25)


def test_warm_up_starts_without_the_divergence():
    """In the first of many epochs of warm-up only the reconstruction counts."""
    X = rows(200)
    parameters = SMALL | {"max_iter": 1, "linear_path": None}
    weighted = VariationalAutoencoder(2, kl_weight=0.001, **parameters).fit(X)
    warm = VariationalAutoencoder(2, kl_warm_up=1000, **parameters).fit(X)
    assert_allclose(warm.theta_, weighted.theta_, rtol=1e-9)
    patient = VariationalAutoencoder(
        2, kl_warm_up=30, n_iter_no_change=1, **SMALL | {"max_iter": 100, "tol": 1e9}
    ).fit(X)
    assert patient.n_iter_ == 32


def test_more_draws_give_a_higher_likelihood():
    binary = (load_digits().data[:400] > 7).astype(np.float32)
    parameters = {"loss": "log_loss", "random_state": 0, "max_iter": 40, "early_stopping": False}
    parameters |= {"hidden_layer_sizes": (32,)}
    scores = []
    for n_samples in (1, 5):
        model = VariationalAutoencoder(3, n_samples=n_samples, **parameters).fit(binary)
        scores.append(model.score(binary))
    assert scores[1] > scores[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_variance_of_each_feature(dtype):
    rng = np.random.default_rng(0)
    deviations = np.array([0.5, 0.7, 1.0, 1.0, 1.5, 1.5, 2.0, 3.0])
    X = 4 * rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 8))
    X = (X + deviations * rng.normal(size=X.shape)).astype(dtype)
    one, each = (
        VariationalAutoencoder(2, noise_variance=kind, **SMALL | {"max_iter": 15}).fit(X)
        for kind in ("shared", "per_feature")
    )
    assert np.ptp(one.noise_variance_) == 0
    assert_allclose(each.noise_variance_, np.square(deviations), rtol=0.2)
    assert each.noise_variance_.dtype == dtype
    assert each.score(X) > one.score(X) + 0.2


def test_a_noise_variance_of_each_feature_starts_as_factor_analysis():
    rng = np.random.default_rng(0)
    X = 3 * rng.normal(size=(500, 2)) @ rng.normal(size=(2, 8))
    X += np.array([0.5, 0.7, 1.0, 1.0, 1.5, 1.5, 2.0, 3.0]) * rng.normal(size=X.shape)
    factors = FactorAnalysis(2, tol=1e-3, svd_method="lapack").fit(X)
    parameters = {"noise_variance": "per_feature", "max_iter": 0, "n_samples_bound": 1}
    model = VariationalAutoencoder(2, **parameters).fit(X)
    assert_allclose(model.score(X), factors.score(X), atol=0.01)
    assert_allclose(model.noise_variance_, factors.noise_variance_, atol=0.1)
    collapsed = VariationalAutoencoder(2, kl_weight=200.0, **parameters).fit(X)
    assert_allclose(collapsed.noise_variance_, X.var(axis=0), rtol=1e-6)
    assert collapsed.n_active_components_ == 0


@pytest.mark.filterwarnings("ignore:L-BFGS stopped")
@pytest.mark.parametrize("parameters", [{}, {"n_samples": 3}, {"solver": "lbfgs"}], ids=str)
def test_random_state_determines_everything(parameters):
    X = rows()
    fits = [VariationalAutoencoder(2, **SMALL | parameters).fit(X) for _ in range(2)]
    assert_array_equal(fits[0].theta_, fits[1].theta_)
    other = VariationalAutoencoder(2, **SMALL | parameters | {"random_state": 1}).fit(X)
    assert np.any(other.theta_ != fits[0].theta_)
    assert_array_equal(fits[0].score_samples(X), fits[0].score_samples(X))


def test_early_stopping_keeps_the_best_held_out_bound():
    X = rows(700)
    model = VariationalAutoencoder(2, random_state=0, max_iter=25).fit(X)
    assert len(model.validation_loss_curve_) == model.n_iter_
    assert model.best_loss_ <= min(model.validation_loss_curve_) + 0.05
    X_val = rows(100, seed=3)
    model.fit(X, X_val=X_val)
    # The loss is minus the bound for each feature, of scaled samples and with one draw.
    bound = -model.best_loss_ * 5 - 5 * np.log(model.scale_)
    assert abs(model.set_params(n_samples_bound=1).score(X_val) - bound) < 0.6


def test_another_network_is_refused_when_training_goes_on():
    X = rows()
    model = VariationalAutoencoder(2, warm_start=True, **SMALL).fit(X)
    with pytest.raises(ValueError, match="n_noise_variances is now 5, was 1"):
        model.set_params(noise_variance="per_feature").fit(X)
    assert model.set_params(noise_variance="shared", max_iter=3).fit(X).n_iter_ == 3


def test_partial_fit_goes_on():
    X = rows(400)
    model = VariationalAutoencoder(2, random_state=0)
    for _ in range(30):
        model.partial_fit(X)
    assert model.t_ == 60
    assert model.score(X) > pca_likelihood(X, 2) - 0.1
    assert model.sample(3, random_state=0).shape == (3, 5)


def test_a_search_finds_the_number_of_components():
    """The score is a likelihood, so that more components are no better by themselves."""
    X = rows(400)
    search = GridSearchCV(
        VariationalAutoencoder(max_iter=0, n_samples_bound=50),
        {"n_components": [1, 2, 4]},
        cv=3,
    ).fit(X)
    assert search.best_params_["n_components"] == 2


# ------------------------------------------------------------ samples


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_have_the_moments_of_the_training_samples(dtype):
    X = rows(1000, dtype=dtype)
    model = VariationalAutoencoder(2, random_state=0, max_iter=40).fit(X)
    drawn = model.sample(20_000, random_state=0)
    assert drawn.dtype == dtype
    scale = X.std(axis=0)
    assert_allclose((drawn.mean(axis=0) - X.mean(axis=0)) / scale, 0, atol=0.1)
    assert_allclose(np.cov((drawn / scale).T), np.cov((X / scale).T), atol=0.12)


def test_samples_cover_new_samples():
    """The share of new samples below each quantile of the drawn ones is that of the quantile."""
    model = VariationalAutoencoder(2, random_state=0, max_iter=40).fit(rows(1000))
    drawn, new = model.sample(5000, random_state=0), rows(2000)[1000:]
    for share in (0.1, 0.5, 0.9):
        below = np.mean(new < np.quantile(drawn, share, axis=0), axis=0)
        assert_allclose(below, share, atol=0.05)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_of_different_units_have_noise_of_their_own(dtype):
    """The least variance of the noise is a share of that of the feature, not of all of them."""
    rng = np.random.default_rng(0)
    units = np.array([1, 1e4, 1e-3, 1])
    X = ((rng.normal(size=(400, 1)) @ [[1, 2, 1, 1]] + rng.normal(size=(400, 4))) * units).astype(
        dtype
    )
    model = VariationalAutoencoder(1, noise_variance="per_feature", **SMALL | {"max_iter": 0}).fit(
        X
    )
    assert_allclose(np.sqrt(model.noise_variance_) / units, 1, atol=0.15)
    drawn = model._draw(4000, rng)
    assert_allclose(drawn.std(axis=0) / X.std(axis=0), 1, atol=0.1)
    reference = FactorAnalysis(1).fit(X / units).score(X / units) - np.log(units).sum()
    assert_allclose(model.score(X), reference, atol=0.01)
    sparse = VariationalAutoencoder(1, noise_variance="per_feature", **SMALL | {"max_iter": 0})
    assert_allclose(sparse.fit(csr_matrix(X)).score(csr_matrix(X)), model.score(X), rtol=1e-3)
    for level in (0, 5):
        for _ in range(6):
            model.partial_fit(X + (level * units).astype(dtype))
    assert np.isfinite(model.score(X))


def test_samples_of_binary_features_and_of_counts():
    X = (load_digits().data[:300] > 7).astype(float)
    model = VariationalAutoencoder(4, loss="log_loss", **SMALL).fit(X)
    drawn = model.sample(500, random_state=0)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert np.abs(drawn.mean(axis=0) - X.mean(axis=0)).max() < 0.2
    few = VariationalAutoencoder(1, loss="log_loss", **SMALL | {"max_iter": 0}).fit(X[:3])
    assert set(np.unique(few.sample(50, random_state=0))) == {0.0, 1.0}
    counts = np.random.default_rng(0).poisson(3.0, size=(200, 4)).astype(float)
    model = VariationalAutoencoder(1, loss="poisson", **SMALL | {"max_iter": 0}).fit(counts)
    drawn = model.sample(500, random_state=0)
    assert_array_equal(drawn, np.rint(drawn))
    assert np.abs(drawn.mean() - 3) < 0.3


def test_grey_values_are_drawn_as_expectations():
    X = load_digits().data[:300] / 16
    drawn = VariationalAutoencoder(4, loss="log_loss", **SMALL).fit(X).sample(50, random_state=0)
    assert len(np.unique(drawn)) > 2
    assert np.all((drawn >= 0) & (drawn <= 1))


@pytest.mark.slow
def test_cells_given_others_in_the_linear_case():
    """The conditional distribution of a normal distribution is known."""
    X = rows(500)
    model = VariationalAutoencoder(2, max_iter=0).fit(X)
    slopes = model.path_coefs_[1] * model.scale_
    covariance = slopes.T @ slopes + np.diag(model.noise_variance_)
    x = X.mean(axis=0) + [1.0, -0.5, 0.5, np.nan, np.nan]
    drawn = model.sample(4000, random_state=0, given=x[None])[:, 3:]
    gain = np.linalg.solve(covariance[:3, :3], covariance[:3, 3:]).T
    mean = X.mean(axis=0)[3:] + gain @ [1.0, -0.5, 0.5]
    remaining = covariance[3:, 3:] - gain @ covariance[:3, 3:]
    assert_allclose((drawn.mean(axis=0) - mean) / X.std(axis=0)[3:], 0, atol=0.05)
    assert_allclose(np.cov(drawn.T), remaining, atol=0.1 * X.var())


def test_sample_before_fit():
    with pytest.raises(NotFittedError):
        VariationalAutoencoder().sample()


def test_frames():
    X = pd.DataFrame(rows(), columns=list("abcde"))
    model = VariationalAutoencoder(2, **SMALL).set_output(transform="pandas").fit(X)
    drawn = model.sample(4, random_state=0)
    assert list(drawn.columns) == list("abcde")
    assert len(drawn) == 4
    assert list(model.transform(X).columns) == [
        "variationalautoencoder0",
        "variationalautoencoder1",
    ]


def test_the_table_of_layers_names_the_head():
    pytest.importorskip("pandas")
    model = VariationalAutoencoder(2, **SMALL).fit(rows())
    html = model._layers_html()
    assert "log variance of code" in html
    assert "noise variance" in html
    assert f"{model.theta_.size:,}" in html


def test_missing_cells_of_training_samples_have_no_loss():
    """The noise is that of the observed cells, not of filled ones, which are on the plane."""
    X, gaps = rows(1000), np.random.default_rng(1).random((1000, 5)) < 0.3
    model = VariationalAutoencoder(2, **SMALL | {"max_iter": 60, "tol": 0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that training diverged
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.where(gaps, np.nan, X))
    assert model.n_iter_ > 20
    assert_allclose(model.noise_variance_, 1, rtol=0.2)
