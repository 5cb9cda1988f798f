"""AutoencoderOutlierDetector: thresholds, signs, what each feature says, and who is found."""

import pickle
import tracemalloc

from curved import curved_rows
from gradients import make_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.base import clone, is_outlier_detector
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector
from skae._outliers.density import fit_basis, fit_density
from skae._outliers.robust import fit_ellipsoid
from skae._training import trainer
from skae._training.stream import ShiftedSamplesWarning
from skae.metrics import reconstruction_score

QUICK = {"max_iter": 5, "hidden_layer_sizes": (16,), "random_state": 0}
SCORES = [name for name in ("criterion",) if name in AutoencoderOutlierDetector().get_params()]
CRITERIA = [{"criterion": name} for name in ("likelihood", "reconstruction")] if SCORES else [{}]


def normal_rows(n_rows=300, seed=0):
    """Rows near a plane in six dimensions, in units of all sizes."""
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(n_rows, 2))
    X = sources @ np.random.default_rng(1).normal(size=(2, 6)) + 0.1 * rng.normal(size=(n_rows, 6))
    return X * [1, 10, 100, 1000, 0.1, 0.01] + 5


def odd_rows(n_rows=30, seed=2):
    """As large as the others, but off the plane."""
    rng = np.random.default_rng(seed)
    X = normal_rows(3000)
    return X.mean(axis=0) + X.std(axis=0) * rng.choice([-2, 2], size=(n_rows, 6))


@pytest.fixture(params=CRITERIA, ids=str)
def criterion(request):
    return request.param


# ------------------------------------------------------------ threshold and signs


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.5])
def test_contamination_is_the_share_of_the_training_rows_that_is_flagged(criterion, contamination):
    X = normal_rows()
    detector = AutoencoderOutlierDetector(contamination=contamination, **QUICK, **criterion)
    labels = detector.fit(X).predict(X)
    assert abs(np.sum(labels == -1) - contamination * len(X)) <= 1
    assert_array_equal(labels, clone(detector).fit_predict(X))
    assert_allclose(
        detector.offset_, np.percentile(detector.score_samples(X), 100 * contamination), rtol=0.1
    )


def test_contamination_with_weights_is_the_share_of_the_weight():
    X = normal_rows()
    weights = np.random.default_rng(3).uniform(0.1, 3, len(X))
    detector = AutoencoderOutlierDetector(contamination=0.1, **QUICK)
    flagged = detector.fit(X, sample_weight=weights).predict(X) == -1
    assert_allclose(weights[flagged].sum() / weights.sum(), 0.1, atol=0.01)


