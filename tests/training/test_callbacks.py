"""What scikit-learn's callbacks are told of a fit, and what they may do to it."""

import doctest
import io
import pickle

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from thoroughness import first_of

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae._training.callbacks import NULL_TASKS, NullTasks
from skae.metrics import reconstruction_score, reconstruction_scores

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
TRANSFORMERS = ESTIMATORS[:2]
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0}
WATCHED = QUICK | {"validation_fraction": 0.2}
PLAIN = QUICK | {"early_stopping": False}
WAYS = {"plain": PLAIN, "cross-validation": QUICK, "lbfgs": PLAIN | {"solver": "lbfgs"}}
X = load_digits().data[::12, ::3] / 16
X_many = load_digits().data[:600] / 16  # too many for cross-validation


def quick(Estimator, *args, **parameters):
    """An estimator; the likelihood of a detector takes the longest, and is not told of."""
    if Estimator is AutoencoderOutlierDetector:
        parameters = {"criterion": "reconstruction"} | parameters
    return Estimator(*args, **parameters)


callbacks = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def path(context):
    """The names of a task and of all that it is part of, outermost first."""
    above = path(context.parent) if context.parent is not None else ()
    return (*above, context.task_name)


class Recorder:
    """A callback that asks for nothing and writes down what it is told."""

    def __init__(self):
        self.set_up = self.torn_down = 0
        self.begun, self.ended, self.contexts = [], [], []

    def setup(self, estimator, context):
        self.set_up += 1

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(path(context))
        self.contexts.append(context)

    def on_fit_task_end(self, estimator, context):
        self.ended.append(path(context))

    def count(self, *names):
        return self.ended.count(names)


class Watcher(Recorder):
    """A callback that asks for everything, and calls `look` at the end of each epoch."""

    def __init__(self, look, ends=None):
        super().__init__()
        self.look, self.ends = look, ends

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        super().on_fit_task_end(estimator, context)
        if context.task_name == "epoch":
            return self.look(context, X, y, metadata, fitted_estimator)
        if self.ends is not None:
            self.ends(context, X, y, metadata, fitted_estimator)
        return None


def monitor():
    return callbacks.ScoringMonitor(scoring=reconstruction_scores)


def scores_of_epochs(found):
    return [row["reconstruction_score"] for row in found.get_logs().data if is_epoch(row)]


def is_epoch(row):
    return row["task_name"] == "epoch"


# ------------------------------------------------------------ the tree of tasks


@quiet
@pytest.mark.parametrize("parameters", [PLAIN, WATCHED, WAYS["lbfgs"]])
@pytest.mark.parametrize("Estimator", first_of(TRANSFORMERS))
def test_one_phase_is_the_fit_itself(Estimator, parameters):
    recorder = Recorder()
    X_val = X_many[:100] if parameters is WATCHED else None
    model = quick(Estimator, **parameters).set_callbacks(recorder).fit(X_many, X_val=X_val)
    assert recorder.begun[0] == recorder.ended[-1] == ("fit",)
    assert recorder.ended[:-1] == [("fit", "epoch")] * model.n_iter_
    assert sorted(recorder.begun) == sorted(recorder.ended)
    assert recorder.contexts[0].max_subtasks == 4
    assert all(context.max_subtasks == 0 for context in recorder.contexts[1:])
    assert [context.task_id for context in recorder.contexts[1:]] == list(range(model.n_iter_))
    assert recorder.set_up == recorder.torn_down == 1


@pytest.mark.parametrize("Estimator", first_of(TRANSFORMERS))
def test_cross_validation_is_a_phase_and_the_refit_another(Estimator):
    recorder = Recorder()
    X = load_digits().data[:200, ::4] / 16
    parameters = QUICK | {"max_iter": 40, "learning_rate_init": 1e-2}
    model = quick(Estimator, 4, **parameters).set_callbacks(recorder)
    if Estimator is DenoisingAutoencoder:
        model.set_params(noise_level=0.01)
    model.fit(X)
    assert model.best_iter_ > 0
    assert recorder.count("fit", "cross-validation", "epoch") == model.n_iter_
    assert recorder.count("fit", "cross-validation") == 1
    assert recorder.count("fit", "refit", "epoch") == model.best_iter_
    assert recorder.count("fit", "refit") == 1
    assert recorder.contexts[0].max_subtasks == 2
    assert sorted(recorder.begun) == sorted(recorder.ended)


