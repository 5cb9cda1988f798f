"""What a fit tells scikit-learn's callbacks: its tasks, one leaf an epoch.

A fit of one phase is the task "fit" with epochs below it. A fit of several has its phases
below it, "cross-validation", "refit", "training" or "calibration", and the epochs below
these. Rows and models are made only if a callback asks for them.
"""

from functools import partial


class Phase:
    """A run of epochs: a task of its own, or the whole fit where that is all there is.

    `snapshot()` gives the attributes of the model as it stands; a phase that has none to
    show is not to be stopped either.
    """

    def __init__(self, context, given, snapshot, is_whole):
        self.context, self.given, self.is_whole = context, given, is_whole
        self.of_epoch = given | {"reconstruction_attributes": snapshot}
        self.may_stop = snapshot is not None
        self.epoch = None
        self.is_open = True
        if not is_whole:
            context.call_on_fit_task_begin(**given)

    def begin_epoch(self):
        """Say that an epoch begins."""
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.of_epoch)

    def end_epoch(self):
        """Say that it is over; return whether a callback asks to stop."""
        epoch, self.epoch = self.epoch, None
        return epoch.call_on_fit_task_end(**self.of_epoch) and self.may_stop

    def close(self):
        """End what is open: an epoch that was not run to its end is an empty task."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.given["estimator"])
        if self.is_open and not self.is_whole:
            self.context.call_on_fit_task_end(**self.given)
        self.epoch, self.is_open = None, False


class Tasks:
    """The tasks of a fit: `context` is its root, `rows(numbers)` gives X, y and metadata.

    `describe(fit)` gives the attributes that the estimator would have if `fit` ended now.
    """

    def __init__(self, context, estimator, rows, describe):
        self.context, self.estimator = context, estimator
        self.rows, self.describe = rows, describe
        self.calibrated = SILENCE

    def begin(self, n_phases, n_epochs, numbers):
        """Begin the fit: so many phases, or one phase of so many epochs."""
        self.is_flat = n_phases == 1
        self.context.max_subtasks = n_epochs if self.is_flat else n_phases
        self.given = self._given(numbers)
        self.context.call_on_fit_task_begin(**self.given)

    def end(self):
        """End the fit: the estimator itself is the model now."""
        self.calibrated.end()
        self.context.call_on_fit_task_end(**self.given, reconstruction_attributes={})

    def phase(self, name, n_epochs, numbers, snapshot):
        """Begin a phase that learns from the rows that `numbers()` gives the numbers of."""
        context, given = self.context, self._given(numbers)
        if not self.is_flat:
            context = context.subcontext(task_name=name, max_subtasks=n_epochs)
        return Phase(context, given, lambda: self.describe(snapshot()), self.is_flat)

    def calibration(self, n_folds):
        """Begin the last phase, in which a detector is trained anew without each fold."""
        context = self.context.subcontext(task_name="calibration", max_subtasks=n_folds)
        context.call_on_fit_task_begin(**self.given)
        self.calibrated = Calibration(context, self.given)
        return self.calibrated

    def _given(self, numbers):
        found = []

        def part(i):
            if not found:
                found.extend(self.rows(numbers()))
            return found[i]

        X, y, metadata = (partial(part, i) for i in range(3))
        return {"estimator": self.estimator, "X": X, "y": y, "metadata": metadata}


class Calibration:
    """Trainings whose epochs are reported but have no model to show.

    Nor do callbacks stop them: they must go on for as long as the training they stand for.
    """

    def __init__(self, context, given):
        self.context, self.given = context, given
        self.fold = SILENCE

    def phase(self, name, n_epochs, numbers, snapshot):
        """Begin the training of one fold."""
        context = self.context.subcontext(task_name="fold", max_subtasks=n_epochs)
        self.fold = Phase(context, self.given, None, is_whole=False)
        return self.fold

    def end(self):
        """End the calibration, and the fold that an interrupt has left open."""
        self.fold.close()
        self.context.call_on_fit_task_end(**self.given)


class Silence:
    """Tasks and phases in one where no callback listens."""

    def begin(self, n_phases, n_epochs, numbers):
        """Do nothing."""

    def begin_epoch(self):
        """Do nothing."""

    def end_epoch(self):
        """Do not stop."""
        return False

    def close(self):
        """Do nothing."""

    def end(self):
        """Do nothing."""

    def phase(self, name, n_epochs, numbers, snapshot):
        """Stay silent."""
        return self

    def calibration(self, n_folds):
        """Stay silent."""
        return self


SILENCE = Silence()