@pytest.mark.parametrize("contamination", ["auto", 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_signs_and_dtypes(criterion, contamination, dtype):
    detector = AutoencoderOutlierDetector(contamination=contamination, **QUICK, **criterion)
    assert detector.fit(normal_rows().astype(dtype)) is detector
    X = np.vstack([normal_rows(seed=5), odd_rows()]).astype(dtype)
    scores, decision = detector.score_samples(X), detector.decision_function(X)
    assert isinstance(detector.offset_, float)
    assert scores.dtype == decision.dtype == np.float64
    assert_allclose(decision, scores - detector.offset_, rtol=1e-12)
    labels = detector.predict(X)
    assert labels.dtype.kind == "i"
    assert_array_equal(labels, np.where(decision < 0, -1, 1))
    assert set(labels) == {-1, 1}
    assert scores[:300].mean() > scores[300:].mean()


@pytest.mark.slow
def test_auto_flags_some_rows_of_many_kinds_and_not_all():
    rng = np.random.default_rng(0)
    for X in (
        normal_rows(),
        rng.normal(size=(120, 4)),
        rng.standard_t(3, size=(120, 4)),
        rng.uniform(size=(120, 4)),
        rng.exponential(size=(120, 4)),
    ):
        detector = AutoencoderOutlierDetector(**QUICK).fit(X)
        assert 0 < np.mean(detector.predict(X) == -1) < 0.2


def test_auto_raises_few_false_alarms():
    detector = AutoencoderOutlierDetector(**QUICK).fit(normal_rows())
    assert np.mean(detector.predict(normal_rows(3000, seed=4)) == -1) < 0.12
    assert np.mean(detector.predict(odd_rows()) == -1) > 0.95


def test_p_values_are_those_of_new_rows():
    detector = AutoencoderOutlierDetector(**QUICK).fit(normal_rows())
    unseen = normal_rows(3000, seed=4)
    p_values = detector.predict_pvalue(unseen)
    assert p_values.dtype == np.float64
    assert p_values.min() > 0
    assert p_values.max() <= 1
    order = np.argsort(detector.score_samples(unseen))
    assert np.all(np.diff(p_values[order]) >= 0)
    for level in (0.05, 0.2, 0.5):
        assert abs(np.mean(p_values <= level) - level) < 0.1
    assert np.median(detector.predict_pvalue(odd_rows())) < 0.02


def test_auto_flags_what_has_a_p_value_of_five_percent(criterion):
    detector = AutoencoderOutlierDetector(**QUICK, **criterion).fit(normal_rows())
    X = np.vstack([normal_rows(500, seed=4), odd_rows()])
    assert_array_equal(detector.predict(X) == -1, detector.predict_pvalue(X) <= 0.05)


def test_so_few_rows_that_none_has_a_small_p_value():
    X = np.random.default_rng(0).normal(size=(10, 3))
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    far = np.full((1, 3), 100.0)
    assert detector.predict_pvalue(far) == pytest.approx(1 / 11)
    assert detector.predict(far) == [-1]


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [2, 20])
def test_false_alarms_are_as_stated_where_training_quantiles_are_not(n_features):
    found, of_training = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, unseen = (rng.normal(size=(n, n_features)) for n in (200, 2000))
        detector = AutoencoderOutlierDetector(**QUICK).fit(X)
        found.append(np.mean(detector.predict_pvalue(unseen) <= 0.1))
        quantile = np.quantile(detector.score_samples(X), 0.1)
        of_training.append(np.mean(detector.score_samples(unseen) < quantile))
    # Three times 200 rows held out: a standard deviation of 0.012.
    assert 0.06 < np.mean(found) < 0.135
    assert np.mean(of_training) > np.mean(found)


def test_outliers_among_the_training_rows_raise_no_false_alarms():
    X = np.vstack([normal_rows(), odd_rows()])
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    assert np.mean(detector.predict(normal_rows(3000, seed=4)) == -1) < 0.05


def test_of_many_rows_some_are_learned_and_others_calibrate():
    X = normal_rows(1000)
    with pytest.warns(UserWarning, match="max_samples=200 leaves 800 of 1000 samples out"):
        detector = AutoencoderOutlierDetector(max_samples=200, **QUICK).fit(X)
    assert detector.n_samples_seen_ == 200
    assert len(detector.calibration_scores_) == 800
    assert abs(np.mean(detector.predict(normal_rows(3000, seed=4)) == -1) - 0.05) < 0.05
    few = AutoencoderOutlierDetector(max_samples=999, **QUICK).fit(X)
    assert (few.n_samples_seen_, len(few.calibration_scores_)) == (800, 200)


def test_rows_that_say_when_to_stop_calibrate_and_make_no_mixtures(monkeypatch):
    """They are a fifth of these 5000 rows, and no others are needed."""
    learned = []

    def spy(parts, *others):
        learned.append(np.concatenate(list(parts)))
        return fit_basis([learned[-1]], *others)

    monkeypatch.setattr("skae._outliers.scoring.fit_basis", spy)
    X = normal_rows(5000)
    detector = AutoencoderOutlierDetector(**QUICK, validation_fraction=0.2).fit(X)
    assert len(detector.calibration_scores_) == 1000
    Z = (X - detector.mean_) / detector.scale_
    scores = detector.score_samples(X)
    assert np.isin(detector.calibration_scores_, scores).all()
    held = np.isin(scores, detector.calibration_scores_)
    assert_array_equal(learned[0], Z[~held])
    alarms = np.mean(detector.predict(normal_rows(3000, seed=4)) == -1)
    assert abs(alarms - 0.05) < 0.033  # three deviations


@pytest.mark.slow
def test_no_training_rows_are_kept():
    detector = AutoencoderOutlierDetector(contamination=0.1, **QUICK)
    sizes = [len(pickle.dumps(detector.fit(normal_rows(n)))) for n in (2000, 4000)]
    # Of each of three tenths: a score, a weight, a row number.
    assert sizes[1] - sizes[0] < 2000 * 3 / 10 * 24 + 1000


# ------------------------------------------------------------ the score and its parts


@pytest.mark.usefixtures("two_calibration_folds")
def test_features_add_up(criterion):
    X = np.vstack([normal_rows(), odd_rows()])
    detector = AutoencoderOutlierDetector(**QUICK, **criterion).fit(X)
    parts = detector.score_features(X)
    assert parts.shape == X.shape
    assert parts.dtype == np.float64
    assert_allclose(parts.sum(axis=1), detector.score_samples(X), rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("two_calibration_folds")
def test_features_name_the_one_that_is_wrong(criterion):
    detector = AutoencoderOutlierDetector(**QUICK, **criterion).fit(normal_rows())
    unseen = normal_rows(200, seed=5)
    wrong = np.random.default_rng(6).integers(6, size=200)
    unseen[np.arange(200), wrong] += 8 * detector.scale_[wrong]
    named = detector.score_features(unseen).argmin(axis=1)
    assert np.mean(named == wrong) > 0.9


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 0.99])
def test_a_planted_column_ranks_first(correlation):
    rng = np.random.default_rng(0)
    covariance = np.full((8, 8), correlation) + (1 - correlation) * np.eye(8)
    root = np.linalg.cholesky(covariance).T
    X, unseen = rng.normal(size=(600, 8)) @ root, rng.normal(size=(400, 8)) @ root
    planted = rng.integers(8, size=400)
    unseen[np.arange(400), planted] += 5 * rng.choice([-1, 1], size=400)
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    assert np.mean(detector.score_features(unseen).argmin(axis=1) == planted) >= 0.95