def doubtful_rows():
    """Rows whose gain over PCA is certain on halves, but not on a tenth of them."""
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(600, 3))
    curved = 0.7 * factors[:, :1] ** 2 + rng.normal(size=(600, 1))
    rows = np.hstack([factors, curved]) @ rng.normal(size=(4, 12))
    return rows * np.exp(0.8 * rng.normal(size=(600, 1)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_halves_are_phases_that_may_follow_the_training():
    recorder, shown = Recorder(), []
    rows = doubtful_rows()
    parameters = QUICK | {"max_iter": 60, "learning_rate_init": 1e-2, "activation": "tanh"}
    watcher = Watcher(lambda context, X, y, metadata, model: shown.append((path(context), len(X))))
    model = AutoencoderTransformer(3, **parameters).set_callbacks(recorder, watcher).fit(rows)
    assert recorder.begun[1] == ("fit", "training")
    phases = [task[1] for task in recorder.ended if len(task) == 2]
    assert phases == ["training", "cross-validation", "refit"]
    n_refitted = recorder.count("fit", "refit", "epoch")
    assert model.best_iter_ == n_refitted
    assert model.n_iter_ == recorder.count("fit", "cross-validation", "epoch") <= 60
    n_trial = recorder.count("fit", "training", "epoch")
    assert f" A trial of {n_trial} epochs had left" in model.summary()
    n_trained = {names[1]: n for names, n in shown}
    assert n_trained["training"] == 540
    assert 298 <= n_trained["cross-validation"] <= 302
    assert n_trained["refit"] == 600
    assert recorder.contexts[0].max_subtasks == 3
    expected = AutoencoderTransformer(3, **parameters).fit(rows)
    assert_array_equal(model.theta_, expected.theta_)


def test_restarts_are_phases_too():
    """With the activation free to choose, and codes nested, the training may begin three times."""
    recorder = Recorder()
    rows = np.random.default_rng(0).uniform(-2, 2, size=(600, 6))  # not normally distributed
    parameters = QUICK | {"nested": True, "max_iter": 30, "n_iter_no_change": 2}
    AutoencoderTransformer(**parameters).set_callbacks(recorder).fit(rows)
    phases = [task[1] for task in recorder.ended if len(task) == 2]
    assert phases.count("training") == 3
    assert recorder.contexts[0].max_subtasks == 5 >= len(phases)
    recorder = Recorder()
    detector = quick(AutoencoderOutlierDetector, 2, **QUICK | {"activation": "auto"})
    detector.set_params(max_iter=30, n_iter_no_change=2).set_callbacks(recorder).fit(rows)
    phases = [task[1] for task in recorder.ended if len(task) == 2]
    assert phases.count("training") == 2
    assert phases[-1] == "calibration"


def test_calibration_is_the_last_phase_of_a_detector():
    recorder = Recorder()
    model = AutoencoderOutlierDetector(3, **PLAIN).set_callbacks(recorder).fit(X)
    assert recorder.count("fit", "training", "epoch") == model.n_iter_ == 4
    assert recorder.count("fit", "calibration", "fold") == 10
    assert recorder.count("fit", "calibration", "fold", "epoch") == 40
    assert recorder.ended[-2:] == [("fit", "calibration"), ("fit",)]
    assert sorted(recorder.begun) == sorted(recorder.ended)
    recorder = Recorder()
    model.set_params(max_samples=100).set_callbacks(recorder).fit(X)
    assert recorder.ended[-2:] == [("fit", "training"), ("fit",)]  # rows not drawn calibrate


SOUGHT = QUICK | {"n_components": 0.6, "max_iter": 12, "learning_rate_init": 1e-2}


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [200, 600])
@pytest.mark.parametrize("Estimator", first_of(TRANSFORMERS))
def test_sizing_is_the_first_phase_where_a_share_is_asked_for(Estimator, n_rows):
    """The model that is found is then trained as any other, and is the same without callbacks."""
    recorder = Recorder()
    rows = X_many[:n_rows, ::2]
    model = quick(Estimator, **SOUGHT).set_callbacks(recorder).fit(rows)
    way = "cross-validation" if n_rows == 200 else "training"
    # Sizing, then cross-validation and refit, which two trainings may precede.
    assert recorder.contexts[0].max_subtasks == (3 if n_rows == 200 else 5)
    assert recorder.begun[1] == ("fit", "sizing")
    assert recorder.count("fit", "sizing", way) > 1
    assert recorder.count("fit", "sizing", way, "epoch") > 1
    after = recorder.begun[recorder.begun.index(("fit", way)) :]
    assert not any("sizing" in task for task in after)
    ways = {"training", "cross-validation"}
    assert sum(recorder.count("fit", each, "epoch") for each in ways) == model.n_iter_ > 0
    assert sorted(recorder.begun) == sorted(recorder.ended)
    expected = quick(Estimator, **SOUGHT).fit(rows)
    assert_array_equal(model.theta_, expected.theta_)


def test_a_share_without_rows_to_judge_has_no_sizing():
    recorder = Recorder()
    AutoencoderTransformer(**SOUGHT | PLAIN).set_callbacks(recorder).fit(X)
    assert not any("sizing" in task for task in recorder.begun)
    assert recorder.contexts[0].max_subtasks == 4


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_no_epochs(Estimator):
    recorder = Recorder()
    quick(Estimator, **QUICK | {"max_iter": 0}).set_callbacks(recorder).fit(X)
    assert recorder.begun[0] == recorder.ended[-1] == ("fit",)
    assert not any("epoch" in task for task in recorder.begun)
    recorder = Recorder()
    quick(Estimator, **QUICK).set_callbacks(recorder).fit(np.ones((700, 3)))  # nothing to learn
    assert not any("epoch" in task for task in recorder.begun)


def test_an_epoch_that_diverges_is_an_empty_task():
    models = []
    watcher = Watcher(lambda context, X, y, metadata, model: models.append(model))
    parameters = PLAIN | {"learning_rate_init": 1e8, "solver": "sgd", "linear_path": None}
    model = AutoencoderTransformer(**parameters).set_callbacks(watcher)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.fit(X)
    assert sorted(watcher.begun) == sorted(watcher.ended)
    assert watcher.count("fit", "epoch") == model.n_iter_ + 1
    assert models[-1] is None


def test_partial_fit_has_no_tasks():
    recorder = Recorder()
    AutoencoderTransformer(**QUICK).set_callbacks(recorder).partial_fit(X).partial_fit(X)
    assert recorder.set_up == 0
    assert recorder.begun == []


# ------------------------------------------------------------ what is shown of an epoch


@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_the_model_as_it_stands(Estimator, way):
    """Ready to use, apart from the one that is trained, and another in every epoch."""
    seen = []

    def look(context, X, y, metadata, model):
        if model is not None:
            assert isinstance(model, Estimator)
            assert y is X
            assert metadata is None
            assert np.isfinite(model.score(X))
            assert model.transform(X).shape == (len(X), 2)
            assert model.n_iter_ == len(model.loss_curve_)
            if Estimator is AutoencoderOutlierDetector:
                assert set(model.predict(X)) == {-1, 1}
            seen.append((model, model.theta_.copy(), model.reconstruct(X), X))

    parameters = WAYS[way]
    model = quick(Estimator, 2, **parameters).set_callbacks(Watcher(look)).fit(X)
    assert len(seen) == 4 + (model.best_iter_ if way == "cross-validation" else 0)
    for i, (shown, theta, reconstruction, rows) in enumerate(seen):
        assert_array_equal(shown.theta_, theta)
        assert_array_equal(shown.reconstruct(rows), reconstruction)
        assert shown.loss_curve_ == model.loss_curve_[: i + 1] or way == "cross-validation"
    assert len({theta.tobytes() for _, theta, _, _ in seen}) == len(seen)
    expected = quick(Estimator, 2, **parameters).fit(X)
    assert_array_equal(model.theta_, expected.theta_)  # looking changes nothing
    assert model.loss_curve_ == expected.loss_curve_


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_the_last_model_shown_is_the_one_that_fit_leaves(Estimator):
    """With every epoch kept, up to what a detector calibrates: order and signs included."""
    shown, final = [], []
    watcher = Watcher(
        lambda context, X, y, metadata, model: shown.append(model),
        ends=lambda context, X, y, metadata, model: final.append(model),
    )
    model = Estimator(3, **PLAIN).set_callbacks(watcher).fit(X)
    last = [one for one in shown if one is not None][-1]
    for one in (last, final[-1]):
        assert_allclose(one.transform(X), model.transform(X), rtol=1e-9, atol=1e-12)
        assert_allclose(one.score_samples(X), model.score_samples(X), rtol=1e-9)
        assert_allclose(one.explained_variance_ratio_, model.explained_variance_ratio_)
        assert one.reconstruction_err_ == pytest.approx(model.reconstruction_err_)
        assert one.n_iter_ == model.n_iter_


def test_of_many_rows_a_thousand_judge_the_model_that_is_shown():
    rows = np.random.default_rng(0).normal(size=(2500, 5))
    errors = []
    watcher = Watcher(
        lambda context, X, y, metadata, model: errors.append(
            (model.reconstruction_err_, np.square(model.reconstruct(rows) - rows).mean(axis=1))
        )
    )
    model = AutoencoderTransformer(3, **PLAIN).set_callbacks(watcher).fit(rows)
    chosen = np.linspace(0, 2499, 1000).astype(int)
    assert errors[-1][0] == pytest.approx(errors[-1][1][chosen].mean())
    assert model.reconstruction_err_ == pytest.approx(errors[-1][1].mean())


def test_a_second_fit_shows_nothing_of_the_first():
    watcher = Watcher(
        lambda context, X, y, metadata, model: shown.append((model.n_iter_, model.n_samples_seen_))
    )
    shown = []
    model = AutoencoderTransformer(**PLAIN).set_callbacks(watcher).fit(X)
    first, shown = shown, []
    model.fit(X)
    assert shown == first
    model.set_params(warm_start=True)
    shown = []
    model.fit(X)
    assert shown == [(i, 2 * len(X)) for i in range(1, 5)]


def test_rows_shown_are_those_learned_from():
    shown = []
    watcher = Watcher(lambda context, X, y, metadata, model: shown.append((X, y, metadata)))
    model = AutoencoderTransformer(**WATCHED).set_callbacks(watcher).fit(X_many)
    rows, y, metadata = shown[0]
    assert y is rows
    assert metadata is None
    assert 0.75 < len(rows) / 600 < 0.85
    given = {row.tobytes() for row in X_many}
    assert {row.tobytes() for row in rows} < given
    assert all(rows is again for again, _, _ in shown)  # made once
    shown.clear()
    model.fit(X_many, X_val=X_many[::2])
    assert_array_equal(shown[0][0], X_many)
    shown.clear()
    model.set_params(early_stopping=False).fit(X_many)
    assert_array_equal(shown[0][0], X_many)


def test_weights_are_shown_with_their_rows():
    shown = []
    watcher = Watcher(lambda context, X, y, metadata, model: shown.append((X, metadata)))
    weights = np.arange(len(X_many)) % 9.0
    marked = np.column_stack([X_many, weights])
    AutoencoderTransformer(**WATCHED).set_callbacks(watcher).fit(marked, sample_weight=weights)
    rows, metadata = shown[-1]
    assert list(metadata) == ["sample_weight"]
    assert_array_equal(metadata["sample_weight"], rows[:, -1])
    assert metadata["sample_weight"].min() == 1  # rows of weight zero count as absent
    assert len(rows) < np.count_nonzero(weights)


def test_clean_rows_are_the_targets():
    shown = []
    watcher = Watcher(lambda context, X, y, metadata, model: shown.append((X, y)))
    noisy = X_many + 0.1
    model = DenoisingAutoencoder(**WATCHED).set_callbacks(watcher)
    model.fit(noisy, X_clean=X_many)
    rows, y = shown[0]
    assert_allclose(rows, y + 0.1)
    assert len(rows) < 600


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_rows_of_frames_are_frames(Estimator, library):
    """With the names that the model shown knows, so that nothing warns of missing ones."""
    Frame = pytest.importorskip(library).DataFrame
    shown = []

    def look(context, X, y, metadata, model):
        if model is not None:
            shown.append(X)
            assert np.isfinite(model.score(X))

    frame = Frame({f"p{i}": column for i, column in enumerate(X.T)})
    quick(Estimator, **WATCHED).set_callbacks(Watcher(look)).fit(frame)
    assert all(isinstance(rows, Frame) for rows in shown)
    assert list(shown[0].columns) == list(frame.columns)
    assert len(shown[0]) < len(frame)


# ------------------------------------------------------------ scikit-learn's own callbacks


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_score_of_every_epoch(Estimator, way):
    found = monitor()
    model = quick(Estimator, 3, **WAYS[way]).set_callbacks(found).fit(X)
    rows = found.get_logs().data
    refitted = model.best_iter_ if way == "cross-validation" else 0
    assert sum(map(is_epoch, rows)) == model.n_iter_ + refitted
    assert rows[0]["task_name"] == "fit"
    assert rows[0]["reconstruction_score"] == pytest.approx(reconstruction_score(model, X))
    assert all(np.isfinite(row["neg_mean_squared_error"]) for row in rows)
    frame = found.get_logs().data_as_pandas
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == len(rows)


def test_scores_rise_with_training():
    found = monitor()
    parameters = PLAIN | {"max_iter": 15, "learning_rate_init": 1e-2}
    model = AutoencoderTransformer(4, **parameters).set_callbacks(found).fit(X)
    scores = scores_of_epochs(found)
    start = clone(model).set_callbacks().set_params(max_iter=0).fit(X).score(X)
    assert scores[-1] > start
    assert scores[-1] > scores[0]
    assert scores[-1] == pytest.approx(model.score(X))


def test_weights_reach_the_scores():
    found, weights = monitor(), np.linspace(0.1, 1, len(X))
    model = AutoencoderTransformer(3, **PLAIN).set_callbacks(found)
    model.fit(X, sample_weight=weights)
    expected = reconstruction_score(model, X, sample_weight=weights)
    assert scores_of_epochs(found)[-1] == pytest.approx(expected)
    assert abs(expected - reconstruction_score(model, X)) > 1e-6


def test_bars_and_scores_inside_a_search(capsys):
    """Two processes, a Pipeline, frames: a bar for every level, a score for every epoch."""
    pytest.importorskip("rich")
    found = monitor()
    autoencoder = AutoencoderTransformer(**PLAIN).set_callbacks(found)
    pipeline = Pipeline([("scale", StandardScaler()), ("encode", autoencoder)])
    search = GridSearchCV(pipeline, {"encode__n_components": [1, 2]}, cv=2, n_jobs=2)
    search.set_callbacks(callbacks.ProgressBar(max_propagation_depth=None))
    search.fit(load_iris(as_frame=True).data)
    printed = "".join(capsys.readouterr().out.split())
    assert "AutoencoderTransformer" in printed or "Autoencode" in printed
    assert "GridSearchCV" in printed
    rows = found.get_logs(include_lineage=True).data
    assert sum(map(is_epoch, rows)) == (2 * 2 + 1) * 4
    assert {"GridSearchCV", "AutoencoderTransformer"} <= {row["estimator_name"] for row in rows}
    for name, value in vars(search.best_estimator_[-1]).items():
        assert "callback" not in name or name == "_skl_callbacks", (name, value)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_bar_in_a_pipeline(Estimator, capsys):
    pytest.importorskip("rich")
    pipeline = Pipeline([("scale", StandardScaler()), ("encode", quick(Estimator, **QUICK))])
    pipeline.set_callbacks(callbacks.ProgressBar()).fit(X)
    assert "100%" in capsys.readouterr().out
    assert not [name for name in vars(pipeline[-1]) if "callback" in name]


# ------------------------------------------------------------ stopping


@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_callback_stops_training(Estimator, solver):
    stopper = Watcher(lambda context, *shown: context.task_id == 1)
    parameters = PLAIN | {"max_iter": 50, "solver": solver}
    model = quick(Estimator, 2, **parameters).set_callbacks(stopper).fit(X)
    assert model.n_iter_ == model.best_iter_ == len(model.loss_curve_) == 2
    if solver == "sgd":  # whose rate does not know how long training was to be
        expected = quick(Estimator, 2, **parameters | {"max_iter": 2}).fit(X)
        assert_array_equal(model.theta_, expected.theta_)
    assert np.isfinite(model.score(X))


def test_a_stop_ends_l_bfgs_without_a_warning_of_its_end():
    stopper = Watcher(lambda context, *shown: context.task_id == 1)
    parameters = PLAIN | {"max_iter": 2, "solver": "lbfgs"}
    model = AutoencoderTransformer(2, **parameters | {"max_iter": 50}).set_callbacks(stopper)
    model.fit(X)  # warnings are errors
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        AutoencoderTransformer(2, **parameters).fit(X)


def test_the_usual_rule_says_what_is_kept_when_a_callback_stops():
    parameters = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.05, "random_state": 2}
    free = AutoencoderTransformer(2, **parameters, max_iter=60).fit(X_many)
    best = free.best_iter_
    assert 0 < best < free.n_iter_
    stopper = Watcher(lambda context, *shown: context.task_id == best)  # one epoch past it
    model = AutoencoderTransformer(2, **parameters, max_iter=60).set_callbacks(stopper)
    model.fit(X_many)
    assert model.n_iter_ == best + 1
    assert model.best_iter_ == best
    assert_array_equal(model.theta_, free.theta_)
    assert model.validation_loss_curve_ == free.validation_loss_curve_[: best + 1]


