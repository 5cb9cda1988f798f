"""How far the layers beside a linear path are believed: to where they have learned."""

from curved import curved_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._kernels import run
from skae._network.workspace import pull_in

SMALL = {"hidden_layer_sizes": (16,), "max_iter": 30, "early_stopping": False}
SMALL |= {"learning_rate_init": 0.01, "random_state": 0}


def added_to_pca(model, X):
    """What the network adds to the codes, and to the rows that belong to these."""
    encoder, decoder = model._model.parameters.path
    code = model.transform(X)
    linear = ((X - model.mean_) / model.scale_) @ encoder * model.code_scale_
    rows = code / model.code_scale_ @ decoder * model.scale_ + model.mean_
    return code - linear, model.inverse_transform(code) - rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pull_in(dtype):
    z = np.array([[3, 4], [0.3, 0.4], [0, 0], [30, 40]], dtype)
    near = np.empty_like(z)
    run(pull_in(z, np.asarray(25, dtype), np.ones(2, dtype), np.empty(4, dtype), near))
    assert_array_equal(near[:3], z[:3])
    assert_allclose(near[3], z[0], rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_in_earlier_files_the_network_adds_far_off_what_it_adds_at_the_radius(activation, dtype):
    X = curved_rows(300).astype(dtype)
    model = AutoencoderTransformer(2, activation=activation, **SMALL).fit(X)
    model._box = None  # as in files of version 0.2
    Z = (X - model.mean_) / model.scale_
    norms = np.sqrt(np.square(Z).sum(axis=1))
    assert_allclose(model.reach_[0], 1.5 * norms.max(), rtol=1e-5)
    codes = np.sqrt(np.square(model.transform(X) / model.code_scale_).sum(axis=1))
    assert_allclose(model.reach_[1], 1.5 * codes.max(), rtol=1e-5)
    direction = Z[:20] / norms[:20, None] * model.scale_
    at_reach = model.mean_ + direction * model.reach_[0]
    far = model.mean_ + direction * (1000 * model.reach_[0])
    tolerance = {"rtol": 1e-2, "atol": 1e-2} if dtype == np.float32 else {"rtol": 1e-6}
    assert_allclose(added_to_pca(model, far)[0], added_to_pca(model, at_reach)[0], **tolerance)
    added = np.abs(added_to_pca(model, far)[1]).max()
    assert added < 10 * np.abs(added_to_pca(model, at_reach)[1]).max()


def test_within_reach_nothing_is_changed():
    X = curved_rows(300)
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    codes, rows = model.transform(X), model.reconstruct(X)
    model.reach_ = model._box = None  # as in files of versions that had none
    assert_array_equal(model.transform(X), codes)
    assert_array_equal(model.reconstruct(X), rows)
    far = model.mean_ + 100 * (X - model.mean_)
    model.reach_ = AutoencoderTransformer(2, **SMALL).fit(X).reach_
    pulled_in = model.reconstruct(far)
    model.reach_ = None
    assert np.abs(model.reconstruct(far) - pulled_in).max() > 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parameters", [{}, {"nested": True}, {"hidden_layer_sizes": ()}], ids=str)
def test_far_off_codes_and_reconstructions_are_those_of_pca(parameters, dtype):
    X = curved_rows(300).astype(dtype)
    X[:, 1] = np.maximum(X[:, 1], np.median(X[:, 1]))  # a bound, which far samples may pass
    model, pca = AutoencoderTransformer(2, **SMALL | parameters).fit(X), PCA(2).fit(X)
    assert model.bounds_ is not None
    far = X.mean(axis=0) + 300 * (X - X.mean(axis=0))
    expected = pca.transform(far)
    code = model.transform(far)
    factors = np.square(expected).sum(axis=0) / (code * expected).sum(axis=0)
    assert_allclose(np.abs(factors), np.abs(factors[0]), rtol=1e-4)  # one scale, and signs
    scale = np.abs(expected).max()
    assert_allclose(code * factors, expected, atol=1e-5 * scale)
    restored = pca.inverse_transform(expected)
    is_far = np.abs(model._model.scaling.factor * (restored - model.mean_)).sum(axis=1) > 100
    assert is_far.mean() > 0.9
    atol = 1e-5 * scale
    assert_allclose(model.reconstruct(far)[is_far], restored[is_far], atol=atol)
    assert_allclose(model.inverse_transform(code)[is_far], restored[is_far], atol=atol)
    assert np.abs(model.transform(X) * factors - pca.transform(X)).max() > 0.01


def test_the_fade_is_smooth():
    """On the way out no step is greater than its length and the change of the fade explain."""
    X = curved_rows(300)
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    lengths = np.linspace(0, 20, 4001)[:, None]
    for sample in X[:5] - X.mean(axis=0):
        way = X.mean(axis=0) + lengths * sample
        steps = np.linalg.norm(np.diff(model.reconstruct(way), axis=0), axis=1)
        assert steps.max() < 20 * lengths[1] * np.linalg.norm(sample)


def test_chunks_widen_the_box_and_never_narrow_it():
    X = curved_rows(300)
    model = AutoencoderTransformer(2, **SMALL).partial_fit(X)
    before = model._box.copy()
    assert_array_equal(model.partial_fit(X[:20])._box[:2], before[:2])
    model.partial_fit(X.mean(axis=0) + 4 * (X - X.mean(axis=0)))
    assert (model._box[0] < before[0]).all()
    assert (model._box[1] > before[1]).all()


@pytest.mark.filterwarnings("ignore:output_activation='logistic' needs X")
@pytest.mark.parametrize(
    "parameters",
    [{"linear_path": None}, {"latent_activation": "tanh"}, {"output_activation": "logistic"}],
    ids=str,
)
def test_without_pca_to_fade_to_there_is_no_box(parameters):
    assert AutoencoderTransformer(2, **SMALL | parameters).fit(curved_rows(100))._box is None


@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_a_row_far_off_is_restored_about_as_well_as_by_pca(activation):
    X, unseen = curved_rows(300), curved_rows(50, seed=1)
    model, pca = AutoencoderTransformer(3, activation=activation, **SMALL).fit(X), PCA(3).fit(X)
    far = X.mean(axis=0) + 300 * (unseen - X.mean(axis=0))
    errors = np.square(far - model.reconstruct(far)).sum(axis=1)
    of_pca = np.square(far - pca.inverse_transform(pca.transform(far))).sum(axis=1)
    assert errors.sum() < 1.1 * of_pca.sum()
    assert (
        np.square(unseen - model.reconstruct(unseen)).sum()
        < 0.7 * np.square(unseen - pca.inverse_transform(pca.transform(unseen))).sum()
    )


def test_codes_of_a_user_s_own_are_pulled_in_too():
    X = curved_rows(300)
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    model._box = None  # as in files of version 0.2
    for size in (1e3, 1e6):
        code = size * np.array([[1.0, -1.0], [0.5, 2.0]])
        added = model.inverse_transform(code) - code / model.code_scale_ @ (
            model._model.parameters.path[1] * model.scale_
        )
        at_reach = code * (model.reach_[1] * model.code_scale_)
        at_reach /= np.sqrt(np.square(code).sum(axis=1, keepdims=True))
        expected = model.inverse_transform(at_reach) - at_reach / model.code_scale_ @ (
            model._model.parameters.path[1] * model.scale_
        )
        assert_allclose(added, expected, rtol=1e-6, atol=1e-6)


def test_chunks_reach_further_and_never_less():
    X = curved_rows(300)
    model = AutoencoderTransformer(2, **SMALL).partial_fit(X)
    before = model.reach_.copy()
    assert_allclose(model.partial_fit(X[:20]).reach_[0], before[0], rtol=1e-12)
    model.partial_fit(4 * X)
    assert model.reach_[0] > 2 * before[0]


def test_noise_that_was_learned_is_within_reach():
    X = curved_rows(300)
    model = DenoisingAutoencoder(2, noise="gaussian", noise_level=2.0, **SMALL).fit(X)
    noisy = X + 2.0 * np.random.default_rng(5).normal(size=X.shape)
    norms = np.sqrt(np.square((noisy - model.mean_) / model.scale_).sum(axis=1))
    assert np.mean(norms <= model.reach_[0]) > 0.99
    assert norms.max() > np.sqrt(np.square((X - model.mean_) / model.scale_).sum(axis=1)).max()


def test_rows_that_are_all_equal():
    model = AutoencoderTransformer(1, **SMALL).fit(np.ones((10, 3)))
    assert np.isfinite(model.transform(np.full((2, 3), 1e6))).all()


def test_without_a_path_there_is_no_reach():
    X = curved_rows(300)
    assert AutoencoderTransformer(2, linear_path=None, **SMALL).fit(X).reach_ is None