def test_the_likelihood_of_a_linear_network_is_that_of_gaussians():
    """Without hidden layers, and one component for few rows: PCA's own score, nearly."""
    X = np.random.default_rng(0).normal(size=(90, 3)) @ np.diag([1, 2, 3])
    detector = AutoencoderOutlierDetector(1, max_iter=0, random_state=0).fit(X)
    Z = (X - detector.mean_) / detector.scale_
    found, expected = detector.score_samples(X), PCA(3).fit(Z).score_samples(Z)
    assert np.corrcoef(found, expected)[0, 1] > 0.98
    assert abs(found.mean() - expected.mean()) < 0.1


@pytest.mark.usefixtures("two_calibration_folds")
def test_frames_in_frames_out():
    X, names = normal_rows(), list("abcdef")
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame(X, columns=names, index=np.arange(len(X))[::-1])
    detector = AutoencoderOutlierDetector(**QUICK).fit(frame)
    found = detector.score_features(frame)
    assert list(found.columns) == names
    assert_array_equal(found.index, frame.index)
    assert_allclose(found.sum(axis=1), detector.score_samples(frame), rtol=1e-9)
    other = detector.score_features(polars.DataFrame(X, schema=names))
    assert other.columns == names
    assert_allclose(other.to_numpy(), found.to_numpy())


@pytest.mark.usefixtures("two_calibration_folds")
def test_score_is_the_mean_of_the_scores():
    X, weights = normal_rows(), np.random.default_rng(0).random(300)
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    scores = detector.score_samples(X)
    assert detector.score(X) == pytest.approx(scores.mean())
    assert detector.score(X, sample_weight=weights) == pytest.approx(
        np.average(scores, weights=weights)
    )


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.skipif(not SCORES, reason="one score only")
def test_reconstruction_is_the_squared_residual_of_standardised_features():
    X = normal_rows()
    detector = AutoencoderOutlierDetector(criterion="reconstruction", **QUICK).fit(X)
    residuals = (X - detector.reconstruct(X)) / detector.scale_
    assert_allclose(detector.score_features(X), -(residuals**2) / 6, rtol=1e-8, atol=1e-12)
    assert_allclose(detector.score_samples(X), -np.mean(residuals**2, axis=1), rtol=1e-8)


