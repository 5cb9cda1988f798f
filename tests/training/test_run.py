"""A run of training: what it counts, how it holds out samples, and its epochs."""

from dataclasses import replace
import math

import numpy as np
import pytest
from runs import make_run, previous_of

from skae._training.ending import CONVERGED
from skae._training.objective import DivergedError
from skae._training.run import N_FOLDS, History, report, report_end, run_epochs, warn_diverged
from skae._training.state import start_state


def rows_of(n_rows=20, n_features=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features))


class Phase:
    """A phase that writes down its epochs, and asks to stop after some of them."""

    def __init__(self, n_epochs=math.inf):
        self.n_epochs, self.begun, self.ended = n_epochs, 0, 0

    def begin_epoch(self):
        self.begun += 1

    def end_epoch(self):
        self.ended += 1
        return self.ended >= self.n_epochs


# ---------------------------------------------------------------- history


def test_a_history_counts_its_epochs():
    history = History()
    history.add(3.0)
    history.add(2.0, 2.5)
    assert history.loss_curve == [3, 2]
    assert history.validation_loss_curve == [2.5]
    assert history.n_iter == 2


def test_epochs_kept_are_those_since_the_last_restart_and_those_before_a_warm_start():
    history = History(loss_curve=[4.0, 3.0])  # of an earlier call of fit
    assert history.n_epochs_kept == 2
    for loss in (3.0, 2.0, 1.0):
        history.add(loss)
    history.best_iter = 2
    assert history.n_epochs_kept == 2 + 2
    history.n_before = history.n_iter  # a restart: nothing before it is kept
    assert history.n_epochs_kept == 2
    history.add(1.5)
    history.best_iter = 4
    assert history.n_epochs_kept == 2 + 1


def test_a_copy_of_a_history_is_not_added_to():
    history = History()
    history.add(3.0, 3.5)
    history.best_iter, history.best_loss = 1, 3.5
    copy = history.copy()
    assert copy == history
    history.add(2.0, 2.5)
    assert copy.loss_curve == [3]
    assert copy.validation_loss_curve == [3.5]
    assert (copy.n_iter, copy.best_iter, copy.best_loss) == (1, 1, 3.5)


# ---------------------------------------------------------------- held-out samples


@pytest.mark.parametrize(
    ("n_rows", "n_features", "expected"),
    [
        (4, 5, False),
        (5, 5, True),
        (500, 5, True),
        (501, 5, False),
        (200, 1000, True),
        (200, 1001, False),
    ],
)
def test_few_samples_are_cross_validated(n_rows, n_features, expected):
    run = make_run(rows_of(n_rows, n_features), linear_path=None)
    assert run.is_cross_validated == expected
    run.previous = previous_of(run)
    assert not run.is_cross_validated


def test_l_bfgs_is_not_cross_validated():
    assert not make_run(rows_of(), solver="lbfgs").is_cross_validated


@pytest.mark.parametrize(
    ("n_rows", "fraction", "n_folds"),
    [(100, 0.1, N_FOLDS), (600, 0.1, 10), (600, 0.25, 4), (600, 0.9, 2)],
)
def test_samples_are_dealt_to_folds(n_rows, fraction, n_folds):
    """With cross-validation to five, else so that one fold is the validation set."""
    run = make_run(rows_of(n_rows), validation_fraction=fraction)
    sizes = np.bincount(run.folds)
    assert len(sizes) == n_folds
    assert np.ptp(sizes) <= 1


def test_splits_are_those_of_the_folds():
    run = make_run(rows_of(100))
    folds = run.folds
    assert len(run.splits) == N_FOLDS
    for k, (trained, held_out) in enumerate(run.splits):
        np.testing.assert_array_equal(held_out, folds == k)
        np.testing.assert_array_equal(trained, folds != k)
    run = make_run(rows_of(600))
    [(trained, held_out)] = run.splits
    np.testing.assert_array_equal(held_out, run.folds == 0)
    np.testing.assert_array_equal(trained, ~held_out)


