"""Where training starts."""

from itertools import product
import math

from gradients import make_model, make_network, make_objective, make_parameters, make_rows
import numpy as np
import pytest
import reference
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae._network import initialization
from skae._network.initialization import (
    OUTPUT_WEIGHT_SCALE,
    PATH_PENALTY,
    initialize_means,
    initialize_output,
    initialize_path,
    initialize_weights,
    principal_directions,
    regress_path,
)
from skae._network.scaling import identity_scaling, measure_scaling
from skae.activations import ACTIVATIONS, Activation
from skae.losses import LOSSES

OUTPUTS = [name for name, a in ACTIVATIONS.items() if a.inverse is not Activation.inverse]


def rows(n_rows, n_features, seed=0):
    """Rows with a mean, whose components have well separated variances."""
    rng = np.random.default_rng(seed)
    rank = min(n_rows, n_features)
    deviations = 3 * 0.8 ** np.arange(rank)
    mixing = np.linalg.qr(rng.normal(size=(n_features, rank)))[0]
    return rng.normal(size=(n_rows, rank)) * deviations @ mixing.T + rng.normal(size=n_features)


def directions_of(X, n_components, weights=None, per_feature=False):
    weights = np.ones(len(X)) if weights is None else weights
    scaling = measure_scaling(X, weights, per_feature)
    return *principal_directions(X, weights, scaling, n_components), scaling


# ---------------------------------------------------------------- random weights


def initialized(seed=0, dtype=np.float64, encoder=(300, 200, 100), **options):
    network, _ = make_network(encoder, **options)
    parameters = network.parameters(np.full(network.n_parameters, np.nan, dtype))
    initialize_weights(network, parameters, np.random.default_rng(seed))
    assert not np.isnan(parameters.flat).any()
    return network, parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_variance_of_the_weights(hidden, dtype):
    network, parameters = initialized(hidden=hidden, dtype=dtype)
    for (W, b), activation in zip(parameters.layers, network.activations, strict=True):
        assert W.std() == pytest.approx(activation.gain / math.sqrt(len(W)), rel=0.03)
        assert W.mean() == pytest.approx(0, abs=4 * float(W.std()) / math.sqrt(W.size))
        assert (b == 0).all()


def test_the_seed_decides_the_weights():
    first, again, other = (initialized(seed)[1].flat for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[:100] != other[:100]).all()


def test_beside_a_linear_path_the_network_starts_at_zero():
    network, parameters = initialized(encoder=(5, 4, 2), linear_path=True)
    parameters.path[0][...] = 0
    names = ["tanh", "identity", "tanh", "identity"]
    X = np.random.default_rng(0).normal(size=(6, 5))
    code, output = reference.forward(X, parameters.layers, parameters.path, names, 2)
    np.testing.assert_array_equal(code, 0)
    np.testing.assert_array_equal(output, 0)
    assert (parameters.layers[0][0] != 0).all()
    assert (parameters.layers[2][0] != 0).all()
    assert network.linear_path


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OUTPUTS)
def test_without_a_path_the_output_starts_near_the_mean(name, dtype):
    network, parameters = initialized(encoder=(5, 4, 2), output=name, dtype=dtype)
    before = parameters.layers[-1][0].copy()
    mean = np.random.default_rng(0).uniform(0.1, 0.9, 5).astype(dtype)
    initialize_output(network, parameters, mean)
    W, b = parameters.layers[-1]
    np.testing.assert_allclose(W, OUTPUT_WEIGHT_SCALE * before, rtol=1e-6)
    output, _ = reference.ACTIVATIONS[name]
    level = output(b.astype(float))
    np.testing.assert_allclose(level, 0 if name == "identity" else mean, rtol=1e-5)


@pytest.mark.parametrize("target", [0.05, 0.5, 0.8])
def test_means_of_a_logistic_code_start_at_their_target(target):
    network, parameters = initialized(encoder=(5, 4, 2), latent="logistic")
    initialize_means(network, parameters, target)
    _, b = parameters.layers[1]
    np.testing.assert_allclose(reference.logistic(b), target)
    others = [b for i, (_, b) in enumerate(parameters.layers) if i != 1]
    assert not np.concatenate(others).any()