@pytest.mark.parametrize("n_rows", [200, 600])
def test_a_stop_ends_a_nested_fit_before_its_decoders_go_on_alone(n_rows):
    noise = np.random.default_rng(0).uniform(-2, 2, size=(n_rows, 6))  # nothing can be learned
    parameters = QUICK | {"nested": True, "max_iter": 60, "n_iter_no_change": 3}
    recorder = Recorder()
    free = AutoencoderTransformer(4, **parameters).set_callbacks(recorder).fit(noise)
    assert free.best_iter_ == 0
    assert free.n_iter_ == sum(task[-1] == "epoch" for task in recorder.ended) >= 6
    assert sorted(recorder.begun) == sorted(recorder.ended)
    stopper = Watcher(lambda context, *shown: context.task_id == 1)
    model = AutoencoderTransformer(4, **parameters).set_callbacks(stopper).fit(noise)
    assert model.n_iter_ == len(model.loss_curve_) == 2


def test_a_stop_in_cross_validation_leaves_the_refit_to_follow():
    def look(context, *shown):
        return context.parent.task_name == "cross-validation" and context.task_id == 25

    X = load_digits().data[:200, ::4] / 16
    parameters = QUICK | {"max_iter": 40, "learning_rate_init": 1e-2, "tol": 0}
    watcher = Watcher(look)
    model = AutoencoderTransformer(4, **parameters).set_callbacks(watcher).fit(X)
    assert model.n_iter_ == 26
    assert 0 < model.best_iter_ <= 26
    assert watcher.count("fit", "refit", "epoch") == model.best_iter_
    expected = AutoencoderTransformer(4, **parameters | {"max_iter": 26}).fit(X)
    assert_array_equal(model.theta_, expected.theta_)


