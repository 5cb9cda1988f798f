"""One run of fit: from validated rows and an estimator's parameters to fitted attributes."""

from copy import copy
from dataclasses import replace
from numbers import Integral
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae import _code
from skae._architecture import ALONE, BOUNDED, hidden_activation, tried_first
from skae._feed import Rows
from skae._model import (
    columns_to_read,
    count_columns,
    judge_sizes,
    measure_reach,
    resumed_model,
    shortened,
    start_model,
)
from skae._nesting import decoder_weights
from skae._random import generator
from skae._recipe import EVALUATION_ROWS, Recipe
from skae._silence import SILENCE
from skae._splitting import fold_numbers, merge_equal_rows
from skae._spread import evenly_spaced
from skae._stopping import Choice, ChoiceOfEach, Patience
from skae._training import DivergedError, lbfgs

MERGED_ROWS = 1000
CROSS_VALIDATED_ROWS, CROSS_VALIDATED_CELLS = 500, 200_000
N_FOLDS = 5
CAUTION, CAUTION_OF_FEW = 1.0, 2.5
NOTHING = 1e-3
MAX_REACHED = 10_000  # rows


class Fit:
    """Prepares a model, trains it, and names what there is to keep.

    Reads the estimator's parameters and, with `resume=True` or a warm start, its fitted
    attributes; writes nothing on it. `do` does the jobs that parts of a batch are.
    """

    def __init__(self, estimator, X, weights, do, X_val=None, X_clean=None, resume=False):
        self.estimator = estimator
        self.do = do
        rng = generator(estimator.random_state)
        self.seed_start, self.seed_split, self.seed_rows = rng.integers(2**63, size=3)
        self.resume = resume
        self.resumed = resume or (estimator.warm_start and hasattr(estimator, "theta_"))
        if self.resumed:
            X, X_clean, X_val = (
                rows if rows is None else rows.astype(estimator.theta_.dtype, copy=False)
                for rows in (X, X_clean, X_val)
            )
        weights = estimator._draw(weights, self.seed_split, resume)
        self.kept = np.flatnonzero(weights)
        if len(self.kept) < len(X):
            X, weights = X[self.kept], weights[self.kept]
            X_clean = None if X_clean is None else X_clean[self.kept]
        self.given = X
        if len(X) <= MERGED_ROWS:
            X, weights, X_clean = merge_equal_rows(X, weights, X_clean)
        weights = estimator._training_weights(X, weights, self.seed_start, resume)
        corruption = estimator._make_corruption(X) if X_clean is None else None
        target = X if X_clean is None else X_clean
        self.rows = Rows(X, target, weights, np.arange(len(X)), corruption)
        self.learned = self.rows  # unless some of them only say when to stop
        self.recipe = Recipe(estimator, do, self.seed_rows, self.seed_split, weights.sum())
        self.X_val = X_val
        self.fixed_encoder = False
        if self.resumed:
            self.model = resumed_model(estimator, target)
            self.n_samples_seen = estimator.n_samples_seen_
            self.loss_curve = list(estimator.loss_curve_)
            self.validation_loss_curve = list(estimator.validation_loss_curve_)
        else:
            self.model = start_model(estimator, self.rows, self.seed_start, do)
            if self.model.network.nested:
                self._weigh_decoders()
            self.n_samples_seen = 0
            self.loss_curve, self.validation_loss_curve = [], []
        self.n_iter = 0
        self.best_iter = 0
        self.best_loss = None
        self.interrupted = False
        self.ratios = None
        self.max_decoded, self.max_reached = _code.MAX_DECODED, MAX_REACHED
        self.phase = self.tasks = SILENCE
        self.judges = [(self.model, self.rows)]  # who says how many columns will do
        self.is_judged = self.model.network.nested
        self.n_before = 0
        self.is_over = False

    def of_size(self, n_components):
        """Return a fit that is the same but for the size of its code; neither has been run."""
        other = copy(self)
        other.model = start_model(self.estimator, self.rows, self.seed_start, self.do, n_components)
        other.judges, other.is_judged = [(other.model, self.rows)], True
        other.loss_curve, other.validation_loss_curve = [], []
        return other

    # ------------------------------------------------------------ training

    def run(self, n_epochs=None, tasks=SILENCE):
        """Train to the end, by the way that suits the rows; put the code in order.

        With `n_epochs` train on all rows for as long, whatever the parameters say, and leave
        the code as it is. `tasks` are told of every epoch, and may say stop.
        """
        estimator, model, self.tasks = self.estimator, self.model, tasks
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                if n_epochs is not None:
                    self._run(self.rows, n_epochs)
                elif estimator.max_iter == 0:
                    pass
                elif self.X_val is not None:
                    n_val = len(self.X_val)
                    watched = replace(
                        self.rows,
                        X=self.X_val,
                        target=self.X_val,
                        weights=np.ones(n_val),
                        index=np.arange(n_val),
                    )
                    self._run_watched(self.rows, watched, CAUTION)
                elif not estimator.early_stopping:
                    self._run(self.rows)
                elif self._is_cross_validated():
                    self._refit(self._cross_validate())
                else:
                    folds = self.folds_of(self.rows.X)
                    if folds.any():  # else all rows are equal: there is nothing to learn
                        held, self.learned = self.rows.part(folds == 0), self.rows.part(folds != 0)
                        self._run_watched(self.learned, held, CAUTION, fold=0)
        except DivergedError:
            self._warn_diverged()
        except KeyboardInterrupt:
            if n_epochs is not None:  # a model made for its scores: half of it is of no use
                raise
            self.interrupted = True
            message = "Training interrupted by user: the best model so far is kept."
            warnings.warn(message, stacklevel=2)
        self.phase.close()
        model.parameters.flat[...] = model.kept.flat
        self.finish(in_order=n_epochs is None)

    def finish(self, in_order=True):
        """Count the rows, forget the optimizer's state, put the code in order."""
        model = self.model
        self.n_samples_seen += len(self.rows)
        model.state = {"steps": model.state["steps"]}
        self._measure_reach()
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
            _code.reorder(model.network, model.parameters, order)
        _code.fix_signs(model.network, model.parameters)

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
        self._measure_reach()
        self.ratios = self._explained_variance_ratios()

    def _run(self, rows, n_epochs=None, watch=None, fold=None):
        """Train on rows until their loss or the watch says stop, or n_epochs are over.

        `watch()` is called after each epoch; it takes care of what is kept. Without one the
        last epoch is kept.
        """
        estimator, model = self.estimator, self.model
        patience = Patience(estimator.tol, estimator.n_iter_no_change)
        limit = estimator.max_iter - self.n_iter if n_epochs is None else n_epochs
        if limit == 0:
            return
        n_done = 0
        self._begin_phase("training" if n_epochs is None else "refit", limit, model, fold)
        self.phase.begin_epoch()

        def after_epoch(loss):
            nonlocal n_done
            n_done += 1
            stop = judge(loss)
            self.is_over = self.phase.end_epoch()
            stop = self.is_over or stop
            if not stop and n_done < limit:
                self.phase.begin_epoch()
            return stop

        def judge(loss):
            if n_epochs is None:
                self.n_iter += 1
                self.loss_curve.append(loss)
            if watch is not None:
                return watch()
            model.keep()
            self.best_iter = n_done
            if n_epochs is not None:
                return False
            self._report(loss)
            self.best_loss = loss if self.best_loss is None else min(loss, self.best_loss)
            return patience.exhausted(loss)

        if estimator.solver == "lbfgs":
            objective = self.recipe.objective(model, rows, self.fixed_encoder, len(rows))
            objective.feed.fill(np.arange(len(rows)), np.random.default_rng(self.seed_rows))
            decay = self.recipe.decay(model.network)
            limit_met = lbfgs(objective, decay, limit, estimator.max_fun, after_epoch)
            if limit_met is not None and n_epochs is None:
                self._warn_unfinished(limit_met)
        else:
            objective = self.recipe.objective(model, rows, self.fixed_encoder)
            try:
                for loss in self.recipe.epochs(model, objective):
                    if after_epoch(loss) or n_done >= limit:
                        objective.check_last()
                        break
            except DivergedError:
                if watch is None:
                    model.take_back()
                raise

    def _run_watched(self, rows, watched, caution, fold=None):
        """Train on rows; keep the epoch that is best for certain on those that are watched."""
        estimator, model = self.estimator, self.model
        if estimator.solver != "lbfgs":
            model.start_average(estimator.averaging)
        losses = self.recipe.watch(model, watched)
        self.judges = [(model, watched)]
        self.n_before = self.n_iter
        choice = self._choice(losses(), watched.weights[watched.index], caution)
        patience = Patience(estimator.tol, estimator.n_iter_no_change)

        def watch():
            found = losses()
            loss = choice.mean(found)
            self.validation_loss_curve.append(loss)
            self._report(self.loss_curve[-1], loss)
            for part in choice.improved(found, self.n_iter):
                model.keep(part)
            self.best_iter, self.best_loss = choice.epoch, choice.loss
            return patience.exhausted(choice.progress(found))

        self._run(rows, watch=watch, fold=fold)
        if self._starts_otherwise(choice):
            self._run_watched(rows, watched, caution, fold)

    def _cross_validate(self):
        """Return the choice of the epochs that are best for certain over folds."""
        folds, parts = self.folds_of(self.rows.X), []
        for k in range(folds.max() + 1):
            held, rows = folds == k, self.rows.part(folds != k)
            n_components = self.model.network.n_components
            model = start_model(self.estimator, rows, self.seed_start, n_components=n_components)
            model.decoder_weights = self.model.decoder_weights
            if self.fixed_encoder:
                model.start_anew(self._activation_of_decoders)
            parts.append((model, held, rows))
        self._begin_phase("cross-validation", self.estimator.max_iter, parts[0][0], fold=0)
        self.judges = [(model, self.rows.part(held)) for model, held, _ in parts]
        choice = self._run_in_step(parts)
        while self._starts_otherwise(choice):
            choice = self._run_in_step(parts)
        return choice

    def _run_in_step(self, parts):
        """Train a model without each fold; return the choice that the folds make together."""
        estimator = self.estimator
        passes, watches = [], []
        for model, held, rows in parts:
            model.start_average(estimator.averaging)
            objective = self.recipe.objective(model, rows, self.fixed_encoder)
            passes.append(self.recipe.epochs(model, objective))
            watches.append((held, self.recipe.watch(model, self.rows.part(held))))

        def held_out_losses():
            found = [(held, watch()) for held, watch in watches]
            losses = np.empty((len(self.rows), *found[0][1].shape[1:]))
            for held, of_fold in found:
                losses[held] = of_fold
            return losses

        choice = self._choice(held_out_losses(), self.rows.weights, CAUTION_OF_FEW)
        patience = Patience(estimator.tol, estimator.n_iter_no_change)
        self.n_before = self.n_iter
        for epoch in range(1, estimator.max_iter - self.n_before + 1):
            self.phase.begin_epoch()
            try:
                loss = sum(next(each) for each in passes) / len(passes)
            except DivergedError:
                self._warn_diverged()
                self.is_over = True
                break
            found = held_out_losses()
            for part in choice.improved(found, epoch):
                for judge, _ in self.judges if self.is_judged else ():
                    judge.keep(part)
            self.n_iter, self.best_loss = self.n_before + epoch, choice.loss
            self.loss_curve.append(loss)
            self.validation_loss_curve.append(choice.mean(found))
            self._report(loss, self.validation_loss_curve[-1])
            stop = patience.exhausted(self.validation_loss_curve[-1])
            self.is_over = self.phase.end_epoch()
            if self.is_over or stop:
                break
        return choice

    def _refit(self, choice):
        """Train on all rows for as long as was best over the folds, for each decoder if alone."""
        if not self.fixed_encoder:
            self._run(self.rows, n_epochs=choice.epoch)
            self.best_iter = self.n_before + choice.epoch if choice.epoch else 0
            return
        n_done = 0

        def keep_those_due():
            nonlocal n_done
            n_done += 1
            for part, epoch in zip(choice.parts, choice.epochs):
                if epoch == n_done:
                    self.model.keep(part)
                    self.best_iter = self.n_before + n_done
            return False

        self._run(self.rows, n_epochs=choice.epoch, watch=keep_those_due)

    # ------------------------------------------------------------ its parts

    def _is_cross_validated(self):
        few = N_FOLDS <= len(self.rows) <= CROSS_VALIDATED_ROWS
        few = few and self.rows.X.size <= CROSS_VALIDATED_CELLS
        return few and not self.resumed and self.estimator.solver != "lbfgs"

    def _choice(self, losses, weights, caution):
        """Who chooses the epoch, or of a nested network's decoders alone an epoch for each."""
        if self.fixed_encoder:
            return ChoiceOfEach(losses, weights, caution, self.model.network.watched_by_decoder)
        return Choice(losses, weights, caution)

    def _starts_otherwise(self, choice):
        """Whether training starts anew by another way, as no epoch was good for certain.

        A few rows far from the others can be the reason: layers whose outputs are bounded do
        less there. If no size of nested codes may be worse than PCA's, decoders read these, of
        few rows at once: bounded layers used up the epochs there for hardly any gain.
        """
        if choice.epoch or self.is_over or self.n_iter >= self.estimator.max_iter:
            return False
        if self.fixed_encoder or not self._builds_on_pca():
            return False
        is_free = self.estimator.activation == "auto"
        nested = self.model.network.nested
        is_first = hidden_activation(self.model.architecture) == tried_first(nested)
        if is_free and is_first and not (nested and self._is_cross_validated()):
            activation = BOUNDED
        elif nested:
            self.fixed_encoder, activation = True, self._activation_of_decoders
        else:
            return False
        others = (model for model, _ in self.judges if model is not self.model)
        for model in (self.model, *others):
            model.start_anew(activation)
        return True

    def _builds_on_pca(self):
        return self.model.network.linear_path and not self.resumed

    def folds_of(self, X):
        """The number of each row's fold; equal rows have equal numbers, whichever X has them."""
        n_folds = max(round(1 / self.estimator.validation_fraction), 2)
        n_folds = N_FOLDS if self._is_cross_validated() else n_folds
        return fold_numbers(X, n_folds, np.random.default_rng(self.seed_split))

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

    def _weigh_decoders(self):
        model, rows, some = self.model, self.rows, np.zeros(len(self.rows), bool)
        some[evenly_spaced(len(rows), EVALUATION_ROWS)] = True
        losses = self.recipe.watch(model, rows.part(some))()[:, : len(model.network.decoder_sizes)]
        weights = rows.weights[some]
        losses = weights / weights.sum() @ losses
        model.decoder_weights = decoder_weights(losses)
        watches = self.X_val is not None or self.estimator.early_stopping
        if watches and self._builds_on_pca():  # some size that PCA leaves next to nothing at
            self.fixed_encoder = bool(np.abs(losses).min() < NOTHING * np.abs(losses).max())
            if self.fixed_encoder:
                model.start_anew(self._activation_of_decoders)

    @property
    def _activation_of_decoders(self):
        """What the hidden layers have while the code is PCA's: None is what they have now."""
        return ALONE if self.estimator.activation == "auto" else None

    @property
    def n_epochs_kept(self):
        """How long the model that is kept was trained, before a warm start too."""
        n_earlier = len(self.loss_curve) - self.n_iter
        return n_earlier + max(self.best_iter - self.n_before, 0)

    # ------------------------------------------------------------ what callbacks are told

    @property
    def n_phases(self):
        """Number of times that epochs are gone through: two under cross-validation."""
        estimator = self.estimator
        watched = self.X_val is None and estimator.early_stopping and estimator.max_iter > 0
        return 2 if watched and self._is_cross_validated() else 1

    def _begin_phase(self, name, n_epochs, model, fold):
        self.phase.close()
        self.phase = self.tasks.phase(name, n_epochs, self, model, fold)

    def _report(self, loss, validation_loss=None):
        if self.estimator.verbose:
            more = "" if validation_loss is None else f", validation loss = {validation_loss:.6g}"
            print(f"Iteration {len(self.loss_curve)}, loss = {loss:.6g}{more}")

    def _warn_diverged(self):
        message = (
            f"Training diverged in iteration {len(self.loss_curve) + 1}; the model before it is "
            f"kept. Lower learning_rate_init (now {self.estimator.learning_rate_init})."
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=2)

    def _warn_unfinished(self, name):
        message = (
            f"L-BFGS stopped at {name}={getattr(self.estimator, name)} before it had converged: "
            f"raise {name}, or tol (now {self.estimator.tol})."
        )
        warnings.warn(message, ConvergenceWarning, stacklevel=2)

    # ------------------------------------------------------------ what there is to keep

    def _measure_reach(self):
        model = self.model
        rng = np.random.default_rng([self.seed_rows, model.state["steps"], 2])
        model.reach = measure_reach(model, self.rows, self.max_reached, rng, self.do)

    def _explained_variance_ratios(self):
        model = self.model
        return _code.explained_variance_ratios(
            model.network,
            model.parameters,
            self.rows.target,
            self.rows.weights,
            model.scaling,
            model.target_scaling,
            self.max_decoded,
            self.do,
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
