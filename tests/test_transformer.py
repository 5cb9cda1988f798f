"""AutoencoderTransformer: where it must agree with PCA, and what it adds to it."""

import pickle

import numpy as np
from numpy.testing import assert_allclose
import pytest
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae.activations import ACTIVATIONS

ESTIMATORS = [AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector]
TRAINED = {"early_stopping": False, "random_state": 0}


def rows(n_rows=80, n_features=6, rank=3, noise=0.1):
    """Rows near a subspace, with variances that differ, away from the origin."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(n_rows, rank)) * np.arange(rank, 0, -1)
    X = sources @ rng.normal(size=(rank, n_features))
    return X + noise * rng.normal(size=X.shape) + np.arange(n_features)


def curve(n_rows=300):
    """Rows near a curve: one column of code is enough for a nonlinear encoder only."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, n_rows)
    X = np.column_stack([t, t**2, np.sin(3 * t)])
    return X + 0.01 * rng.normal(size=X.shape)


def up_to_signs(A, B):
    return A * np.sign(np.sum(A * B, axis=0))


# ------------------------------------------------------------ PCA is where it starts


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("n_components", [1, 2, 4])
def test_without_iterations_it_is_pca(n_components, solver):
    X = rows()
    pca = PCA(n_components, svd_solver="full").fit(X)
    start = AutoencoderTransformer(n_components, max_iter=0, solver=solver).fit(X)
    code, expected = start.transform(X), pca.transform(X)
    assert_allclose(up_to_signs(code, expected), expected, rtol=0, atol=1e-12)
    assert_allclose(start.inverse_transform(code), pca.inverse_transform(expected), atol=1e-12)
    assert_allclose(start.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-10)
    assert_allclose(start.score(X), pca.explained_variance_ratio_.sum(), rtol=1e-12)
    assert start.loss_curve_ == []
    assert start.loss_ is None
    assert start.n_iter_ == 0
    assert start.t_ == 0


@pytest.mark.parametrize("scale", [1e12, 1e-12])
def test_without_iterations_it_is_pca_in_any_unit(scale):
    X = rows() * scale
    pca = PCA(2).fit(X)
    start = AutoencoderTransformer(2, max_iter=0).fit(X)
    expected = pca.transform(X)
    assert_allclose(up_to_signs(start.transform(X), expected), expected, atol=1e-11 * scale)
    assert_allclose(start.reconstruct(X), pca.inverse_transform(expected), atol=1e-11 * scale)


def test_without_iterations_float32_is_pca_to_its_rounding():
    X = rows().astype(np.float32)
    pca = PCA(2).fit(X)
    start = AutoencoderTransformer(2, max_iter=0).fit(X)
    assert_allclose(start.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=3e-5)


def test_weighted_start_is_pca_of_the_repeated_rows():
    X = rows(40)
    weights = np.random.default_rng(1).integers(0, 4, len(X))
    pca = PCA(2).fit(np.repeat(X, weights, axis=0))
    start = AutoencoderTransformer(2, max_iter=0).fit(X, sample_weight=weights)
    assert_allclose(start.reconstruct(X), pca.inverse_transform(pca.transform(X)), rtol=1e-10)


def test_wide_data_starts_at_pca():
    X = rows(n_rows=12, n_features=50)
    pca = PCA(3).fit(X)
    start = AutoencoderTransformer(3, max_iter=0).fit(X)
    assert_allclose(start.reconstruct(X), pca.inverse_transform(pca.transform(X)), rtol=1e-10)


@pytest.mark.parametrize("hidden_layer_sizes", [(), (5,), (5, 4)])
def test_linear_network_finds_the_subspace_of_pca(hidden_layer_sizes):
    X = rows()
    pca = PCA(2).fit(X)
    linear = AutoencoderTransformer(
        2,
        hidden_layer_sizes=hidden_layer_sizes,
        activation="identity",
        linear_path=None,
        solver="lbfgs",
        alpha=0,
        max_iter=5000,
        tol=0,
        **TRAINED,
    ).fit(X)
    found = np.linalg.multi_dot([*linear.coefs_, np.eye(X.shape[1])])
    assert subspace_angles(found.T, pca.components_.T).max() < 1e-3
    expected = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    assert_allclose(linear.reconstruction_err_, expected, rtol=1e-6)