def test_units_of_each_feature_do_not_matter(criterion):
    X, unseen = normal_rows(), normal_rows(100, seed=5)
    units = 2.0 ** np.array([30, -30, 5, 0, -7, 12])
    parameters = QUICK | criterion | {"early_stopping": False}
    one = AutoencoderOutlierDetector(**parameters).fit(X)
    two = AutoencoderOutlierDetector(**parameters).fit(X * units)
    # Which rows are held out for the threshold depends on their bits; the scores do not.
    assert np.mean(one.predict(unseen) == two.predict(unseen * units)) > 0.9
    assert_allclose(one.score_samples(unseen), two.score_samples(unseen * units), rtol=1e-6)
    assert_allclose(
        one.score_features(unseen), two.score_features(unseen * units), rtol=1e-5, atol=1e-6
    )


def test_a_constant_feature_that_moves_is_noticed():
    X = np.column_stack([normal_rows(), np.full(300, 0.1)])
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    moved = X[:5].copy()
    moved[:, -1] += 50
    assert np.all(detector.predict(moved) == -1)
    assert np.all(detector.score_features(moved).argmin(axis=1) == 6)


# ------------------------------------------------------------ who is found


@pytest.mark.usefixtures("two_calibration_folds")
def test_finds_what_is_off_the_plane():
    X = np.vstack([normal_rows(), odd_rows()])
    detector = AutoencoderOutlierDetector(contamination=30 / 330, **QUICK).fit(X)
    truth = np.r_[np.zeros(300), np.ones(30)]
    assert roc_auc_score(truth, -detector.score_samples(X)) > 0.97
    assert np.mean(detector.predict(X)[300:] == -1) > 0.8


def test_in_place_of_isolation_forest():
    """The same lines, another class."""
    X = normal_rows()
    unseen, truth = np.vstack([normal_rows(100, 4), odd_rows()]), np.r_[np.zeros(100), np.ones(30)]
    found = {}
    for detector in (
        IsolationForest(contamination=0.05, random_state=0),
        AutoencoderOutlierDetector(contamination=0.05, random_state=0),
    ):
        pipeline = make_pipeline(StandardScaler(), detector).fit(X)
        assert is_outlier_detector(detector)
        assert set(pipeline.predict(unseen)) == {-1, 1}
        assert pipeline.decision_function(unseen).shape == (130,)
        found[type(detector)] = roc_auc_score(truth, -pipeline.score_samples(unseen))
    assert found[AutoencoderOutlierDetector] > 0.97
    assert found[AutoencoderOutlierDetector] >= found[IsolationForest]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skae.ShiftedSamplesWarning")  # most test samples are outliers
def test_ones_among_digits():
    """Trained on ones, with their threshold. Many pixels are lit in few of them.

    The middle one of three starts: two digits more or less are what rounding, and with it the
    processor, makes of one.
    """
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype("float32") / 16, y, test_size=0.2, random_state=42
    )
    found = []
    for seed in range(3):
        detector = AutoencoderOutlierDetector(random_state=seed).fit(X_train[y_train == 1])
        anomalous, flagged = y_test != 1, detector.predict(X_test) == -1
        found.append(precision_recall_fscore_support(anomalous, flagged, average="binary")[:3])
    assert np.median(found, axis=0).min() >= 0.99