def test_calibration_does_not_stop():
    """The models that judge held-out rows train for as long as the one they stand for."""
    stopper = Watcher(lambda context, *shown: "calibration" in path(context))
    model = quick(AutoencoderOutlierDetector, 2, **PLAIN).set_callbacks(stopper).fit(X)
    expected = quick(AutoencoderOutlierDetector, 2, **PLAIN).fit(X)
    assert_array_equal(model.calibration_scores_, expected.calibration_scores_)
    assert stopper.count("fit", "calibration", "fold", "epoch") == 40


def test_sizing_does_not_stop_and_has_no_model_to_show():
    """A size cannot be judged by half a training; the one that is found may be stopped."""
    shown = []

    def look(context, X, y, metadata, model):
        if "sizing" in path(context):
            shown.append(model)
            return True
        return context.task_id == 1

    stopper = Watcher(look)
    model = AutoencoderTransformer(**SOUGHT).set_callbacks(stopper).fit(X_many)
    expected = AutoencoderTransformer(**SOUGHT).fit(X_many)
    assert model.n_components_ == expected.n_components_
    assert model.n_iter_ == 2 < expected.n_iter_
    assert set(shown) == {None}
    assert len(shown) == stopper.count("fit", "sizing", "training", "epoch") > 4


# ------------------------------------------------------------ what is left behind


