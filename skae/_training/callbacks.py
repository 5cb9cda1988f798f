"""What a fit tells scikit-learn's callbacks: its tasks, one leaf an epoch.

A fit of one phase is the task "fit" with epochs below it. A fit of several has its phases below
it, "sizing", "cross-validation", "refit", "training" or "calibration", and the epochs below
these. Samples and models are made only if a callback asks for them.
"""

from functools import cache


class NullTasks:
    """Null object for callback tasks of every kind."""

    def begin(self, n_phases, dealing):
        """Do nothing."""

    def begin_epoch(self):
        """Do nothing."""

    def end_epoch(self):
        """Return False: do not stop."""
        return False

    def close(self):
        """Do nothing."""

    def end(self):
        """Do nothing."""

    def phase(self, name, n_epochs, preview, fold):
        """Return the null object."""
        return self

    def search(self):
        """Return the null object."""
        return self

    def calibration(self, n_folds):
        """Return the null object."""
        return self


NULL_TASKS = NullTasks()


class Tasks:
    """The tasks of a fit, below the root `context`.

    `show(result)` returns the attributes that the estimator would have with a FitResult.
    `samples(dealing, fold)` returns X, y and metadata of the training samples, those of a fold
    left out unless it is None. `n_further` phases follow the training.
    """

    def __init__(self, context, estimator, show, samples, n_further=0):
        self.context, self.estimator = context, estimator
        self.show, self.samples = show, samples
        self.n_further = n_further
        self.is_flat, self.given, self.dealing = True, {}, None
        self.calibrating = NULL_TASKS

    def begin(self, n_phases, dealing):
        """Begin the fit: with several phases below it, or itself the only one."""
        n_phases += self.n_further
        self.is_flat = n_phases == 1
        self.context.max_subtasks = self.estimator.max_iter if self.is_flat else n_phases
        self.dealing = dealing
        self.given = self._given()
        self.context.call_on_fit_task_begin(**self.given)

    def end(self):
        """End the fit: the estimator itself is the model now."""
        self.calibrating.end()
        self.context.call_on_fit_task_end(**self.given, reconstruction_attributes={})

    def phase(self, name, n_epochs, preview, fold):
        """Begin a phase that learns from all samples or from those without a fold."""
        context, given = self.context, self._given(fold)
        if not self.is_flat:
            context = context.subcontext(task_name=name, max_subtasks=n_epochs)
        return Phase(context, given, lambda: self.show(preview()), self.is_flat)

    def search(self):
        """Begin the first phase, in which models of several sizes are trained."""
        return self._aside("sizing", None)

    def calibration(self, n_folds):
        """Begin the last phase, in which a detector is trained anew without each fold."""
        self.calibrating = self._aside("calibration", n_folds, "fold")
        return self.calibrating

    def _aside(self, name, n_trainings, name_of_each=None):
        context = self.context.subcontext(task_name=name, max_subtasks=n_trainings)
        context.call_on_fit_task_begin(**self.given)
        return Aside(context, self.given, name_of_each)

    def _given(self, fold=None):
        """Return what hooks are given, as functions: X, y and metadata."""
        part = cache(lambda: self.samples(self.dealing, fold))
        X, y, metadata = (lambda i=i: part()[i] for i in range(3))
        return {"estimator": self.estimator, "X": X, "y": y, "metadata": metadata}


class Phase:
    """A run of epochs: a task of its own, or the whole fit where that is all there is.

    `show()` returns the attributes of the model as it stands. A phase without one cannot be
    stopped either.
    """

    def __init__(self, context, given, show, is_whole):
        self.context, self.given, self.is_whole = context, given, is_whole
        self.of_epoch = given | {"reconstruction_attributes": show}
        self.may_stop = show is not None
        self.epoch = None
        self.is_open = True
        if not is_whole:
            context.call_on_fit_task_begin(**given)

    def begin_epoch(self):
        """Begin the task of an epoch."""
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.of_epoch)

    def end_epoch(self):
        """End the task of the epoch; return whether a callback asks to stop."""
        epoch, self.epoch = self.epoch, None
        return epoch.call_on_fit_task_end(**self.of_epoch) and self.may_stop

    def close(self):
        """End what is open: an epoch that was not run to its end is an empty task."""
        if self.epoch is not None:
            self.epoch.call_on_fit_task_end(estimator=self.given["estimator"])
        if self.is_open and not self.is_whole:
            self.context.call_on_fit_task_end(**self.given)
        self.epoch, self.is_open = None, False


class Aside:
    """Trainings whose epochs are reported but have no model to show.

    Callbacks do not stop them: those of a calibration must last as long as the training that
    they stand for, and a size cannot be judged by half a training.
    """

    def __init__(self, context, given, name_of_each=None):
        self.context, self.given, self.name_of_each = context, given, name_of_each
        self.training = NULL_TASKS

    def phase(self, name, n_epochs, preview, fold):
        """Begin a training."""
        name = self.name_of_each or name
        context = self.context.subcontext(task_name=name, max_subtasks=n_epochs)
        self.training = Phase(context, self.given, None, is_whole=False)
        return self.training

    def end(self):
        """End them all, and the one that an interrupt has left open."""
        self.training.close()
        self.context.call_on_fit_task_end(**self.given)