# ---------------------------------------------------------------- PCA


# Rows, columns and the largest that counts as dense: every way the directions are found.
SHAPES = [(60, 8, 1500), (8, 60, 1500), (6, 6, 1500), (8, 60, 16), (60, 8, 16), (60, 25, 5)]
SHAPES += [(80, 8, 1500), (40, 60, 5), (60, 25, 0), (8, 60, 0)]


def limit_sides(monkeypatch, max_dense):
    """Limit what is decomposed at once; with 0 there are only products with vectors."""
    monkeypatch.setattr(initialization, "MAX_DENSE_SIDE", max_dense)
    monkeypatch.setattr(initialization, "MIN_LANCZOS_SIDE", 20)
    monkeypatch.setattr(initialization, "BLOCK_NUMBERS", 300)
    if max_dense == 0:
        monkeypatch.setattr(initialization, "MAX_GRAM_SIDE", 0)


@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize(("n_rows", "n_features", "max_dense"), SHAPES)
def test_directions_are_those_of_pca(monkeypatch, n_rows, n_features, max_dense, per_feature):
    limit_sides(monkeypatch, max_dense)
    X = rows(n_rows, n_features)
    variances, directions, total, scaling = directions_of(X, 4, per_feature=per_feature)
    pca = PCA(4, svd_solver="full").fit((X - scaling.mean) / scaling.scale)
    np.testing.assert_allclose(
        variances, pca.explained_variance_ * (n_rows - 1) / n_rows, rtol=1e-8
    )
    np.testing.assert_allclose(directions, pca.components_, atol=1e-7)
    np.testing.assert_allclose(variances / total, pca.explained_variance_ratio_, rtol=1e-8)


@pytest.mark.parametrize(("n_rows", "n_features", "max_dense"), SHAPES)
def test_weighted_directions_are_those_of_repeated_rows(monkeypatch, n_rows, n_features, max_dense):
    limit_sides(monkeypatch, max_dense)
    X = rows(n_rows, n_features)
    weights = np.random.default_rng(1).integers(1, 4, n_rows)
    variances, directions, total, _ = directions_of(X, 3, weights.astype(float))
    repeated = np.repeat(X, weights, axis=0)
    exact = directions_of(repeated, 3)
    np.testing.assert_allclose(variances, exact[0], rtol=1e-8)
    np.testing.assert_allclose(directions, exact[1], atol=1e-7)
    assert total == pytest.approx(exact[2])


def test_weighted_directions_are_those_of_the_weighted_covariance():
    X = rows(40, 6)
    weights = np.random.default_rng(1).random(40)
    variances, directions, total, scaling = directions_of(X, 6, weights)
    _, exact, exact_directions = reference.pca(X, weights / weights.sum())
    np.testing.assert_allclose(variances * scaling.scale**2, exact, rtol=1e-10)
    np.testing.assert_allclose(np.abs(directions @ exact_directions.T), np.eye(6), atol=1e-7)
    assert total == pytest.approx(variances.sum())


@pytest.mark.parametrize(("n_rows", "n_features", "max_dense"), SHAPES)
def test_directions_in_float32(monkeypatch, n_rows, n_features, max_dense):
    limit_sides(monkeypatch, max_dense)
    X = rows(n_rows, n_features)
    variances, directions, _, _ = directions_of(X.astype(np.float32), 3)
    exact = directions_of(X, 3)
    np.testing.assert_allclose(variances, exact[0], rtol=1e-4)
    np.testing.assert_allclose(directions, exact[1], atol=1e-3)


@pytest.mark.parametrize(("n_rows", "n_features", "max_dense"), SHAPES)
def test_the_rank_limits_the_directions(monkeypatch, n_rows, n_features, max_dense):
    limit_sides(monkeypatch, max_dense)
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, n_features))
    variances, directions, total, _ = directions_of(X, 4)
    assert len(variances) == len(directions) <= 4
    np.testing.assert_allclose(variances[2:], 0, atol=1e-12)
    assert total == pytest.approx(variances.sum())
    np.testing.assert_allclose(directions @ directions.T, np.eye(len(directions)), atol=1e-6)


