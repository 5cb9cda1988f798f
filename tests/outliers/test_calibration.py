"""Calibration: p-values, thresholds, and the scores of held-out samples that they rest on."""

from dataclasses import replace

from gradients import make_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest

from skae import AutoencoderOutlierDetector
from skae._network.network import hidden_activation, with_hidden_activation
from skae._outliers import calibration
from skae._outliers.calibration import (
    Calibration,
    CalibrationSamples,
    calibrate,
    count_max_samples,
    subsample_weights,
)
from skae._outliers.robust import downweight_outliers, fit_ellipsoid
from skae._outliers.scoring import Scorer, fit_scorer
from skae._training.batches import prepared_rows
from skae._training.callbacks import NULL_TASKS
from skae._training.fit import fit, fit_epochs
from skae._training.splitting import FoldSplitter
from skae._training.trainer import Trainer


def samples(n_samples=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 2)) @ np.random.default_rng(1).normal(size=(2, 4))
    return X + 0.3 * rng.normal(size=X.shape)


def trained(X, **changed):
    """Return a trainer, and the result of its fit."""
    parameters = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}
    parameters |= {"early_stopping": False, "learning_rate_init": 0.01}
    options = AutoencoderOutlierDetector(2, **parameters | changed)._options()
    trainer = Trainer(options, float(len(X)))
    return trainer, fit(trainer, make_rows(X))


def all_of(X, left_out=()):
    """Return all samples with the weights 1, 1.5, 1, 1.5, ..., some left out of training."""
    marked = np.isin(np.arange(len(X)), left_out)
    weights = np.where(np.arange(len(X)) % 2, 1.5, 1.0)
    return CalibrationSamples(X, weights, marked)


# ---------------------------------------------------------------- p-values and thresholds


def weighted_case():
    """Return a calibration with ties, and whole weights."""
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=40), 1)
    assert len(np.unique(scores)) < 40
    return Calibration(scores, rng.integers(1, 5, 40).astype(float))


def p_value(calibration, score):
    """(1 + number of copies that score no higher) / (1 + number of copies), one by one."""
    n_no_higher = 0
    for other, weight in zip(calibration.scores, calibration.weights, strict=True):
        if other <= score:
            n_no_higher += weight
    return (1 + n_no_higher) / (1 + sum(calibration.weights))


def test_p_values():
    calibrated = weighted_case()
    scores = np.concatenate([calibrated.scores, np.linspace(-5, 5, 31), [-np.inf, np.inf]])
    expected = [p_value(calibrated, score) for score in scores]
    assert_allclose(calibrated.p_values(scores), expected, rtol=1e-12)
    assert calibrated.p_values(np.array([-100.0]))[0] > 0
    assert calibrated.p_values(np.array([100.0]))[0] == 1


def test_weights_count_as_copies():
    calibrated = weighted_case()
    copies = np.repeat(calibrated.scores, calibrated.weights.astype(int))
    repeated = Calibration(copies, np.ones(len(copies)))
    scores = np.linspace(-4, 4, 50)
    assert_allclose(calibrated.p_values(scores), repeated.p_values(scores), rtol=1e-12)
    for rate in (0.001, 0.05, 0.3, 0.9):
        assert calibrated.threshold(rate) == repeated.threshold(rate)


@pytest.mark.parametrize("rate", [1e-6, 0.01, 0.05, 0.2, 0.5, 0.99, 1.0])
def test_threshold(rate):
    """The lowest score whose p-value exceeds the rate, or the highest score."""
    calibrated = weighted_case()
    above = [s for s in calibrated.scores if p_value(calibrated, s) > rate]
    threshold = calibrated.threshold(rate)
    assert type(threshold) is float
    assert threshold == min(above, default=max(calibrated.scores))
    below = np.sort(calibrated.scores)[np.sort(calibrated.scores) < threshold]
    assert (calibrated.p_values(below) <= rate).all()