def without_callbacks(model):
    return {name for name in vars(model) if name != "_skl_callbacks"}


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_nothing_is_left_on_the_estimator(Estimator):
    expected = vars(quick(Estimator, **QUICK).fit(X))
    model = quick(Estimator, **QUICK).set_callbacks(Recorder()).fit(X)
    assert without_callbacks(model) == set(expected)
    assert set(vars(model.set_callbacks())) == set(expected)


class FailingError(Exception):
    pass


def fail(context, *shown):
    raise FailingError


def interrupt(context, *shown):
    raise KeyboardInterrupt


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_failing_callback_leaves_the_estimator_as_it_was(Estimator, fitted):
    watcher = Watcher(fail)
    model = quick(Estimator, **PLAIN).set_callbacks(watcher)
    if fitted:
        model.set_callbacks().fit(X[:, :5]).set_callbacks(watcher)
    before = dict(vars(model))
    with pytest.raises(FailingError):
        model.fit(X)
    assert vars(model) == before
    assert watcher.set_up == watcher.torn_down == 1


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_failing_fit_tears_down(Estimator):
    recorder = Recorder()
    model = quick(Estimator, **QUICK).set_callbacks(recorder)
    before = dict(vars(model))
    for bad, message in ((X[:1], "minimum of 2"), (X * np.nan, "NaN"), (X[0], "2D array")):
        with pytest.raises(ValueError, match=message):
            model.fit(bad)
        assert vars(model) == before
    with pytest.raises(ValueError, match="X_val"):
        model.fit(X, X_val=X[:, 1:])
    assert vars(model) == before
    assert recorder.set_up == recorder.torn_down == 4
    assert recorder.begun == []


