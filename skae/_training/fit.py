"""One run of fit: from validated rows and an estimator's parameters to fitted attributes."""

from copy import copy
from numbers import Integral

import numpy as np

from skae._network import code_order
from skae._random import generator
from skae._training.batches import Rows
from skae._training.course import Course
from skae._training.null_tasks import SILENCE
from skae._training.objective import DivergedError
from skae._training.splitting import merge_equal_rows
from skae._training.start import (
    columns_to_read,
    count_columns,
    judge_sizes,
    measure_margin,
    measure_reach,
    shortened,
    start_model,
)

MERGED_ROWS = 1000
MAX_REACHED, MAX_RESTORED = 10_000, 2000  # rows


class Fit(Course):
    """Prepares the rows, trains a model on them, and names what there is to keep.

    Reads the estimator's parameters and, with `resume=True` or a warm start, its fitted
    attributes; writes nothing on it. `run_jobs` does the jobs that parts of a batch are.
    """

    def __init__(self, estimator, X, weights, run_jobs, X_val=None, X_clean=None, resume=False):
        seeds = generator(estimator.random_state).integers(2**63, size=3)
        seed_start, seed_split, _ = seeds
        resumed = resume or (estimator.warm_start and hasattr(estimator, "theta_"))
        if resumed:
            X, X_clean, X_val = (
                rows if rows is None else rows.astype(estimator.theta_.dtype, copy=False)
                for rows in (X, X_clean, X_val)
            )
        weights = estimator._draw(weights, seed_split, resume)
        self.kept = np.flatnonzero(weights)
        if len(self.kept) < len(X):
            X, weights = X[self.kept], weights[self.kept]
            X_clean = None if X_clean is None else X_clean[self.kept]
        self.given = X
        if len(X) <= MERGED_ROWS:
            X, weights, X_clean = merge_equal_rows(X, weights, X_clean)
        weights = estimator._training_weights(X, weights, seed_start, resume)
        corruption = estimator._make_corruption(X) if X_clean is None else None
        target = X if X_clean is None else X_clean
        rows = Rows(X, target, weights, np.arange(len(X)), corruption)
        super().__init__(estimator, rows, X_val, seeds, resumed, run_jobs)
        self.resume = resume
        self.n_samples_seen = estimator.n_samples_seen_ if self.resumed else 0
        self.ratios = None
        self.max_decoded, self.max_reached = code_order.MAX_DECODED, MAX_REACHED

    def of_size(self, n_components):
        """Return a fit that is the same but for the size of its code; neither has been run."""
        other = copy(self)
        other.model = start_model(
            self.estimator, self.rows, self.seed_start, self.run_jobs, n_components
        )
        other.judges, other.is_judged = [(other.model, self.rows)], True
        other.loss_curve, other.validation_loss_curve = [], []
        return other

    # ------------------------------------------------------------ training

    def run(self, n_epochs=None, tasks=SILENCE):
        """Train to the end and put the code in order.

        With `n_epochs` train on all rows for as long and leave the code as it is. `tasks` are
        told of every epoch, and may say stop.
        """
        self.tasks = tasks
        self.train(n_epochs)
        self.finish(in_order=n_epochs is None)

    def finish(self, in_order=True):
        """Count the rows, forget the optimizer's state, put the code in order."""
        model = self.model
        self.n_samples_seen += len(self.rows)
        model.state = {"steps": model.state["steps"]}
        self._measure_extent()
        if not in_order:
            return
        if model.network.nested:
            errors, variance = judge_sizes(self.judges, self.max_decoded)
            model.columns_read = columns_to_read(errors)
            if self._is_share():
                size = count_columns(errors, variance, self.estimator.n_components)
                self.model = model = shortened(model, size)
        self.ratios = self._explained_variance_ratios()
        if not model.network.nested:  # whose columns are in order, and must stay so
            order = np.argsort(-self.ratios, kind="stable")
            self.ratios = self.ratios[order]
            code_order.reorder(model.network, model.parameters, order)
        code_order.fix_signs(model.network, model.parameters)

    def run_once(self):
        """Train one pass over the rows, with the optimizer's state of the passes before."""
        model = self.model
        before = model.parameters.flat.copy()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                objective = self.recipe.objective(model, self.rows)
                loss = next(self.recipe.epochs(model, objective, averaged=False))
                objective.check_last()
            self.loss_curve.append(loss)
            self._report(self.loss_curve[-1])
        except DivergedError:
            model.parameters.flat[...] = before
            model.state = {"steps": model.state["steps"]}
            self._warn_diverged()
        self.n_samples_seen += len(self.rows)
        self.n_iter = self.best_iter = len(self.loss_curve)
        self.best_loss = min(self.loss_curve, default=None)
        self._measure_extent()
        self.ratios = self._explained_variance_ratios()

    # ------------------------------------------------------------ its parts

    def held_out(self, X):
        """Which of the rows that were given have told when to stop, and were not learned."""
        if self.learned is self.rows:
            return np.zeros(len(X), bool)
        return self.folds_of(X) == 0

    def _is_share(self):
        return not (self.resumed or isinstance(self.estimator.n_components, Integral))

    @property
    def seeks_size(self):
        """A share asks for plain codes of several sizes, if there are rows to judge them by."""
        estimator, network = self.estimator, self.model.network
        watches = self.X_val is not None or estimator.early_stopping
        is_judged = watches and estimator.max_iter > 0 and network.n_components > 1
        is_asked = self._is_share() and estimator._seeks_fewest_columns
        return is_asked and is_judged and not network.nested

    @property
    def n_epochs_kept(self):
        """How long the model that is kept was trained, before a warm start too."""
        n_earlier = len(self.loss_curve) - self.n_iter
        return n_earlier + max(self.best_iter - self.n_before, 0)

    # ------------------------------------------------------------ what there is to keep

    def _measure_extent(self):
        """Note how far rows, codes and outputs have been, and what lies beyond."""
        model = self.model
        rng = np.random.default_rng([self.seed_rows, model.state["steps"], 2])
        model.reach = measure_reach(model, self.rows, self.max_reached, rng, self.run_jobs)
        margin = measure_margin(model, self.rows, MAX_RESTORED, self.resumed)
        if margin is not None:
            model.cut_from(margin)

    def _explained_variance_ratios(self):
        model = self.model
        return code_order.explained_variance_ratios(
            model.network,
            model.parameters,
            self.rows.target,
            self.rows.weights,
            model.scaling,
            model.target_scaling,
            self.max_decoded,
            self.run_jobs,
            model.columns_read,
        )

    def attributes(self):
        """Return the fitted attributes, all of them plain."""
        model = self.model
        return {
            "theta_": model.parameters.flat,
            "architecture_": model.architecture,
            "mean_": model.scaling.mean,
            "scale_": model.scaling.scale,
            "code_scale_": model.code_scale,
            "n_components_": model.network.n_components,
            "n_layers_": model.network.n_layers + 1,
            "n_iter_": self.n_iter,
            "best_iter_": self.best_iter,
            "n_samples_seen_": self.n_samples_seen,
            "t_": model.state["steps"],
            "loss_curve_": self.loss_curve,
            "validation_loss_curve_": self.validation_loss_curve,
            "loss_": self.loss_curve[-1] if self.loss_curve else None,
            "best_loss_": self.best_loss,
            "explained_variance_ratio_": self.ratios,
            "_optimizer_state": model.state,
            "_decoder_weights": model.decoder_weights,
            "_columns_read": model.columns_read,
            "reach_": model.reach,
        }