def test_scores_that_differ_by_rounding_tie():
    scores = np.array([-100.0, 2.0, 2.0, 3.0])
    calibrated = Calibration(scores, np.ones(4), tolerance=1e-8)
    nearly = [-100 - 1e-7, -100 - 1e-5, 2 - 1e-9, 2 - 1e-7, 3 - 1e-9]
    assert_allclose(calibrated.p_values(np.array(nearly)), [0.4, 0.2, 0.8, 0.4, 1.0])
    assert_allclose(calibrated.weight_below(np.array([2 + 1e-9, 2 + 1e-7, -100])), [1, 3, 0])
    # A sample like the lowest ones is not flagged, whatever block of samples it is scored in.
    assert -100 - 1e-7 > calibrated.threshold(0.3) > -100 - 1e-5


def test_no_p_value_exceeds_one_by_rounding():
    """Sums of shares depend on their order, and SciPy refuses p-values above one."""
    rng = np.random.default_rng(0)
    for n in range(300, 340):
        calibrated = Calibration(rng.normal(size=n), rng.uniform(0.1, 0.9, n))
        assert calibrated.p_values(np.array([10.0]))[0] == 1


def test_new_samples_may_have_a_weight():
    calibrated = Calibration(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 1.0]))
    found = calibrated.p_values(np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0, 4.0]))
    assert_allclose(found, [1 / 5, 5 / 6, 1])
    doubled = calibrated.reweighted(np.array([2.0, 0.0, 1.0]))
    assert_array_equal(doubled.weights, [2, 0, 1])


@pytest.mark.parametrize(
    ("max_samples", "expected"), [("auto", 10_000), (7, 7), (np.int64(3), 3), (0.5, 50), (1e-9, 2)]
)
def test_count_max_samples(max_samples, expected):
    assert count_max_samples(max_samples, 100) == expected


# ---------------------------------------------------------------- the draw


def test_no_sample_is_left_out_where_there_are_few():
    weights = np.array([1.0, 0.0, 2.0, 3.0])
    assert subsample_weights(weights, 3, 0) is weights


@pytest.mark.parametrize(("n_asked", "n_drawn"), [(99, 80), (81, 80), (80, 80), (79, 79), (5, 5)])
def test_a_draw_keeps_a_fifth_out(n_asked, n_drawn):
    weights = np.random.default_rng(0).uniform(0.5, 2, 120)
    weights[::6] = 0
    kept = weights.copy()
    drawn = subsample_weights(weights, n_asked, 3)
    assert np.count_nonzero(drawn) == n_drawn
    chosen = drawn > 0
    assert_array_equal(drawn[chosen], weights[chosen])
    assert_array_equal(weights, kept)
    assert_array_equal(drawn, subsample_weights(weights, n_asked, 3))
    assert (drawn != subsample_weights(weights, n_asked, 4)).any()


# ---------------------------------------------------------------- held-out scores


@pytest.mark.parametrize("criterion", ["likelihood", "reconstruction"])
def test_folds_are_scored_by_models_of_the_others(criterion):
    X = samples()
    trainer, result = trained(X)
    ellipsoid = fit_ellipsoid(result.rows, 0)
    scorer = Scorer(result.model, None, ellipsoid)
    if criterion == "likelihood":
        scorer = fit_scorer(result, result.seeds.samples, ellipsoid, [2])
    given = all_of(X)
    found = calibrate(given, result, scorer, trainer, NULL_TASKS)
    folds = FoldSplitter(result.rows.splitter.groups, given.weights).folds(10)
    scores, weights = [], []
    for k in range(9, -1, -1):
        out = folds == k
        rows = prepared_rows(X[~out], given.weights[~out], divides_frequent=True)
        ellipsoid = fit_ellipsoid(rows, trainer.options.seeds.start)
        rows = downweight_outliers(rows, ellipsoid)
        other = fit_epochs(replace(trainer, total_weight=rows.weights.sum()), rows, 4, 2)
        other_scorer = Scorer(other.model)
        if criterion == "likelihood":
            other_scorer = fit_scorer(other, trainer.options.seeds.samples, ellipsoid, [2])
        scores.append(other_scorer.score_samples(X[out]))
        weights.append(given.weights[out])
    assert_array_equal(found.scores, np.concatenate(scores))
    assert_array_equal(found.weights, np.concatenate(weights))
    assert len(found.scores) == len(X)