def test_an_interrupt_in_a_callback_keeps_the_model():
    watcher = Watcher(lambda context, *shown: interrupt(context) if context.task_id == 1 else None)
    model = AutoencoderTransformer(**PLAIN).set_callbacks(watcher)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X)
    assert model.n_iter_ == 2
    assert watcher.torn_down == 1
    assert without_callbacks(model) == set(vars(AutoencoderTransformer(**PLAIN).fit(X)))


def test_an_interrupt_in_the_calibration_ends_its_tasks():
    watcher = Watcher(lambda context, *shown: "calibration" in path(context) and interrupt(context))
    model = quick(AutoencoderOutlierDetector, **PLAIN).set_callbacks(watcher)
    with pytest.warns(UserWarning, match="threshold rests on scores of the training samples"):
        model.fit(X)
    assert sorted(watcher.begun) == sorted(watcher.ended)
    assert watcher.ended[-3:] == [("fit", "calibration", "fold"), ("fit", "calibration"), ("fit",)]
    assert watcher.torn_down == 1


def test_an_interrupt_in_the_sizing_ends_its_tasks():
    watcher = Watcher(lambda context, *shown: "sizing" in path(context) and interrupt(context))
    model = AutoencoderTransformer(**SOUGHT).set_callbacks(watcher)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X_many)
    assert np.isfinite(model.score(X_many))
    assert sorted(watcher.begun) == sorted(watcher.ended)
    assert watcher.ended[-3:] == [("fit", "sizing", "training"), ("fit", "sizing"), ("fit",)]
    assert watcher.torn_down == 1


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_clones_and_copies(Estimator):
    found = monitor()
    model = quick(Estimator, 3, **PLAIN).set_callbacks(found).fit(X)
    again = clone(model).fit(X)
    assert len(found.get_logs(select="all")) == 2
    assert_array_equal(again.theta_, model.theta_)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.transform(X), model.transform(X))
    copy.fit(X)
    assert_array_equal(copy.theta_, model.theta_)


