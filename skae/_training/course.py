"""The course of training: on which rows, for how long, and which epoch is kept."""

from dataclasses import replace
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._network.nested import decoder_weights
from skae._network.spec import ALONE, BOUNDED, hidden_activation, tried_first
from skae._sampling import evenly_spaced
from skae._training.early_stopping import Choice, ChoiceOfEach, Patience
from skae._training.loop import lbfgs
from skae._training.null_tasks import SILENCE
from skae._training.objective import DivergedError
from skae._training.splitting import fold_numbers
from skae._training.start import resumed_model, start_model
from skae._training.trainer import EVALUATION_ROWS, Recipe

CROSS_VALIDATED_ROWS, CROSS_VALIDATED_CELLS = 500, 200_000
N_FOLDS = 5
CAUTION, CAUTION_OF_FEW = 1.0, 2.5
NOTHING = 1e-3


class Course:
    """Trains a model on rows, by an estimator's parameters, and counts what it does.

    `seeds` are those of the start, of splits and of the rows' order. With `resumed` the model
    is the estimator's own, and goes on. `run_jobs` does the jobs that parts of a batch are.
    """

    def __init__(self, estimator, rows, X_val, seeds, resumed, run_jobs):
        self.estimator = estimator
        self.rows, self.X_val = rows, X_val
        self.learned = rows  # unless some of them only say when to stop
        self.seed_start, self.seed_split, self.seed_rows = seeds
        self.resumed = resumed
        self.run_jobs = run_jobs
        self.recipe = Recipe(
            estimator, run_jobs, self.seed_rows, self.seed_split, rows.weights.sum()
        )
        self.loss_curve, self.validation_loss_curve = [], []
        self.fixed_encoder = False
        if resumed:
            self.model = resumed_model(estimator, rows.target)
            self.loss_curve += estimator.loss_curve_
            self.validation_loss_curve += estimator.validation_loss_curve_
        else:
            self.model = start_model(estimator, rows, self.seed_start, run_jobs)
            if self.model.network.nested:
                self._weigh_decoders()
        self.n_iter = self.n_before = 0
        self.best_iter, self.best_loss = 0, None
        self.interrupted = self.is_over = False
        self.phase = self.tasks = SILENCE
        self.judges = [(self.model, rows)]  # who says how many columns will do
        self.is_judged = self.model.network.nested

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

    def train(self, n_epochs=None):
        """Train to the end, by the way that suits the rows, and go back to what is kept.

        With `n_epochs` train on all rows for as long, whatever the parameters say.
        """
        estimator = self.estimator
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
        self.model.parameters.flat[...] = self.model.kept.flat

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
        """Train on all rows for as long as was best over the folds, for each decoder if alone.

        What is worse than the start on these very rows by then is not kept: a row far from all
        others can upset the first epochs, and was elsewhere in the folds.
        """
        if not choice.epoch:
            return
        model, n_done = self.model, 0

        def losses():
            return self.recipe.watch(model, self.rows)()

        learned = self._choice(losses(), self.rows.weights, caution=0)
        if not self.fixed_encoder:
            start = model.kept.flat.copy()
            self._run(self.rows, n_epochs=choice.epoch)
            if learned.improves(losses(), choice.epoch):
                self.best_iter = self.n_before + choice.epoch
            else:
                model.kept.flat[...] = start
                self.best_iter = 0
            return

        def keep_those_due():
            nonlocal n_done
            n_done += 1
            due = [k for k, epoch in zip(choice.parts, choice.epochs) if epoch == n_done]
            found = losses() if due else None
            for part in due:
                if learned.improves_part(part, found, n_done):
                    model.keep(part)
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

    @property
    def _activation_of_decoders(self):
        """What the hidden layers have while the code is PCA's: None is what they have now."""
        return ALONE if self.estimator.activation == "auto" else None

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
