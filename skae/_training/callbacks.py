"""Report a fit to scikit-learn's callbacks: as a tree of tasks whose leaves are epochs.

A fit of one phase is the task "fit" with its epochs below. A fit of several has phases below,
"sizing", "cross-validation", "refit", "training" or "calibration", and the epochs below these.
Samples and models are made only if a callback asks for them.
"""

from functools import cache


class NullTasks:
    """Null object for callback tasks of every kind."""

    def _do_nothing(self, *arguments):
        return False  # and so do not stop

    def _return_self(self, *arguments):
        return self

    begin = begin_epoch = end_epoch = close = end = _do_nothing
    phase = search = calibration = _return_self


NULL_TASKS = NullTasks()


class Tasks:
    """The tasks of a fit, below the root `context`.

    `show(result)` returns the attributes that the estimator would have with a FitResult.
    `samples(excluded)` returns X, y and metadata of the training samples, without those that
    `excluded()` marks unless it is None. `n_further` phases follow after training.
    """

    def __init__(self, context, estimator, show, samples, n_further=0):
        self.context, self.estimator = context, estimator
        self.show, self.samples = show, samples
        self.n_further = n_further
        self.is_flat, self.given = True, {}
        self.calibration_task = NULL_TASKS

    def begin(self, n_phases, n_restarts):
        """Begin the fit; it is flat, with epochs directly below, if there is one kind of phase.

        There are at most `n_phases`, the first of which may be repeated `n_restarts` times.
        """
        self.is_flat = n_phases + self.n_further == 1
        n_most = n_phases + n_restarts + self.n_further
        self.context.max_subtasks = self.estimator.max_iter if self.is_flat else n_most
        self.given = self._given()
        self.context.call_on_fit_task_begin(**self.given)

    def end(self):
        self.calibration_task.end()
        self.context.call_on_fit_task_end(**self.given, reconstruction_attributes={})

    def phase(self, name, n_epochs, preview, excluded):
        context, given = self.context, self._given(excluded)
        if not self.is_flat:
            context = context.subcontext(task_name=name, max_subtasks=n_epochs)
        return Phase(context, given, lambda: self.show(preview()), self.is_flat)

    def search(self):
        return self._auxiliary("sizing", None)

    def calibration(self, n_folds):
        """Begin the phase in which models are trained without each fold to calibrate a detector."""
        self.calibration_task = self._auxiliary("calibration", n_folds, "fold")
        return self.calibration_task

    def _auxiliary(self, name, n_trainings, training_name=None):
        context = self.context.subcontext(task_name=name, max_subtasks=n_trainings)
        context.call_on_fit_task_begin(**self.given)
        return AuxiliaryTrainings(context, self.given, training_name)

    def _given(self, excluded=None):
        part = cache(lambda: self.samples(excluded))
        X, y, metadata = (lambda i=i: part()[i] for i in range(3))
        return {"estimator": self.estimator, "X": X, "y": y, "metadata": metadata}


class Phase:
    """A phase of epochs: a task of its own, or the whole fit.

    `show()` returns the attributes of the present model; without it callbacks cannot stop it.
    """

    def __init__(self, context, given, show, is_whole):
        self.context, self.given, self.is_whole = context, given, is_whole
        self.epoch_arguments = given | {"reconstruction_attributes": show}
        self.may_stop = show is not None
        self.epoch = None
        self.is_open = True
        if not is_whole:
            context.call_on_fit_task_begin(**given)

    def begin_epoch(self):
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.epoch_arguments)

    def end_epoch(self):
        """End the task of the epoch; return whether a callback asks to stop."""
        epoch, self.epoch = self.epoch, None
        return epoch.call_on_fit_task_end(**self.epoch_arguments) and self.may_stop

    def close(self):
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.given["estimator"])
        if self.is_open and not self.is_whole:
            self.context.call_on_fit_task_end(**self.given)
        self.epoch, self.is_open = None, False


class AuxiliaryTrainings:
    """Trainings whose epochs are reported without a model.

    Callbacks cannot stop them: a calibration must be as long as the training that it replicates,
    and sizes are compared after complete trainings.
    """

    def __init__(self, context, given, training_name=None):
        self.context, self.given, self.training_name = context, given, training_name
        self.training = NULL_TASKS

    def phase(self, name, n_epochs, preview, excluded):
        name = self.training_name or name
        context = self.context.subcontext(task_name=name, max_subtasks=n_epochs)
        self.training = Phase(context, self.given, None, is_whole=False)
        return self.training

    def end(self):
        self.training.close()
        self.context.call_on_fit_task_end(**self.given)