def test_training_a_linear_network_from_pca_stays_at_pca():
    X = rows()
    pca = PCA(2).fit(X)
    linear = AutoencoderTransformer(
        2, hidden_layer_sizes=(5,), activation="identity", max_iter=50, **TRAINED
    ).fit(X)
    expected = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    assert linear.reconstruction_err_ <= expected * (1 + 1e-3)


# ------------------------------------------------------------ what it learns beyond


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_learns_a_curve_that_pca_cannot(linear_path, solver):
    X, unseen = curve(300), curve(600)[300:]
    pca = PCA(1).fit(X)
    residual = np.mean((unseen - pca.inverse_transform(pca.transform(unseen))) ** 2)
    model = AutoencoderTransformer(
        1,
        hidden_layer_sizes=(32,),
        activation="tanh",
        solver=solver,
        linear_path=linear_path,
        learning_rate_init=1e-2,
        batch_size=50,
        alpha=1e-3,
        max_iter=150,
        tol=0,
        **TRAINED,
    )
    model.fit(X)
    assert -model.score_samples(unseen).mean() < 0.5 * residual


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_defaults_on_unseen_rows_are_not_worse_than_pca():
    for X, n_components in [(load_iris().data, 2), (rows(60, noise=1.0), 2), (curve(), 1)]:
        order = np.random.default_rng(0).permutation(len(X))
        X, unseen = X[order[::2]], X[order[1::2]]
        pca = PCA(n_components).fit(X)
        residual = np.mean((unseen - pca.inverse_transform(pca.transform(unseen))) ** 2)
        model = AutoencoderTransformer(n_components, random_state=0).fit(X)
        assert -model.score_samples(unseen).mean() <= residual * 1.02


@pytest.mark.parametrize("n_rows", [2, 3, 5, 10])
def test_defaults_on_few_rows_are_not_worse_than_pca(n_rows):
    X, unseen = rows(n_rows), rows(200)[100:]
    pca = PCA(1).fit(X)
    residual = np.mean((unseen - pca.inverse_transform(pca.transform(unseen))) ** 2)
    model = AutoencoderTransformer(1, random_state=0).fit(X)
    assert -model.score_samples(unseen).mean() <= residual * 1.1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_trains(activation):
    X = curve(100)
    model = AutoencoderTransformer(
        1, hidden_layer_sizes=(8,), activation=activation, max_iter=20, **TRAINED
    ).fit(X)
    assert np.isfinite(model.theta_).all()
    assert model.score(X) > 0.7


# ------------------------------------------------------------ n_components and the code


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_share_of_variance_takes_as_many_components_as_pca(share, linear_path):
    X = rows(noise=0.5)
    model = AutoencoderTransformer(share, max_iter=1, linear_path=linear_path, **TRAINED).fit(X)
    assert model.n_components_ == PCA(share, svd_solver="full").fit(X).n_components_
    assert model.transform(X).shape == (len(X), model.n_components_)


@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("sparsity", ["l1", "kl"])
def test_a_sparse_code_may_be_wider_than_the_rows(sparsity, linear_path):
    X = rows(n_features=4, rank=2)
    model = AutoencoderTransformer(
        9, sparsity=sparsity, linear_path=linear_path, max_iter=20, **TRAINED
    ).fit(X)
    assert model.transform(X).shape == (len(X), 9)
    assert model.explained_variance_ratio_.shape == (9,)
    assert np.isfinite(model.reconstruct(X)).all()