@pytest.mark.parametrize(("n_rows", "n_features", "max_dense"), SHAPES)
def test_constant_columns_have_no_part_in_the_directions(
    monkeypatch, n_rows, n_features, max_dense
):
    limit_sides(monkeypatch, max_dense)
    X = rows(n_rows, n_features)
    X[:, 1] = 7.3
    _, directions, _, _ = directions_of(X, 3)
    np.testing.assert_allclose(directions[:, 1], 0, atol=1e-9)
    _, others, _, _ = directions_of(np.delete(X, 1, axis=1), 3)
    np.testing.assert_allclose(np.delete(directions, 1, axis=1), others, atol=1e-7)


@pytest.mark.parametrize(("n_rows", "n_features", "max_dense"), SHAPES)
def test_equal_samples_have_no_directions(monkeypatch, n_rows, n_features, max_dense):
    limit_sides(monkeypatch, max_dense)
    variances, directions, total, _ = directions_of(np.full((n_rows, n_features), 0.25), 3)
    assert len(variances) == 0
    assert directions.shape == (0, n_features)
    assert total == 0
    variances, directions, total, _ = directions_of(np.full((n_rows, n_features), 0.1), 3)
    assert total < 1e-25  # the mean is off by a rounding error
    assert np.isfinite(directions).all()


@pytest.mark.parametrize("max_dense", [1500, 5, 0])
def test_one_sample_has_no_directions(monkeypatch, max_dense):
    """Equal rows are merged into one, so one may be all there is, however wide."""
    limit_sides(monkeypatch, max_dense)
    variances, directions, total, _ = directions_of(np.arange(30.0)[None], 3)
    assert len(variances) == 0
    assert directions.shape == (0, 30)
    assert total == 0


@pytest.mark.parametrize("max_dense", [5, 0])
def test_directions_up_to_a_share_are_the_leading_ones(monkeypatch, max_dense):
    """Further ones may be missing, whether the first few reach the share or not."""
    limit_sides(monkeypatch, max_dense)
    monkeypatch.setattr(initialization, "FIRST_DIRECTIONS", 2)
    for shape, share in product([(60, 40), (40, 60)], [0.3, 0.9]):
        X = rows(*shape)
        variances, directions, total, scaling = directions_of(X, 40)
        given = X, np.ones(len(X)), scaling, 40
        part = principal_directions(*given, share=share)
        n_found = len(part[0])
        assert n_found == 2 if share == 0.3 else n_found > 2
        assert part[0].sum() > share * total == pytest.approx(share * part[2])
        np.testing.assert_allclose(part[0], variances[:n_found], rtol=1e-6, atol=1e-12)
        n_clear = min(n_found, 15)  # the others have next to no variance
        np.testing.assert_allclose(part[1][:n_clear], directions[:n_clear], atol=1e-6)


def test_directions_leave_the_rows():
    X = rows(30, 5)
    kept = X.copy()
    directions_of(X, 3)
    np.testing.assert_array_equal(X, kept)


# ---------------------------------------------------------------- the linear path


def start(X, *, latent="identity", output=None, loss="squared_error", n_components=3, weights=None):
    """Return a model at its start, with PCA on its path, and the names of its activations."""
    weights = np.ones(len(X)) if weights is None else weights
    network, names = make_network(
        (X.shape[1], 4, n_components), latent=latent, output=output, loss=loss, linear_path=True
    )
    scaling = measure_scaling(X, weights, per_feature=False)
    _, directions, _ = principal_directions(X, weights, scaling, n_components)
    parameters = make_parameters(network, np.random.default_rng(0), X.dtype)
    initialize_weights(network, parameters, np.random.default_rng(0))
    model = make_model(network, parameters, scaling)
    if not network.output_activation.is_identity:
        model.target_scaling = identity_scaling(X.shape[1], X.dtype)
    initialize_path(model, X, weights, directions)
    return model, names


def run(X, model, names):
    """Return code and reconstruction, the latter in the units of X."""
    inputs = (X - model.scaling.mean) / model.scaling.scale
    layers, path = model.parameters.layers, model.parameters.path
    code, output = reference.forward(inputs, layers, path, names, 2)
    return code, output * model.target_scaling.scale + model.target_scaling.mean