class Saver(Recorder):
    """A callback that writes checkpoints."""

    saved = []

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.saved.append(pickle.dumps(fitted_estimator))


def test_a_model_shown_can_be_saved():
    model = AutoencoderTransformer(3, **PLAIN).set_callbacks(Saver()).fit(X)
    assert_array_equal(pickle.loads(Saver.saved[-2]).transform(X), model.transform(X))


def test_the_null_object_answers_whatever_tasks_are_asked():
    """One object stands for all tasks where no callback listens."""
    assert NULL_TASKS.phase("training", 1, None, None) is NULL_TASKS
    assert NULL_TASKS.calibration(5) is NULL_TASKS
    assert NULL_TASKS.search() is NULL_TASKS
    assert NULL_TASKS.end_epoch() is False
    model = AutoencoderTransformer(**QUICK).set_callbacks(Recorder()).set_callbacks()
    assert "_skl_callbacks" not in vars(model)
    assert isinstance(NULL_TASKS, NullTasks)


# ------------------------------------------------------------ verbose


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("parameters", [PLAIN, QUICK, WATCHED, WAYS["lbfgs"]])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_verbose_prints_a_line_for_each_epoch(Estimator, parameters, capsys):
    model = quick(Estimator, **parameters).fit(X)
    assert capsys.readouterr() == ("", "")
    model.set_params(verbose=True).fit(X)
    lines = capsys.readouterr().out.splitlines()
    report = [line for line in lines if not line.startswith("Epoch ")]
    assert report == lines[-len(report) :] == model._report()
    has_gain = model.gain_over_pca_ is not None
    assert any(line.startswith("Gain over ") for line in report) == has_gain
    lines = lines[: -len(report)]
    assert len(lines) == model.n_iter_ == 4
    for i, (line, loss) in enumerate(zip(lines, model.loss_curve_, strict=True), start=1):
        assert line.startswith(f"Epoch {i}, loss = {loss:.6g}")
    assert all(("validation loss" in line) == model.early_stopping for line in lines)


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_verbose_prints_a_line_for_each_partial_fit(Estimator, capsys):
    model = quick(Estimator, **QUICK).partial_fit(X)
    assert capsys.readouterr() == ("", "")
    model.set_params(verbose=1).partial_fit(X)
    assert capsys.readouterr().out.startswith("Epoch 2, loss = ")