def test_code_wider_than_the_rows_starts_at_the_rows_themselves():
    X = rows(n_features=4)
    start = AutoencoderTransformer(9, sparsity="l1", max_iter=0).fit(X)
    assert_allclose(start.reconstruct(X), X, rtol=1e-12)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("shape", [(20, 4), (3, 6)])
def test_more_components_than_pca_has(Estimator, shape):
    X = rows(n_features=6)[: shape[0], : shape[1]]
    most = min(shape)
    model = Estimator(most + 1, max_iter=2, early_stopping=False)
    expected = rf"n_components={most + 1} must be between 1 and min\(n_samples, n_features\)={most}"
    with pytest.raises(ValueError, match=expected):
        model.fit(X)
    with pytest.warns(UserWarning, match=f"{expected}.*copy the samples"):
        model.set_params(linear_path=None).fit(X)
    assert model.transform(X).shape == (len(X), most + 1)
    with pytest.raises(ValueError, match="n_components=1000000000 must be between"):
        Estimator(10**9).fit(X)
    sparse = AutoencoderTransformer(most + 1, latent_activation="top_k", linear_path=None)
    assert sparse.set_params(max_iter=2).fit(X).n_components_ == most + 1


def test_later_chunks_may_have_the_rows_that_the_components_need():
    X = rows(n_features=6)
    with pytest.warns(UserWarning, match="first call of partial_fit has 3 samples"):
        model = AutoencoderTransformer(5, random_state=0).partial_fit(X[:3])
    model.partial_fit(X)
    assert model.transform(X).shape == (len(X), 5)
    with pytest.raises(ValueError, match="n_components=7 must be between 1 and n_features=6"):
        AutoencoderTransformer(7).partial_fit(X)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_all_components(Estimator):
    X = rows(n_features=6)
    model = Estimator(None, max_iter=0).fit(X)
    assert model.n_components_ == PCA().fit(X).n_components_ == 6
    assert Estimator(None, max_iter=0).fit(X[:4]).n_components_ == 4
    assert Estimator(None).partial_fit(X).partial_fit(X[:2]).n_components_ == 6


def test_a_share_that_is_met_exactly_asks_for_one_more_as_in_pca():
    X = np.vstack([np.eye(4), -np.eye(4)])
    for share in (0.25, 0.5, 0.75):
        of_pca = PCA(share, svd_solver="full").fit(X).n_components_
        assert AutoencoderTransformer(share, max_iter=0).fit(X).n_components_ == of_pca


