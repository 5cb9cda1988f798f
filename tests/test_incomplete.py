"""NaN in X: the three estimators fill it, and give it no loss."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
import skops.io
from thoroughness import first_of

from skae import (
    SKOPS_TRUSTED_TYPES,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    ShiftedSamplesWarning,
)
from skae._network.scaling import spread_out

ESTIMATORS = [AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
X = load_wine().data
X = (X - X.mean(axis=0)) / X.std(axis=0)
MISSING = np.random.default_rng(0).random(X.shape) < 0.2
MISSING[5] = True  # a sample of nothing but NaN
INCOMPLETE = np.where(MISSING, np.nan, X)


@pytest.fixture(scope="module", params=ESTIMATORS)
def model(request):
    return request.param(3, **SMALL).fit(INCOMPLETE)


def test_all_methods_take_nan(model):
    code = model.transform(INCOMPLETE)
    assert np.isfinite(code).all()
    reconstruction = model.reconstruct(INCOMPLETE)
    assert np.isfinite(reconstruction).all()
    np.testing.assert_allclose(reconstruction, model.inverse_transform(code), rtol=1e-10)
    scores = model.score_samples(INCOMPLETE)
    assert scores.shape == (len(X),)
    assert np.isfinite(scores).all()
    assert np.isfinite(model.score(INCOMPLETE))
    for i in (0, 5):
        single = model.transform(INCOMPLETE[i : i + 1])
        np.testing.assert_allclose(single, code[i : i + 1], rtol=1e-8, atol=1e-10)


def test_a_sample_of_nan_is_answered_by_the_mean(model):
    empty, mean = np.full((1, X.shape[1]), np.nan), model.gaussian_["mean"][None]
    np.testing.assert_allclose(model.transform(empty), model.transform(mean), atol=1e-12)
    np.testing.assert_allclose(mean[0], np.nanmean(INCOMPLETE, axis=0), atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_dtypes_and_missing_values_in_every_argument(Estimator, dtype):
    given = INCOMPLETE.astype(dtype)
    model = Estimator(2, **SMALL).fit(given, X_val=given[:60])
    assert model.transform(given).dtype == dtype
    assert len(model.validation_loss_curve_) == 3
    assert np.isfinite(model.validation_loss_curve_).all()
    model.partial_fit(given[:50])
    assert np.isfinite(model.transform(given)).all()
    first = Estimator(2, **SMALL).partial_fit(given).partial_fit(X.astype(dtype))
    assert np.isfinite(first.transform(given)).all()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_model_of_complete_samples_takes_nan_later(Estimator):
    model = Estimator(3, **SMALL).fit(X)
    assert model.gaussian_ is None
    error = np.square(model.reconstruct(INCOMPLETE) - X)[MISSING].mean()
    assert error < 0.75 * np.square(X)[MISSING].mean()
    model.partial_fit(INCOMPLETE)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_values_behind_nan_have_no_influence(Estimator):
    """Not even on the loss: filled cells are not reconstructed."""
    complete = Estimator(2, **SMALL | {"early_stopping": False}).fit(X)
    model = Estimator(2, **SMALL | {"early_stopping": False}).fit(INCOMPLETE)
    assert model.loss_curve_[0] < complete.loss_curve_[0]


def test_start_is_pca_of_the_incomplete_samples():
    """Directions and scale are those of expectation maximisation: mean filling shrinks both."""
    rng = np.random.default_rng(1)
    full = rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(2000, 8))
    incomplete = np.where(rng.random(full.shape) < 0.3, np.nan, full)
    model = AutoencoderTransformer(2, max_iter=0).fit(incomplete)
    pca = PCA(2).fit(full)
    overlap = np.linalg.svd(model.path_coefs_[0].T @ pca.components_.T)[1]
    overlap /= np.linalg.norm(model.path_coefs_[0], axis=0).mean()
    np.testing.assert_allclose(overlap, 1, atol=0.05)
    assert model.scale_**2 == pytest.approx(full.var(axis=0).mean(), rel=0.05)
    filled = np.where(np.isnan(incomplete), np.nanmean(incomplete, axis=0), incomplete)
    assert filled.var(axis=0).mean() < 0.75 * full.var(axis=0).mean()


def test_spread_out():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(50, 3)), rng.uniform(0.5, 2, 50)
    root = rng.normal(size=(3, 3))
    spread = root @ root.T
    more, shares = spread_out(rows, weights, spread)
    before = np.cov(rows.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(
        np.average(more, axis=0, weights=shares), np.average(rows, axis=0, weights=weights)
    )
    found = np.cov(more.T, aweights=shares, ddof=0)
    np.testing.assert_allclose(found, (before + spread) / 2, rtol=1e-10)


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_filled_cells_stay_in_the_range_of_the_loss(loss):
    unit = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    incomplete = np.where(MISSING, np.nan, unit)
    model = AutoencoderTransformer(2, loss=loss, **SMALL).fit(incomplete)
    assert np.isfinite(model.reconstruct(incomplete)).all()
    with pytest.raises(ValueError, match="needs"):
        model.fit(incomplete - 0.5)


def test_score_counts_observed_cells():
    model = AutoencoderTransformer(3, **SMALL).fit(INCOMPLETE)
    reconstruction = model.reconstruct(INCOMPLETE)
    errors = np.nanmean(np.square(reconstruction - INCOMPLETE)[np.arange(len(X)) != 5], axis=1)
    scores = model.score_samples(INCOMPLETE)
    np.testing.assert_allclose(np.delete(scores, 5), -errors)
    assert scores[5] == -model.reconstruction_err_
    total = np.nansum(np.square(INCOMPLETE - np.nanmean(INCOMPLETE, axis=0)))
    expected = 1 - np.nansum(np.square(reconstruction - INCOMPLETE)) / total
    assert model.score(INCOMPLETE) == pytest.approx(expected)
    assert model.reconstruction_err_ == pytest.approx(
        np.nanmean(np.square(reconstruction - INCOMPLETE))
    )


def test_clean_samples_with_gaps():
    noisy = INCOMPLETE + 0.1
    clean = np.where(np.roll(MISSING, 1, axis=0), np.nan, X)
    model = DenoisingAutoencoder(3, **SMALL).fit(noisy, X_clean=clean)
    assert np.isfinite(model.reconstruct(noisy)).all()
    complete = DenoisingAutoencoder(3, **SMALL).fit(noisy, X_clean=X)
    assert np.isfinite(complete.reconstruct(noisy)).all()


@pytest.mark.parametrize("parameters", [{"nested": True}, {"n_components": 0.8}])
def test_nested_codes_and_shares_of_the_variance(parameters):
    model = AutoencoderTransformer(**{"n_components": 3} | SMALL | parameters).fit(INCOMPLETE)
    assert np.isfinite(model.reconstruct(INCOMPLETE)).all()


def test_weights_of_zero_remove_samples():
    weights = np.ones(len(X))
    weights[100:] = 0
    given = INCOMPLETE.copy()
    given[100:] = np.nan
    model = AutoencoderTransformer(2, **SMALL).fit(given, sample_weight=weights)
    part = AutoencoderTransformer(2, **SMALL).fit(given[:100])
    np.testing.assert_allclose(model.transform(X), part.transform(X), rtol=1e-6, atol=1e-8)


def test_frames_with_na():
    frame = pd.DataFrame(INCOMPLETE, columns=load_wine().feature_names).convert_dtypes()
    assert frame.isna().to_numpy().any()
    model = AutoencoderTransformer(2, **SMALL).fit(frame)
    expected = AutoencoderTransformer(2, **SMALL).fit(INCOMPLETE).transform(INCOMPLETE)
    np.testing.assert_allclose(model.transform(frame), expected)


def test_files(model):
    expected = model.transform(INCOMPLETE)
    for restored in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(skops.io.dumps(model), trusted=SKOPS_TRUSTED_TYPES),
    ):
        np.testing.assert_array_equal(restored.transform(INCOMPLETE), expected)


@pytest.mark.parametrize("criterion", ["likelihood", "reconstruction"])
def test_detector(criterion):
    """Outliers are still found, false alarms stay rare, and features without a value have no part.

    Complete samples score no better than incomplete ones.
    """
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 8))
    normal = rng.normal(size=(1200, 3)) @ root + 0.2 * rng.normal(size=(1200, 8))
    odd = normal[:100] + rng.normal(size=(100, 8)) * 1.5
    gaps = rng.random(normal.shape) < 0.2
    incomplete = np.where(gaps, np.nan, normal)
    detector = AutoencoderOutlierDetector(3, criterion=criterion, **SMALL).fit(incomplete[:600])
    new = incomplete[600:]
    odd = np.where(gaps[:100], np.nan, odd)
    scores = detector.score_samples(np.concatenate([new, odd]))
    assert roc_auc_score(np.r_[np.ones(600), np.zeros(100)], scores) > 0.85
    assert np.mean(detector.predict(new) == -1) < 0.1
    contributions = detector.score_features(new)
    np.testing.assert_array_equal(np.isnan(contributions), np.isnan(new))
    complete_scores = detector.score_samples(normal[600:])
    deviation = complete_scores.std()
    assert abs(complete_scores.mean() - scores[:600].mean()) < 0.5 * deviation


def test_samples_of_nothing_but_nan_cannot_be_compared():
    nothing = np.full_like(X[:3], np.nan)
    with pytest.raises(ValueError, match="X_val holds nothing but NaN"):
        AutoencoderTransformer(2, max_iter=1).fit(X, X_val=nothing)
    model = AutoencoderTransformer(2, max_iter=1, early_stopping=False).fit(X)
    with pytest.raises(ValueError, match="X holds nothing but NaN"):
        model.score(nothing)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skae.ShiftedSamplesWarning")
def test_incomplete_samples_that_move_to_another_level_are_followed():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(3, 8))

    def draw(n_rows, level, noise=0.3):
        rows = (
            level + rng.normal(size=(n_rows, 3)) @ loadings + noise * rng.normal(size=(n_rows, 8))
        )
        return np.where(rng.random(rows.shape) < 0.03, np.nan, rows)

    detector = AutoencoderOutlierDetector(3, max_iter=20, random_state=0)
    for level in [0] * 4 + [100] * 16:
        detector.partial_fit(draw(100, level))
    assert np.abs(detector.mean_ - 100).max() < 2
    assert detector.scale_.max() < 10
    scores = detector.score_samples(np.vstack([draw(200, 100), draw(200, 100, noise=3)]))
    assert roc_auc_score(np.repeat([1, 0], 200), scores) > 0.95


@pytest.mark.slow
def test_false_alarms_hold_where_wide_samples_have_gaps():
    """Samples that help to fill their own cells are nearer to the model than new ones: 15 %."""
    rng = np.random.default_rng(0)
    X, X_new = (rng.normal(size=(n, 60)) * np.linspace(0.1, 3, 60) for n in (200, 1000))
    for samples in (X, X_new):
        samples[rng.random(samples.shape) < 0.2] = np.nan
    detector = AutoencoderOutlierDetector(max_iter=3, random_state=0).fit(X)
    assert np.mean(detector.predict(X_new) < 0) < 0.1


def with_category(n_rows, seed):
    """Return near copies, a count, noise, and a category that is encoded one-hot."""
    rng = np.random.default_rng(seed)
    a, category = rng.normal(size=n_rows), rng.choice(3, n_rows, p=[0.5, 0.3, 0.2])
    columns = a, 2 * a + 0.3 * rng.normal(size=n_rows), rng.poisson(2, n_rows)
    return np.column_stack([*columns, rng.normal(size=n_rows), np.eye(3)[category]])


@pytest.fixture(scope="module", params=first_of([("likelihood", True), ("likelihood", False)]))
def judge(request):
    """Return a detector of samples that are complete, or not."""
    criterion, is_complete = request.param
    given = with_category(1000, 0)
    if not is_complete:
        given[::20, 3] = np.nan
    return AutoencoderOutlierDetector(criterion=criterion, random_state=0).fit(given)


def test_collinear_columns_do_not_spoil_what_fills_cells(judge):
    """A covariance of PCA's directions alone filled 75 % of a count with values up to 32."""
    new = with_category(500, 1)
    for columns in ([2], [0], [4], [4, 5, 6], [0, 2, 4]):
        given = new.copy()
        given[:, columns] = np.nan
        filled = judge._fill(given, np.isnan(given))
        assert np.all(filled >= new.min(axis=0) - 1.5)
        assert np.all(filled <= new.max(axis=0) + 1.5)
        assert np.mean(judge.score_samples(given) < judge.offset_) < 0.1
    given = np.where(np.random.default_rng(2).random(new.shape) < 0.4, np.nan, new)
    assert np.mean(judge.score_samples(given) < judge.offset_) < 0.1