@pytest.mark.parametrize("n_rows", [20, 600])
def test_given_splits_take_the_place_of_folds(n_rows):
    number = np.arange(n_rows)
    splits = (number < 5, number > 15), (number > 7, number < 3)
    run = make_run(rows_of(n_rows))
    run.rows = replace(run.rows, splits=splits)
    assert run.is_cross_validated
    assert run.splits is splits
    run.previous = previous_of(run)
    assert not run.is_cross_validated
    assert run.splits == splits[1:]
    assert not run.may_train_halves
    run = make_run(rows_of(n_rows))
    run.rows = replace(run.rows, splits=splits[:1])
    assert not run.is_cross_validated
    run = make_run(rows_of(n_rows), solver="lbfgs")
    run.rows = replace(run.rows, splits=splits)
    assert not run.is_cross_validated


def test_a_run_trains_on_all_samples_and_is_validated_on_them_at_first():
    run = make_run(rows_of())
    assert run.trained_rows is run.rows
    [(state, rows)] = run.validation_pairs
    assert state is run.state
    assert rows is run.rows


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_only_a_new_run_with_a_linear_path_builds_on_pca(linear_path):
    run = make_run(rows_of(), linear_path=linear_path)
    assert run.builds_on_pca == (linear_path == "pca")
    run.previous = previous_of(run)
    assert not run.builds_on_pca


# ---------------------------------------------------------------- epochs


def train(run, n_epochs, n_members=1, stop_after=math.inf):
    """Run epochs; return the losses that were monitored."""
    losses = []

    def monitor(loss, epoch):
        losses.append(loss)
        assert epoch == len(losses)
        return len(losses) >= stop_after

    states = [start_state(run.rows, run.options) for _ in range(n_members - 1)]
    members = [(state, run.rows) for state in [run.state, *states]]
    run_epochs(run, members, n_epochs, monitor)
    return losses


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_training_ends_after_so_many_epochs_or_when_told_to(solver):
    run = make_run(rows_of(), solver=solver, tol=0)
    run.phase = Phase()
    assert len(train(run, 5)) == 5
    assert run.phase.begun == run.phase.ended == 5
    assert not run.is_over
    assert len(train(run, 5, stop_after=3)) == 3
    assert run.phase.begun == run.phase.ended == 8
    assert not run.is_over


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_that_stops_a_run_ends_it_for_good(solver):
    run = make_run(rows_of(), solver=solver, tol=0)
    run.phase = Phase(2)
    assert len(train(run, 5)) == 2
    assert run.is_over
    assert run.phase.begun == run.phase.ended == 2


def test_members_that_are_equal_have_the_loss_of_one():
    alone, beside = (train(make_run(rows_of()), 4, n) for n in (1, 3))
    assert beside == pytest.approx(alone, rel=1e-12)


def test_divergence_is_found_after_the_last_epoch():
    run = make_run(rows_of(), solver="sgd", learning_rate_init=1e9, linear_path=None)
    with pytest.raises(DivergedError), np.errstate(all="ignore"):
        train(run, 1)


def test_epochs_left():
    run = make_run(rows_of(), max_iter=7)
    assert run.n_left == 7
    run.history.add(1.0)
    assert run.n_left == 6


# ---------------------------------------------------------------- what users are told


def test_a_line_for_each_epoch_at_verbose(capsys):
    for verbose in (False, True):
        run = make_run(rows_of(), verbose=verbose)
        run.history.loss_curve.append(3.0)  # of an earlier call of fit
        run.history.add(2.5)
        report(run)
        run.history.add(2.25, 2.125)
        report(run)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == (2 if verbose else 0)
    assert lines[0] == "Epoch 2, loss = 2.5"
    assert lines[1] == "Epoch 3, loss = 2.25, validation loss = 2.125"


def test_warnings_name_what_to_change():
    told = []
    run = make_run(rows_of(), warn=told.append, learning_rate_init=0.5, max_iter=9, tol=0.125)
    run.history.add(1.0)
    warn_diverged(run, DivergedError("the loss went up"))
    assert "in epoch 2: the loss went up. The model before it is kept." in told[-1]
    assert "learning_rate_init (now 0.5)" in told[-1]
    report_end(run, "max_iter")  # of mini-batches: nothing to warn of
    assert len(told) == 1
    run = make_run(rows_of(), warn=told.append, solver="lbfgs", max_iter=9, tol=0.125)
    report_end(run, CONVERGED)
    assert len(told) == 1
    report_end(run, "max_iter")
    assert "max_iter=9" in told[-1]
    assert "tol (now 0.125)" in told[-1]