@pytest.mark.usefixtures("two_calibration_folds")
def test_weights_take_rows_out():
    X = np.vstack([normal_rows(), odd_rows()])
    weights = np.r_[np.ones(300), np.zeros(30)]
    detector = AutoencoderOutlierDetector(**QUICK).fit(X, sample_weight=weights)
    alone = AutoencoderOutlierDetector(**QUICK).fit(X[:300])
    assert_allclose(detector.score_samples(X), alone.score_samples(X), rtol=1e-6)
    assert_allclose(detector.offset_, alone.offset_, rtol=1e-6)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_weights_are_repetitions(contamination):
    X = np.vstack([normal_rows(120), odd_rows(10)])
    weights = np.random.default_rng(7).integers(0, 4, len(X))
    parameters = QUICK | {"contamination": contamination}
    weighted = AutoencoderOutlierDetector(**parameters).fit(X, sample_weight=weights)
    repeated = AutoencoderOutlierDetector(**parameters).fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-6)
    assert_allclose(weighted.offset_, repeated.offset_, rtol=1e-6)
    assert_array_equal(weighted.predict(X), repeated.predict(X))


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize(
    ("method", "factor"),
    [("fit", 1e-8), ("fit", 100), ("partial_fit", 1 / 70), ("partial_fit", 1e8)],
)
def test_a_common_factor_of_the_weights_has_no_effect(method, factor):
    X = np.vstack([normal_rows(60), odd_rows(10)])
    for weights in (np.ones(70), np.random.default_rng(7).uniform(0, 2, 70)):
        expected, found = (
            getattr(AutoencoderOutlierDetector(**QUICK), method)(X, sample_weight=c * weights)
            for c in (1, factor)
        )
        assert_allclose(found.score_samples(X), expected.score_samples(X), rtol=1e-7)
        assert_allclose(found.predict_pvalue(X), expected.predict_pvalue(X), rtol=1e-6)
        assert_array_equal(found.predict(X), expected.predict(X))


@pytest.mark.parametrize("n_samples", [40, 98])
def test_two_tight_clusters(n_samples):
    rng = np.random.RandomState(0)
    X = 0.3 * rng.randn(n_samples, 2) + rng.choice([-2, 2], n_samples)[:, None]
    unseen = np.r_[0.3 * rng.randn(200, 2) + 2, rng.uniform(-1, 1, (200, 2))]
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    assert roc_auc_score(np.repeat([1, 0], 200), detector.score_samples(unseen)) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("n_samples", [400, 1200])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"contamination": 0.02},
        {"criterion": "reconstruction"},
        {"novelty": True},
        "partial_fit",
    ],
    ids=str,
)
def test_impossible_categories_are_outliers_and_common_ones_are_not(parameters, n_samples):
    in_part = parameters == "partial_fit"
    X = np.eye(3)[np.random.default_rng(0).choice(3, n_samples, p=[0.4, 0.33, 0.27])]
    detector = AutoencoderOutlierDetector(**QUICK | ({} if in_part else parameters))
    detector = detector.partial_fit(X) if in_part else detector.fit(X)
    impossible = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1]])
    scores = detector.score_samples(np.vstack([np.eye(3), impossible]))
    assert scores[:3].min() > scores[3:].max()
    assert scores.min() > -100
    assert_array_equal(detector.predict(impossible), -1)
    assert_array_equal(detector.predict(np.eye(3)), 1)


def test_values_beyond_ratings_are_outliers():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 25, 600), rng.normal(size=600), rng.integers(0, 3, 600)])
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    assert_array_equal(detector.predict([[3, 0, 0], [12, 0.5, 1], [21, 0, 2]]), 1)
    assert_array_equal(detector.predict([[-9, 0, 1], [33, 0, 1], [12, 0, -2], [12, 0, 4]]), -1)