def test_missing_cells_have_no_part_in_explanations(judge):
    new = with_category(3, 1)
    new[0, 4:] = np.nan
    new[1, :2] = np.nan, 30
    new[2] = np.nan
    contributions = judge.score_features(new)
    np.testing.assert_array_equal(np.isnan(contributions), np.isnan(new))
    sums = np.nansum(contributions[:2], axis=1)
    np.testing.assert_allclose(sums, judge.score_samples(new[:2]))
    table = judge.explain(new, 5, groups={"k": [4, 5, 6]})
    share, feature = (np.reshape(table[name], (3, 5)) for name in ("share", "feature"))
    assert feature[0, -1] == "k"
    assert np.reshape(table["expected"], (3, 5))[0, -1] in {"x4", "x5", "x6"}
    assert feature[1, 0] == "x1"
    assert feature[1, -1] == "x0"
    assert np.all(share[:, -1] == 0)
    np.testing.assert_allclose(share[1].sum(), 1)
    assert not share[2].any()


def test_samples_of_nothing_but_nan_are_no_outliers(judge):
    with pytest.warns(ShiftedSamplesWarning, match="All cells of X are missing"):
        assert np.all(judge.predict(np.full((100, 7), np.nan)) == 1)


def test_contributions_of_observed_residuals_sum_to_the_score():
    detector = AutoencoderOutlierDetector(3, criterion="reconstruction", **SMALL).fit(X)
    given = np.delete(INCOMPLETE, 5, axis=0)
    sums = np.nansum(detector.score_features(given), axis=1)
    np.testing.assert_allclose(sums, detector.score_samples(given))


def test_partial_fit_measures_anew_what_fills_cells():
    model = AutoencoderTransformer(2, **SMALL).partial_fit(X)
    before = model._factors
    assert model.partial_fit(X)._factors is before
    gap = np.full((1, X.shape[1]), np.nan)
    np.testing.assert_allclose(model._fill(gap, np.isnan(gap)), 0, atol=1e-8)