def test_verbose_and_callbacks_do_not_mind_each_other(capsys):
    AutoencoderTransformer(**PLAIN, verbose=True).set_callbacks(Recorder()).fit(X)
    lines = io.StringIO(capsys.readouterr().out).readlines()
    assert sum(line.startswith("Epoch ") for line in lines) == 4


# ------------------------------------------------------------ the page of the guide


@pytest.mark.slow
def test_the_page_runs():
    pytest.importorskip("rich")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testfile("../../docs/callbacks.rst", optionflags=flags)
    assert found.attempted > 20
    assert found.failed == 0


@pytest.mark.parametrize("n_splits", [1, 3])
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_training_samples_of_given_splits(Estimator, n_splits):
    """Callbacks get the samples that the network of the first split is trained on."""
    splitter, seen = ShuffleSplit(n_splits, train_size=0.5, test_size=0.2, random_state=0), []

    def look(context, X, y, metadata, fitted_estimator):
        if path(context)[-2] != "fold":
            seen.append((path(context)[-2], X))

    watcher = Watcher(look)
    quick(Estimator, 2, validation_split=splitter, **QUICK).set_callbacks(watcher).fit(X)
    [(trained, _), *_] = splitter.split(X)
    for phase, samples in seen:
        expected = X if phase == "refit" else X[np.sort(trained)]
        assert_array_equal(samples, expected)
    assert len(seen) >= 4
