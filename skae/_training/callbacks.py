"""What a fit tells scikit-learn's callbacks: its tasks, one leaf an epoch.

A fit of one phase is the task "fit" with epochs below it. A fit of several has its phases
below it, "sizing", "cross-validation", "refit", "training" or "calibration", and the epochs
below these. Rows and models are made only if a callback asks for them.
"""

import copy
from functools import cache, partial

from skae._compat import take_rows
from skae._training.null_tasks import SILENCE
from skae._training.start import Model

DECODED, REACHED = 2**11, 1000


def start_tasks(context, estimator, fit, given, validated):
    """Begin the tasks of a fit, whose root is `context`; none where that is None.

    `given` are X, X_clean and the weights as they came, `validated` as they are used.
    """
    if context is None:
        return SILENCE
    X, X_clean, weights = validated
    if hasattr(estimator, "feature_names_in_"):  # which rows that are shown must have as well
        X_clean = given[1]
        X = given[0]
    weights = None if given[2] is None else weights
    tasks = Tasks(context, estimator, (X, X_clean, weights), validated)
    tasks.begin(fit)
    return tasks


class Tasks:
    """The tasks of a fit; `rows` are what callbacks may see of X, X_clean and weights."""

    def __init__(self, context, estimator, rows, validated):
        self.context, self.estimator = context, estimator
        self.rows, self.validated = rows, validated
        self.calibrated = SILENCE

    def begin(self, fit):
        """Begin the fit: with several phases below it, or itself the only one."""
        n_phases = fit.n_phases + fit.seeks_size + self.estimator._is_calibrated
        self.is_flat = n_phases == 1
        self.context.max_subtasks = self.estimator.max_iter if self.is_flat else n_phases
        self.given = self._given(fit)
        self.context.call_on_fit_task_begin(**self.given)

    def end(self):
        """End the fit: the estimator itself is the model now."""
        self.calibrated.end()
        self.context.call_on_fit_task_end(**self.given, reconstruction_attributes={})

    def phase(self, name, n_epochs, fit, model, fold):
        """Begin a phase, in which `model` learns from all rows or from those without a fold."""
        context, given = self.context, self._given(fit, fold)
        if not self.is_flat:
            context = context.subcontext(task_name=name, max_subtasks=n_epochs)
        return Phase(context, given, partial(self._show, fit, model), self.is_flat)

    def sizing(self):
        """Begin the first phase, in which models of several sizes are trained."""
        return self._aside("sizing", None)

    def calibration(self, n_folds):
        """Begin the last phase, in which a detector is trained anew without each fold."""
        self.calibrated = self._aside("calibration", n_folds, "fold")
        return self.calibrated

    def _aside(self, name, n_trainings, name_of_each=None):
        context = self.context.subcontext(task_name=name, max_subtasks=n_trainings)
        context.call_on_fit_task_begin(**self.given)
        return Aside(context, self.given, name_of_each)

    def _given(self, fit, fold=None):
        """Return what hooks are given, as functions: X, y and metadata."""

        @cache
        def part():
            chosen = fit.kept if fold is None else fit.kept[fit.folds_of(fit.given) != fold]
            rows = self.rows
            if len(chosen) < len(self.validated[0]):
                rows = [None if each is None else take_rows(each, chosen) for each in rows]
            X, X_clean, weights = rows
            metadata = None if weights is None else {"sample_weight": weights}
            return X, X if X_clean is None else X_clean, metadata

        X, y, metadata = (lambda i=i: part()[i] for i in range(3))
        return {"estimator": self.estimator, "X": X, "y": y, "metadata": metadata}

    def _show(self, fit, model):
        """Return the attributes that the estimator would have if `fit` ended now."""
        X, _, weights = self.validated
        fit = as_it_stands(fit, model)
        shown = copy.copy(self.estimator)
        vars(shown).update(fit.attributes())
        shown._finish_fit(X, weights, fit)
        return vars(shown)


def as_it_stands(fit, model):
    """Return what a fit would be if it ended with the parameters that `model` has now.

    The order of the code is found on fewer rows, or it would take longer than an epoch.
    """
    theta = (model.averaged or model.parameters).flat.copy()
    found = copy.copy(fit)
    kept = model.scaling, model.state, model.code_scale, model.decoder_weights, model.columns_read
    found.model = Model(model.architecture, theta, *kept)
    found.max_decoded, found.max_reached = DECODED, REACHED
    found.loss_curve = fit.loss_curve.copy()
    found.validation_loss_curve = fit.validation_loss_curve.copy()
    found.finish()
    return found


class Phase:
    """A run of epochs: a task of its own, or the whole fit where that is all there is.

    `show()` gives the attributes of the model as it stands; a phase that has none to show is
    not to be stopped either.
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


class Aside:
    """Trainings whose epochs are reported but have no model to show.

    Nor do callbacks stop them: those of a calibration must go on for as long as the training
    they stand for, and a size cannot be judged by half a training.
    """

    def __init__(self, context, given, name_of_each=None):
        self.context, self.given, self.name_of_each = context, given, name_of_each
        self.training = SILENCE

    def phase(self, name, n_epochs, fit, model, fold):
        """Begin a training."""
        name = self.name_of_each or name
        context = self.context.subcontext(task_name=name, max_subtasks=n_epochs)
        self.training = Phase(context, self.given, None, is_whole=False)
        return self.training

    def end(self):
        """End them all, and the one that an interrupt has left open."""
        self.training.close()
        self.context.call_on_fit_task_end(**self.given)