def test_networks_that_do_not_fit_into_memory_name_their_sizes():
    X = rows()
    for huge in ({"hidden_layer_sizes": 10**15}, {"hidden_layer_sizes": (8, 10**30)}):
        with pytest.raises(MemoryError, match=r"n_components=2 and hidden_layer_sizes=\("):
            AutoencoderTransformer(2, **huge).fit(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_rows", [90, 1000])
def test_variance_of_the_code_is_what_it_explains(n_rows, dtype):
    X = 5 * curve(n_rows).astype(dtype)
    model = AutoencoderTransformer(2, max_iter=30, random_state=0).fit(X)
    assert model.best_iter_ > 0
    code = model.transform(X).astype(float)
    explained = model.explained_variance_ratio_.sum() * X.var(axis=0, ddof=1, dtype=float).sum()
    assert_allclose(code.var(axis=0, ddof=1).sum(), explained, rtol=1e-4)
    assert_allclose(model.explained_variance_, code.var(axis=0, ddof=1), rtol=1e-4)


def test_what_scripts_for_pca_read():
    X, pca = rows(noise=0.3), PCA(3).fit(rows(noise=0.3))
    start = AutoencoderTransformer(3, max_iter=0).fit(X)
    assert_allclose(start.explained_variance_, pca.explained_variance_, rtol=1e-10)
    assert_allclose(np.abs(start.components_), np.abs(pca.components_), rtol=1e-7, atol=1e-10)
    code = (X - start.mean_) @ start.components_.T
    assert_allclose(code, start.transform(X), rtol=1e-7, atol=1e-10)


def test_components_need_a_linear_path():
    model = AutoencoderTransformer(2, linear_path=None, max_iter=1, early_stopping=False)
    assert not hasattr(model, "components_")
    with pytest.raises(AttributeError, match=r"linear_path=None\..*inverse_transform"):
        model.fit(rows()).components_  # noqa: B018


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"nested": True}, {"latent_activation": "tanh"}])
def test_whitened_codes(options, dtype):
    X = rows(noise=0.3).astype(dtype)
    model = AutoencoderTransformer(3, whiten=True, max_iter=20, **TRAINED, **options).fit(X)
    code = model.transform(X)
    assert code.dtype == dtype
    assert_allclose(code.std(axis=0, ddof=1), 1, rtol=1e-4)
    assert_allclose(model.inverse_transform(code), model.reconstruct(X), rtol=1e-4, atol=1e-4)
    plain = clone(model).set_params(whiten=False).fit(X)
    deviations = np.sqrt(model.explained_variance_)
    assert_allclose(code * deviations, plain.transform(X), rtol=1e-3, atol=1e-4)
    assert_allclose(plain.explained_variance_, model.explained_variance_)
    if options.get("nested"):
        shorter = model.inverse_transform(code[:, :2])
        assert_allclose(shorter, model.reconstruct(X, 2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_more_components_than_the_rank(dtype):
    """They have no variance: training goes on, and whitening does not magnify rounding errors."""
    X = rows(60, noise=0, rank=2).astype(dtype)
    model = AutoencoderTransformer(8, sparsity="kl", whiten=True, max_iter=3, random_state=0)
    assert model.fit(X).n_iter_ > 0
    deviations = model.set_params(max_iter=0).fit(X).transform(X).std(axis=0)
    assert_allclose(deviations, [1, 1, 0, 0, 0, 0, 0, 0], atol=0.02)
    assert np.abs(model.inverse_transform(model.transform(X) + 1e-3)).max() < 20
    assert_allclose(model.reconstruct(X), model.inverse_transform(model.transform(X)), atol=1e-4)


def test_whitened_codes_of_passes_and_later_fits():
    X = rows(noise=0.3)
    whitened, plain = (
        AutoencoderTransformer(3, whiten=whiten, random_state=0, warm_start=True, max_iter=5)
        for whiten in (True, False)
    )
    for train in ("partial_fit", "partial_fit", "fit", "partial_fit"):
        for model in (whitened, plain):
            getattr(model, train)(X)
        assert_allclose(whitened.theta_, plain.theta_)
        deviations = np.sqrt(plain.explained_variance_)
        assert_allclose(whitened.transform(X) * deviations, plain.transform(X), rtol=1e-9)
    half = AutoencoderTransformer(3, whiten=True, random_state=0)
    half.partial_fit(X[:30]).partial_fit(X[30:])
    assert_allclose(half.transform(X).std(axis=0), 1, rtol=0.3)


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_explained_variance_ratio(linear_path):
    X = rows(noise=0.5)
    model = AutoencoderTransformer(4, linear_path=linear_path, max_iter=30, **TRAINED).fit(X)
    shares = model.explained_variance_ratio_
    assert shares.shape == (4,)
    assert np.all(np.diff(shares) <= 0)
    assert np.all(shares >= 0)
    assert_allclose(shares.sum(), max(model.score(X), 0), rtol=1e-6)


def test_signs_of_the_code_do_not_depend_on_the_seed():
    X = rows()
    codes = [
        AutoencoderTransformer(2, max_iter=5, early_stopping=False, random_state=seed)
        .fit(X)
        .transform(X)
        for seed in range(3)
    ]
    for code in codes[1:]:
        for column, first in zip(code.T, codes[0].T, strict=True):
            assert np.corrcoef(column, first)[0, 1] > 0.9


# ------------------------------------------------------------ sparsity


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
@pytest.mark.parametrize("batch_size", [1000, 25])
@pytest.mark.parametrize("target", [0.1, 0.3])
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_kl_draws_mean_activations_to_the_target(linear_path, target, batch_size):
    X = load_digits().data[:200] / 16
    model = AutoencoderTransformer(
        12,
        hidden_layer_sizes=(20,),
        sparsity="kl",
        sparsity_target=target,
        sparsity_weight=10,
        linear_path=linear_path,
        learning_rate_init=1e-2,
        batch_size=batch_size,
        alpha=0,
        max_iter=100 if batch_size == 25 else 400,
        tol=0,
        **TRAINED,
    ).fit(X)
    code = model.transform(X)
    assert code.min() >= 0
    assert code.max() <= 1
    assert_allclose(code.mean(axis=0), target, atol=0.25 * target)


@pytest.mark.parametrize("target", [0.05, 0.3])
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_kl_starts_near_its_target(linear_path, target):
    X = load_digits().data[:200] / 16
    model = AutoencoderTransformer(
        12,
        sparsity="kl",
        sparsity_target=target,
        hidden_layer_sizes=(),
        linear_path=linear_path,
        output_activation="identity",
        max_iter=0,
        **TRAINED,
    ).fit(X)
    logits = np.log(model.transform(X)) - np.log1p(-model.transform(X))
    assert_allclose(logits.mean(axis=0), np.log(target / (1 - target)))
    if linear_path:
        assert_allclose(model.reconstruct(X).mean(axis=0), X.mean(axis=0), atol=1e-8)


def test_equal_samples_are_counted_one_by_one():
    X = np.repeat(rows(10), 2, axis=0)
    model = AutoencoderTransformer(2, max_iter=1, random_state=0).fit(X)
    assert model.n_samples_seen_ == 20
    assert model.partial_fit(X[:5]).n_samples_seen_ == 25


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_linear_encoder_has_pcas_code_and_a_better_decoder():
    X = curve()
    pca = PCA(1).fit(X)
    model = AutoencoderTransformer(1, linear_weight=np.inf, max_iter=60, **TRAINED).fit(X)
    assert_allclose(model.transform(X), pca.transform(X), atol=1e-12)
    assert_allclose(model.components_, pca.components_, atol=1e-12)
    assert_allclose(model.explained_variance_, pca.explained_variance_)
    lost = np.mean((X - pca.inverse_transform(pca.transform(X))) ** 2)
    assert np.mean((X - model.reconstruct(X)) ** 2) < 0.75 * lost


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_linear_encoder_is_linear_in_every_class(Estimator):
    X = rows()
    model = Estimator(2, linear_weight=np.inf, max_iter=3, hidden_layer_sizes=(8,), **TRAINED)
    code = model.fit(X).transform(X)
    between = model.transform((X[:40] + X[40:]) / 2)
    assert_allclose(between, (code[:40] + code[40:]) / 2, atol=1e-10)


def test_a_linear_encoder_keeps_pcas_order_and_a_warm_start_must_have_one():
    X = rows()
    model = AutoencoderTransformer(3, linear_weight=np.inf, warm_start=True, **TRAINED)
    code = model.set_params(max_iter=5).fit(X).transform(X)
    assert_allclose(code, PCA(3).fit_transform(X), atol=1e-10)
    assert_allclose(model.fit(X).transform(X), code)
    bent = AutoencoderTransformer(3, warm_start=True, max_iter=5, **TRAINED).fit(X)
    with pytest.raises(ValueError, match="linear_weight is now inf"):
        bent.set_params(linear_weight=np.inf).fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("nested", [False, True])
def test_a_weight_keeps_the_code_near_that_of_pca(nested):
    X, bends = rows(noise=0.5), []
    options = TRAINED | {"nested": nested, "max_iter": 40, "hidden_layer_sizes": (16,)}
    for weight in (0, 1, 30):
        model = AutoencoderTransformer(2, linear_weight=weight, **options).fit(X)
        code = np.column_stack([model.transform(X), np.ones(len(X))])
        linear = PCA(2).fit_transform(X)
        bends.append(np.sum((linear - code @ np.linalg.lstsq(code, linear, rcond=None)[0]) ** 2))
    assert bends[2] < 0.5 * bends[0]
    assert bends[1] < bends[0]


@pytest.mark.parametrize("options", [{"linear_path": None}, {"sparsity": "kl"}])
def test_a_weight_needs_a_linear_path_and_a_linear_code(options):
    with pytest.raises(ValueError, match=r"linear_weight=1\.0 compares"):
        AutoencoderTransformer(2, linear_weight=1, **options).fit(rows())


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_l1_makes_the_code_smaller():
    X = rows()
    parameters = {"linear_path": None, "max_iter": 100, "learning_rate_init": 1e-2} | TRAINED
    plain = AutoencoderTransformer(4, **parameters).fit(X)
    sparse = AutoencoderTransformer(4, sparsity="l1", sparsity_weight=1.0, **parameters).fit(X)
    assert np.abs(sparse.transform(X)).mean() < 0.5 * np.abs(plain.transform(X)).mean()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("linear_path", "nested"), [(None, False), ("pca", False), ("pca", True)])
def test_top_k_codes_keep_their_share(linear_path, nested, dtype):
    X = (load_digits().data[:300] / 16).astype(dtype)
    model = AutoencoderTransformer(
        20,
        hidden_layer_sizes=(30,),
        latent_activation="top_k",
        sparsity_target=0.2,
        linear_path=linear_path,
        nested=nested,
        batch_size=30,
        learning_rate_init=1e-2,
        max_iter=30,
        **TRAINED,
    ).fit(X)
    code = model.transform(X)
    assert code.dtype == dtype
    assert (np.count_nonzero(code, axis=1) == 4).all()
    assert_allclose(model.transform(X[5:6]), code[5:6], atol=1e-5 * code.max())
    assert_allclose(pickle.loads(pickle.dumps(model)).transform(X), code)
    assert model.score(X) > 0.6


# ------------------------------------------------------------ losses


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["log_loss", "poisson", "huber", "absolute_error"])
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_every_loss_reconstructs(linear_path, loss):
    X = load_digits().data[:300] / 16
    model = AutoencoderTransformer(
        8, loss=loss, linear_path=linear_path, max_iter=30, learning_rate_init=1e-2, **TRAINED
    ).fit(X)
    assert model.score(X) > 0.4
    reconstruction = model.reconstruct(X)
    assert np.isfinite(reconstruction).all()
    if loss == "log_loss":
        assert reconstruction.min() >= 0
        assert reconstruction.max() <= 1
    if loss == "poisson":
        assert reconstruction.min() >= 0


@pytest.mark.parametrize("output_activation", ["logistic", "tanh", "relu", "softplus"])
def test_output_activation_is_in_the_units_of_the_rows(output_activation):
    X = load_digits().data[:300] / 16
    model = AutoencoderTransformer(
        8, output_activation=output_activation, max_iter=30, learning_rate_init=1e-2, **TRAINED
    ).fit(X)
    assert model.score(X) > 0.3


# ------------------------------------------------------------ out of core


@pytest.mark.slow
def test_chunks_reach_what_fit_reaches():
    X = load_digits().data / 16
    parameters = {"n_components": 8, "hidden_layer_sizes": (64,), "random_state": 0}
    whole = AutoencoderTransformer(max_iter=12, early_stopping=False, **parameters).fit(X)
    chunked = AutoencoderTransformer(early_stopping=False, **parameters)
    chunks = np.array_split(np.random.default_rng(0).permutation(len(X)), 6)
    for _ in range(12):
        for chunk in chunks:
            assert chunked.partial_fit(X[chunk]) is chunked
    assert chunked.score(X) >= whole.score(X) * 0.98
    assert chunked.n_samples_seen_ == 12 * len(X)
    assert len(chunked.loss_curve_) == 72