def test_samples_left_out_by_a_draw_are_scored_by_the_model_itself(monkeypatch):
    X = samples()
    trainer, result = trained(X[:50])
    scorer = Scorer(result.model)
    given = all_of(X, left_out=range(50, 60))
    found = calibrate(given, result, scorer, trainer, NULL_TASKS)
    assert_array_equal(found.scores, scorer.score_samples(X[50:]))
    assert_array_equal(found.weights, given.weights[50:])
    monkeypatch.setattr("skae._outliers.calibration.MAX_LEFT_OUT", 4)
    fewer = calibrate(given, result, scorer, trainer, NULL_TASKS)
    assert len(fewer.scores) == 4
    assert_array_equal(fewer.scores, found.scores[np.isin(found.indices, fewer.indices)])
    assert fewer.indices.max() > 53  # not the first ones: rows may be in some order


def test_held_out_samples_of_the_fit_come_first(monkeypatch):
    """More than 500 samples are held out once; those are scored by the model itself."""
    X = samples(700)
    trainer, result = trained(X, early_stopping=True)
    held_out = result.held_out
    assert 50 < held_out.sum() < 100
    scorer = Scorer(result.model)
    n_scored = []
    monkeypatch.setattr(calibration, "MIN_CALIBRATION_WEIGHT", 150)
    real = calibration.fit_epochs

    def count(trainer, rows, *more):
        n_scored.append(len(rows))
        return real(trainer, rows, *more)

    monkeypatch.setattr(calibration, "fit_epochs", count)
    given = replace(all_of(X), weights=np.ones(700))
    found = calibrate(given, result, scorer, trainer, NULL_TASKS)
    assert_array_equal(found.scores[: held_out.sum()], scorer.score_samples(X[held_out]))
    assert len(n_scored) == 1  # one fold of five makes up what 150 scores lack
    assert len(found.scores) >= 150


@pytest.mark.parametrize("activation", ["isru", "relu"])
def test_folds_use_the_activation_that_auto_settled_on(activation, monkeypatch):
    X = samples()
    trainer, result = trained(X, activation="auto")
    assert trainer.options.network.activation == "auto"
    spec = with_hidden_activation(result.model.spec, activation)
    result = replace(result, model=result.model.with_spec(**spec))
    used = []
    real = calibration.fit_epochs

    def train(*given):
        other = real(*given)
        used.append(hidden_activation(other.model.spec))
        return other

    monkeypatch.setattr(calibration, "fit_epochs", train)
    calibrate(all_of(X), result, Scorer(result.model), trainer, NULL_TASKS)
    assert used == [activation] * 10


def test_without_hidden_layers_there_is_no_activation_to_settle_on():
    X = samples()
    trainer, result = trained(X, hidden_layer_sizes=())
    found = calibrate(all_of(X), result, Scorer(result.model), trainer, NULL_TASKS)
    assert np.isfinite(found.scores).all()


def test_folds_are_trained_for_as_many_epochs_as_are_kept(monkeypatch):
    X = samples()
    trainer, result = trained(X)
    result.history.best_iter = 2
    n_epochs = []
    real = calibration.fit_epochs

    def train(trainer, rows, n, *more):
        n_epochs.append(n)
        return real(trainer, rows, n, *more)

    monkeypatch.setattr(calibration, "fit_epochs", train)
    calibrate(all_of(X), result, Scorer(result.model), trainer, NULL_TASKS)
    assert n_epochs == [2] * 10