@pytest.mark.usefixtures("two_calibration_folds")
def test_novelty_trusts_all_training_samples():
    """A second, small cluster is normal if the user says that there are no outliers."""
    X = np.vstack([normal_rows(300), odd_rows(10)])
    doubtful, trusting = (
        AutoencoderOutlierDetector(**QUICK, novelty=novelty).fit(X) for novelty in (False, True)
    )
    assert doubtful.ellipsoid_ is not None
    assert trusting.ellipsoid_ is None
    assert len(trusting.density_["mixtures"]) == 4
    difference = trusting.score_samples(X) - doubtful.score_samples(X)
    assert np.median(difference[300:]) > np.median(difference[:300]) + 1
    trusting.partial_fit(X)
    assert trusting.ellipsoid_ is None
    assert trusting.set_params(novelty=False).fit(X).ellipsoid_ is not None


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("novelty", [False, True])
def test_the_score_is_a_density(novelty):
    """Its integral over the standardised features is one, also where the network is wide."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 3, 200)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(200, 2))
    parameters = QUICK | {"n_components": 1, "hidden_layer_sizes": (256,), "max_iter": 40}
    detector = AutoencoderOutlierDetector(**parameters, novelty=novelty, early_stopping=False)
    detector.fit(X)
    axis = np.linspace(-6, 6, 267)
    Z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = np.exp(detector.score_samples(Z * detector.scale_ + detector.mean_))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=0.02)


@pytest.mark.slow
def test_parts_need_little_memory_beyond_the_data():
    X = np.random.default_rng(0).normal(size=(50_000, 20))  # 8 MB
    detector = AutoencoderOutlierDetector(**QUICK).partial_fit(X[:1000])
    for rows in (X[:200], X):  # the first call imports what it needs
        tracemalloc.start()
        detector.partial_fit(rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 19e6


@pytest.mark.slow
def test_the_first_part_needs_little_memory_beyond_the_data(monkeypatch):
    """As many samples train as have a million values; the others are scored, block by block."""
    monkeypatch.setattr("skae._outlier.MAX_PASS_NUMBERS", 2**15)
    X = np.random.default_rng(0).normal(size=(8000, 200))  # 13 MB
    detector = AutoencoderOutlierDetector(**QUICK | {"n_components": 3}).partial_fit(X[:300])
    tracemalloc.start()
    detector = clone(detector).partial_fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert detector.density_["mixtures"][0]["counts"].sum() == pytest.approx(2**15 // 200)
    assert len(np.unique(detector.calibration_indices_)) == 8000 - 2**15 // 200
    assert peak < 18e6


def test_wide_data_need_no_square_matrix():
    X = np.random.default_rng(0).normal(size=(30, 3000))
    rows = make_rows(X)
    tracemalloc.start()
    ellipsoid = fit_ellipsoid(rows, 0)
    density = fit_density(
        np.eye(3000, 1), X, rows.weights, None, np.ones(3000), (np.random.default_rng(0), None)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ellipsoid.sample_weights(X).shape == density.log_density(X).shape
    assert peak < 3000 * 3000 * 8 / 4


def test_out_of_core():
    X = normal_rows(1200)
    detector = AutoencoderOutlierDetector(early_stopping=False, **QUICK)
    for _ in range(3):
        for start in range(0, 1200, 300):
            assert detector.partial_fit(X[start : start + 300]) is detector
    unseen = normal_rows(1000, seed=4)
    assert np.mean(detector.predict(unseen) == -1) < 0.15
    assert np.mean(detector.predict(odd_rows()) == -1) > 0.9
    assert_allclose(
        detector.score_features(unseen).sum(axis=1), detector.score_samples(unseen), rtol=1e-9
    )


# ------------------------------------------------------------ among scikit-learn's tools


@pytest.mark.usefixtures("two_calibration_folds")
def test_it_is_a_transformer_too():
    X = normal_rows()
    detector = AutoencoderOutlierDetector(2, **QUICK).fit(X)
    assert detector.transform(X).shape == (300, 2)
    assert reconstruction_score(detector, X) > 0.8
    names = ["autoencoderoutlierdetector0", "autoencoderoutlierdetector1"]
    assert list(detector.get_feature_names_out()) == names


@pytest.mark.usefixtures("two_calibration_folds")
def test_default_score_prefers_normal_rows():
    detector = AutoencoderOutlierDetector(2, **QUICK).fit(normal_rows())
    assert detector.score(normal_rows(100, seed=4)) > detector.score(odd_rows(100))


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
def test_grid_search_with_and_without_labels():
    X = np.vstack([normal_rows(100), odd_rows(20)])
    truth = np.r_[np.ones(100), -np.ones(20)]
    order = np.random.default_rng(0).permutation(120)
    X, truth = X[order], truth[order]
    parameters = QUICK | {"early_stopping": False, "max_iter": 3}
    grid = {"n_components": [1, 2]}
    detector = AutoencoderOutlierDetector(**parameters)
    search = GridSearchCV(detector, grid, scoring="roc_auc", cv=2).fit(X, truth)
    assert search.best_score_ > 0.9
    search = GridSearchCV(detector, grid, cv=2).fit(X)
    assert np.isfinite(search.best_score_)
    scores = cross_val_score(detector, X, truth, scoring="f1", cv=2)
    assert np.isfinite(scores).all()


@pytest.mark.usefixtures("two_calibration_folds")
def test_decision_boundary():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    from sklearn.inspection import DecisionBoundaryDisplay

    X = normal_rows(80)[:, :2]
    detector = AutoencoderOutlierDetector(1, **QUICK).fit(X)
    for response_method in ("decision_function", "predict"):
        display = DecisionBoundaryDisplay.from_estimator(
            detector, X, response_method=response_method, grid_resolution=10
        )
        assert np.isfinite(display.response).all()
    pyplot.close("all")


# ------------------------------------------------------------ small and odd data


def odd_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    return {
        "two rows": X[:2],
        "five rows": X[:5],
        "twenty rows": X[:20],
        "one column": X[:, :1],
        "constant column": np.column_stack([X, np.ones(60)]),
        "copies": np.repeat(X[:3], 10, axis=0),
        "mostly copies": np.vstack([np.zeros((50, 5)), X[:10]]),
        "more columns than rows": rng.normal(size=(20, 80)),
        "heavy tails": rng.standard_cauchy(size=(100, 4)),
        "integers": rng.poisson(1, size=(120, 4)).astype(float),
        "binary": (X > 1).astype(float),
        "huge": 1e150 * X,
        "tiny": 1e-150 * X,
        "float32": X.astype(np.float32),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", odd_data())
def test_odd_data_are_scored(criterion, name):
    X = odd_data()[name]
    detector = AutoencoderOutlierDetector(**QUICK, **criterion).fit(X)
    both = np.vstack([X, X + 100 * np.abs(X).max()])
    assert np.isfinite(detector.score_samples(both)).all()
    assert np.isfinite(detector.score_features(both)).all()
    assert np.isfinite(detector.offset_)
    p_values = detector.predict_pvalue(both)
    assert np.all((p_values > 0) & (p_values <= 1))


def test_rows_that_are_all_equal():
    detector = AutoencoderOutlierDetector(early_stopping=False, **QUICK).fit(np.ones((20, 3)))
    assert_array_equal(detector.predict(np.ones((3, 3))), 1)
    assert_array_equal(detector.predict(np.full((1, 3), 2.0)), -1)


def test_rare_values_of_binary_columns_are_normal():
    rng = np.random.default_rng(0)
    X = (rng.random((300, 10)) < 0.1).astype(float)
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    rows = np.vstack([np.eye(10), np.ones((1, 10))])
    scores = detector.score_samples(rows)
    assert scores[:10].min() > scores[10]
    assert np.all(detector.predict(np.eye(10)) == 1)


# ------------------------------------------------------------ models that calibrate


def assert_calibrated_as(detector, X, **parameters):
    """The scores are those of models with these parameters that are trained to the end."""
    expected = clone(detector).set_params(
        early_stopping=False, tol=0, n_iter_no_change=1000, warm_start=False, **parameters
    )
    assert_array_equal(detector.calibration_scores_, expected.fit(X).calibration_scores_)


def test_calibration_has_the_activation_that_auto_settled_on(monkeypatch):
    monkeypatch.setattr("skae._training.validation.N_ERRORS", 1.0)

    def some_far_off(n_rows, seed):
        rng = np.random.default_rng(seed + 1)
        X = curved_rows(n_rows, seed=seed)
        X += 0.05 * rng.normal(size=X.shape)
        X[::40] = 20 * np.random.default_rng(seed + 2).normal(size=X[::40].shape)
        return X

    X, X_val = some_far_off(500, 0), some_far_off(300, 5)
    options = {"hidden_layer_sizes": (32,), "learning_rate_init": 0.03, "max_iter": 60}
    options |= {"n_iter_no_change": 10, "random_state": 0, "criterion": "reconstruction"}
    relu = AutoencoderOutlierDetector(5, activation="relu", **options).fit(X, X_val=X_val)
    auto = AutoencoderOutlierDetector(5, activation="auto", **options).fit(X, X_val=X_val)
    assert auto.architecture_["activations"][0] == "isru"
    assert relu.best_iter_ == 0
    n_epochs = auto.best_iter_ - relu.n_iter_
    assert n_epochs > 0
    assert_calibrated_as(auto, X, activation="isru", max_iter=n_epochs)


def test_calibration_trains_as_long_as_the_model_before_a_warm_start_too():
    X = normal_rows(120)
    options = QUICK | {"early_stopping": False, "criterion": "reconstruction"}
    detector = AutoencoderOutlierDetector(2, warm_start=True, **options).fit(X).fit(X)
    assert (detector.n_iter_, len(detector.loss_curve_)) == (5, 10)
    assert_calibrated_as(detector, X, max_iter=10)


# ------------------------------------------------------------ one batch after another


def test_later_batches_are_scored_before_they_are_learned():
    detector = AutoencoderOutlierDetector(early_stopping=False, **QUICK)
    detector.partial_fit(normal_rows(400))
    batch = normal_rows(300, seed=4)
    expected = np.sort(detector.score_samples(batch))
    detector.partial_fit(batch)
    assert_allclose(np.sort(detector.calibration_scores_[-300:]), expected)
    for seed in range(5, 9):
        detector.partial_fit(normal_rows(300, seed=seed))
    assert len(detector.calibration_scores_) == 1000
    assert abs(np.mean(detector.predict(normal_rows(3000, seed=9)) == -1) - 0.05) < 0.04


def test_the_model_follows_rows_that_move():
    detector = AutoencoderOutlierDetector(early_stopping=False, **QUICK)
    detector.partial_fit(normal_rows(400))
    moved = normal_rows(2400, seed=4) + 1.5 * detector.scale_
    before = detector.score(moved)
    with (
        pytest.warns(ShiftedSamplesWarning, match="differ from those of the first one"),
        pytest.warns(ShiftedSamplesWarning, match="in 6 of 6 features"),
    ):
        detector.partial_fit(moved[:300])
    for start in range(300, 2400, 300):
        detector.partial_fit(moved[start : start + 300])
    assert detector.score(moved) > before + 1
    assert np.mean(detector.predict(moved) == -1) < 0.15


def test_a_batch_may_be_one_row():
    detector = AutoencoderOutlierDetector(early_stopping=False, contamination=0.1, **QUICK)
    detector.partial_fit(normal_rows(100))
    for row in normal_rows(5, seed=4):
        detector.partial_fit(row[None])
    assert np.isfinite(detector.score_samples(normal_rows())).all()
    assert np.isfinite(detector.offset_)


@pytest.mark.parametrize("n_epochs", [1, 7])
def test_interrupted_fits_keep_their_model_and_take_the_threshold_from_the_training_rows(
    monkeypatch, n_epochs
):
    """Five epochs train the model, the later ones those that calibrate it."""
    X = normal_rows()
    detector = AutoencoderOutlierDetector(**QUICK, early_stopping=False)
    epochs, done = trainer.epochs, []

    def interrupted(*arguments):
        for loss in epochs(*arguments):
            done.append(loss)
            if len(done) > n_epochs:
                raise KeyboardInterrupt
            yield loss

    monkeypatch.setattr(trainer, "epochs", interrupted)
    with pytest.warns(UserWarning, match="nterrupted") as caught:
        detector.fit(X)
    messages = [
        "the best model so far is kept",
        "threshold rests on scores of the training samples",
    ]
    for warned, message in zip(caught, messages if n_epochs < 5 else messages[1:], strict=True):
        assert message in str(warned.message)
    assert detector.n_iter_ == min(n_epochs, 5)
    assert len(done) == n_epochs + 1
    assert_array_equal(detector.calibration_scores_, detector.score_samples(X))
    assert np.mean(detector.predict(X) < 0) == pytest.approx(0.05, abs=0.01)