@pytest.mark.parametrize("n_components", [1, 3, 6])
def test_the_start_is_pca(n_components):
    X = rows(40, 6)
    model, names = start(X, n_components=n_components)
    code, reconstruction = run(X, model, names)
    pca = PCA(n_components).fit(X)
    np.testing.assert_allclose(reconstruction, pca.inverse_transform(pca.transform(X)), atol=1e-8)
    factors = code / pca.transform(X)
    np.testing.assert_allclose(factors, factors[0, 0], rtol=1e-6)
    assert factors[0, 0] > 0


def test_the_start_is_weighted_pca():
    X = rows(40, 6)
    weights = np.random.default_rng(1).integers(1, 4, 40)
    model, names = start(X, weights=weights.astype(float))
    repeated = PCA(3).fit(np.repeat(X, weights, axis=0))
    _, reconstruction = run(X, model, names)
    expected = repeated.inverse_transform(repeated.transform(X))
    np.testing.assert_allclose(reconstruction, expected, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("latent", ["identity", "logistic", "softplus", "relu"])
def test_more_components_than_the_rank(latent, dtype):
    """Nothing is divided by the rounding errors of directions without variance."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 6))
    model, names = start(X.astype(dtype), latent=latent, n_components=4)
    assert max(np.abs(matrix).max() for matrix in model.parameters.path) < 20
    if dtype == np.float32:
        return
    _, reconstruction = run(X, model, names)
    if latent == "identity":
        np.testing.assert_allclose(reconstruction, X, atol=1e-8)


@pytest.mark.parametrize("latent", ACTIVATIONS)
def test_the_start_with_another_code_reconstructs(latent):
    X = rows(200, 6)
    model, names = start(X, latent=latent)
    _, reconstruction = run(X, model, names)
    np.testing.assert_allclose(reconstruction.mean(axis=0), X.mean(axis=0), atol=1e-8)
    explained = 1 - np.sum((X - reconstruction) ** 2) / np.sum((X - X.mean(axis=0)) ** 2)
    assert explained > 0.25


def test_the_components_of_another_code_start_alike():
    """Those of little variance too: each has deviation one before the activation."""
    X = rows(200, 6) @ np.diag([9.0, 3.0, 1.0, 0.3, 0.1, 0.03])
    model, _ = start(X, latent="tanh", n_components=5)
    inputs = (X - model.scaling.mean) / model.scaling.scale
    np.testing.assert_allclose((inputs @ model.parameters.path[0]).std(axis=0), 1, rtol=1e-6)


def starts():
    """Every latent activation with every output that a loss allows."""
    for loss_name, loss in LOSSES.items():
        for output in [loss.link] if loss.fused else OUTPUTS:
            for latent in ACTIVATIONS:
                yield loss_name, output, latent


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "output", "latent"), list(starts()))
def test_no_start_is_worse_than_the_mean(loss, output, latent):
    """The path may help: with a decoder of zeros the output is what starts from the mean."""
    X = np.random.default_rng(4).beta(0.5, 1, size=(60, 6)) @ np.diag([1, 0.9, 0.5, 0.3, 1, 0.1])
    model, _ = start(X, latent=latent, output=output, loss=loss)
    network, parameters = model.network, model.parameters

    def loss_of(parameters):
        inputs, target = np.empty_like(X), np.empty_like(X)
        model.scaling.apply(X, inputs)
        model.target_scaling.apply(X, target)
        objective = make_objective(network, parameters, make_rows(inputs, target))
        objective.loader.fill(np.arange(len(X)), None)
        return objective(0, len(X))

    found = loss_of(parameters)
    link = network.activations[-1]
    parameters.path[1][...] = 0
    parameters.layers[-1][1][...] = 0 if link.is_identity else link.inverse(X.mean(axis=0))
    assert found < loss_of(parameters) * (1 + 1e-3)


@pytest.mark.parametrize("parameters", [{"loss": "poisson"}, {"output_activation": "exponential"}])
def test_the_start_of_counts_is_the_same_in_both_dtypes(parameters):
    """One sample five times as large as the others overflows exponentials of float32 early."""
    X = np.random.default_rng(0).poisson(5, (300, 10)).astype(float)
    X[0] *= 5
    models = [
        AutoencoderTransformer(max_iter=0, random_state=0, **parameters).fit(X.astype(dtype))
        for dtype in (np.float32, np.float64)
    ]
    paths = [model.path_coefs_[1] for model in models]
    assert np.abs(paths[1]).max() < 1
    np.testing.assert_allclose(*paths, rtol=1e-3, atol=1e-5)
    biases = [model.intercepts_[-1] for model in models]
    np.testing.assert_allclose(*biases, rtol=1e-3)
    means = [model.reconstruct(X).mean(axis=0) for model in models]
    np.testing.assert_allclose(*means, rtol=1e-3)
    np.testing.assert_allclose(means[1], X.mean(axis=0), rtol=0.02)


@pytest.mark.filterwarnings("ignore:output_activation=.* needs X")
def test_every_output_that_an_estimator_accepts_has_a_start():
    accepted, _ = AutoencoderTransformer._parameter_constraints["output_activation"]
    X = rows(30, 4)
    for output in sorted(accepted.options):
        AutoencoderTransformer(max_iter=0, output_activation=output).fit(X)


def test_the_start_keeps_the_dtype():
    X = rows(40, 6).astype(np.float32)
    for latent, output in (("identity", "identity"), ("logistic", "softplus")):
        parameters = start(X, latent=latent, output=output)[0].parameters
        assert parameters.flat.dtype == np.float32
        assert np.isfinite(parameters.flat).all()


@pytest.mark.parametrize("latent", ["identity", "logistic"])
@pytest.mark.parametrize("output", ["identity", "logistic"])
def test_the_start_of_equal_samples(latent, output):
    X = np.full((5, 6), 0.3)
    model, names = start(X, latent=latent, output=output)
    _, reconstruction = run(X, model, names)
    np.testing.assert_allclose(reconstruction, X, atol=1e-6)


# ---------------------------------------------------------------- the linear path of a denoiser


def test_the_path_learns_to_undo_noise():
    """The code of noisy rows becomes the least squares estimate of that of the clean rows."""
    X = rows(200, 5)
    weights = np.random.default_rng(1).random(200)
    noisy = X + np.random.default_rng(2).normal(size=X.shape)
    model, names = start(X, weights=weights)
    code, _ = run(X, model, names)
    decoder = model.parameters.path[1].copy()
    regress_path(model, X, noisy, weights, 1e12)
    found, _ = run(noisy, model, names)
    root = np.sqrt(weights)[:, None]
    design = np.hstack([noisy, np.ones((200, 1))])
    exact = design @ np.linalg.lstsq(root * design, root * code, rcond=None)[0]
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(model.parameters.path[1], decoder)


def test_the_path_stays_pca_of_few_samples():
    X = rows(9, 5)
    model, _ = start(X)
    kept = model.parameters.flat.copy()
    regress_path(model, X, X + 1, np.ones(9), 9)
    np.testing.assert_array_equal(model.parameters.flat, kept)


@pytest.mark.parametrize("n_samples", [2, 15, 200])
def test_the_fewer_samples_the_nearer_the_path_is_to_pca(n_samples):
    """It minimises the error plus a penalty on the squared distance from PCA's map."""
    X = rows(200, 5)
    noisy = X + np.random.default_rng(2).normal(size=X.shape)
    model, names = start(X)
    code, _ = run(X, model, names)
    before = model.parameters.path[0].copy()
    regress_path(model, X, noisy, np.ones(200), n_samples)
    scale = float(model.scaling.scale)
    centered, code = (noisy - noisy.mean(axis=0)) / scale, code - code.mean(axis=0)
    penalty = PATH_PENALTY / n_samples * np.square(centered).mean()
    weight = np.sqrt(200 * penalty) * np.eye(5)
    design, target = np.vstack([centered, weight]), np.vstack([code, weight @ before])
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(model.parameters.path[0], expected, rtol=1e-4, atol=1e-5)


def test_weights_are_the_same_in_float32_and_float64():
    single, double = (initialized(dtype=dtype)[1].flat for dtype in (np.float32, np.float64))
    np.testing.assert_array_almost_equal_nulp(single, double.astype(np.float32), nulp=2)