def test_atoms_are_scored_by_the_model_itself_and_weigh_as_much_as_in_x(monkeypatch):
    X = samples(700)
    X[::5] = 0.3
    trainer, result = trained(X, early_stopping=True)
    scorer = Scorer(result.model)
    monkeypatch.setattr(calibration, "MIN_CALIBRATION_WEIGHT", 200)
    found = calibrate(replace(all_of(X), weights=np.ones(700)), result, scorer, trainer, NULL_TASKS)
    is_atom = found.indices % 5 == 0
    assert_array_equal(np.sort(found.indices[is_atom]), np.arange(0, 700, 5))
    assert_allclose(found.scores[is_atom], scorer.score_samples(X[:1])[0], rtol=1e-9)
    assert_allclose(found.weights[is_atom].sum() / found.weights.sum(), 0.2)
    assert_array_equal(found.weights[~is_atom], 1)
    assert 200 <= found.weights.sum() < 500
    assert len(np.unique(found.indices)) == len(found.indices)


def test_a_fold_of_discrete_samples_holds_copies_of_other_folds(monkeypatch):
    """Copies of rare samples are dealt one by one, those of a repeated table together."""
    rng = np.random.default_rng(0)
    flags = (rng.random((100, 7)) < 0.5) * 1.0
    repeated = np.repeat(samples(50), 2, axis=0)
    shares = {}
    for name, X in {"flags": flags, "repeated": repeated}.items():
        trainer, result = trained(X)
        trained_on = []

        def spy(trainer, rows, *more, seen=trained_on):
            seen.append({tuple(row) for row in rows.X})
            return fit_epochs(trainer, rows, *more)

        monkeypatch.setattr(calibration, "fit_epochs", spy)
        given = replace(all_of(X), weights=np.ones(100))
        found = calibrate(given, result, Scorer(result.model), trainer, NULL_TASKS)
        assert_array_equal(np.sort(found.indices), np.arange(100))
        n_folds = len(trained_on)
        known = [tuple(X[i]) in seen for i in range(100) for seen in trained_on]
        shares[name] = (np.sum(known) - 100 * (n_folds - 1)) / 100
    assert shares["repeated"] == 0
    counts = np.unique(flags, axis=0, return_counts=True)[1]
    assert_allclose(shares["flags"], counts[counts > 1].sum() / 100, atol=0.12)


def test_equal_samples_are_scored_as_they_were_trained():
    X = np.ones((20, 4))
    trainer, result = trained(X)
    found = calibrate(all_of(X), result, Scorer(result.model), trainer, NULL_TASKS)
    assert_array_equal(found.scores, Scorer(result.model).score_samples(X))


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_after_an_interrupt_the_training_scores_count(when, monkeypatch):
    X = samples()
    trainer, result = trained(X)
    if when == "before":
        result = replace(result, interrupted=True)
    else:

        def interrupt(*given):
            raise KeyboardInterrupt

        monkeypatch.setattr(calibration, "fit_epochs", interrupt)
    scorer, given = Scorer(result.model), all_of(X)
    with pytest.warns(UserWarning, match="threshold rests on scores of the training samples"):
        found = calibrate(given, result, scorer, trainer, NULL_TASKS)
    assert_array_equal(found.scores, scorer.score_samples(X))
    assert_array_equal(found.weights, given.weights)


@pytest.mark.parametrize(
    ("n_samples", "n_folds"), [(600, 4), (2000, 1), (4990, 1), (5000, 1), (9990, 1), (10_000, 0)]
)
def test_more_samples_do_not_leave_far_fewer_scores(n_samples, n_folds):
    """A tenth is held out by the fit itself."""
    weights, is_atom = np.ones(n_samples), np.zeros(n_samples, bool)
    assert calibration._count_folds(weights, is_atom, n_samples // 10, 5) == n_folds
