"""One run of fit: from validated rows and an estimator's parameters to fitted attributes."""

from numbers import Integral
import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae import _architecture, _code
from skae._initialization import initialize_path, initialize_weights, principal_directions
from skae._random import generator
from skae._scaling import Scaling, identity_scaling, measure_scaling
from skae._splitting import held_out_rows, merge_equal_rows
from skae._training import (
    SCHEDULES,
    DivergedError,
    Feed,
    Monitor,
    Objective,
    Rows,
    epochs,
    lbfgs,
    mean_loss,
)
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES

EVALUATION_ROWS = 512
SMALL = 1000


class Fit:
    """Prepares the network, trains it, and names what there is to keep.

    Reads the estimator's parameters and, with `resume=True` or a warm start, its fitted
    attributes; writes nothing on it.
    """

    def __init__(self, estimator, X, weights, X_val=None, X_clean=None, resume=False):
        self.estimator = estimator
        rng = generator(estimator.random_state)
        self.rng_init, self.rng_split, self.rng_rows = rng.spawn(3)
        if not weights.all():
            kept = weights != 0
            X, weights = X[kept], weights[kept]
            X_clean = None if X_clean is None else X_clean[kept]
        if len(X) <= SMALL:
            X, weights, X_clean = merge_equal_rows(X, weights, X_clean)
        self.X, self.weights, self.X_clean, self.X_val = X, weights, X_clean, X_val
        self.resumed = resume or (estimator.warm_start and hasattr(estimator, "theta_"))
        if self.resumed:
            self._restore()
        else:
            self._initialize()

    # ------------------------------------------------------------ where training starts

    def _initialize(self):
        estimator, X, weights = self.estimator, self.X, self.weights
        n_features = X.shape[1]
        self.scaling = measure_scaling(X, weights, estimator._scale_per_feature)
        n_asked = estimator.n_components
        n_needed = n_asked if isinstance(n_asked, Integral) else n_features
        directions = None
        if estimator.linear_path == "pca" or n_needed is not n_asked:
            variances, directions, total = principal_directions(X, weights, self.scaling, n_needed)
        if isinstance(n_asked, Integral):
            self.n_components = int(n_asked)
        else:
            shares = np.cumsum(variances) / total if total > 0 else np.ones(1)
            self.n_components = min(int(np.searchsorted(shares, n_asked)) + 1, len(shares))
            directions = directions[: self.n_components]
        self.architecture = _architecture.describe(estimator, n_features, self.n_components)
        self.network = _architecture.build(self.architecture)
        self._set_target_scaling()
        self.parameters = self.network.parameters(np.empty(self.network.n_parameters, X.dtype))
        initialize_weights(self.network, self.parameters, self.rng_init)
        if self.network.linear_path:
            initialize_path(
                self.network,
                self.parameters,
                X,
                weights,
                self.scaling,
                self.target_scaling,
                directions,
            )
        self.state = {"steps": 0}
        self.n_samples_seen = 0
        self.loss_curve, self.validation_loss_curve = [], []

    def _restore(self):
        estimator = self.estimator
        n_features = self.X.shape[1]
        n_components = estimator.n_components
        if not isinstance(n_components, Integral):
            n_components = estimator.n_components_
        asked = _architecture.describe(estimator, n_features, int(n_components))
        for key, value in asked.items():
            if value != estimator.architecture_[key]:
                raise ValueError(
                    f"Training cannot go on with another network: {key} is now {value!r}, "
                    f"was {estimator.architecture_[key]!r}. Set the parameter back, or fit "
                    "with warm_start=False."
                )
        self.architecture = estimator.architecture_
        self.network = _architecture.build(self.architecture)
        self.n_components = estimator.n_components_
        dtype = estimator.theta_.dtype
        self.X = self.X.astype(dtype, copy=False)
        self.scaling = Scaling(estimator.mean_, estimator.scale_)
        self._set_target_scaling()
        self.parameters = self.network.parameters(estimator.theta_.copy())
        state = getattr(estimator, "_optimizer_state", {"steps": 0})
        self.state = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in state.items()}
        self.n_samples_seen = estimator.n_samples_seen_
        self.loss_curve = list(estimator.loss_curve_)
        self.validation_loss_curve = list(getattr(estimator, "validation_loss_curve_", []))

    def _set_target_scaling(self):
        if self.network.activations[-1].is_identity:
            self.target_scaling = self.scaling
        else:
            self.target_scaling = identity_scaling(self.X.shape[1], self.X.dtype)

    # ------------------------------------------------------------ training

    def run(self):
        """Train to the end: all epochs, or L-BFGS; keep the best where it is watched."""
        estimator = self.estimator
        train, held = self._split()
        self.state = {"steps": 0}
        monitor = Monitor(
            self.parameters.flat,
            estimator.tol,
            estimator.n_iter_no_change,
            keep_best=held is not None,
        )
        self.n_iter = 0
        watch = self._watch(held, monitor)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                if estimator.solver == "lbfgs":
                    self._run_lbfgs(train, watch)
                else:
                    self._run_epochs(train, watch)
        except DivergedError:
            self._warn_diverged()
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user: the best model so far is kept.")
        self.parameters.flat[...] = monitor.best_theta
        self.n_samples_seen += len(self.X)
        self.best_loss = monitor.best_loss if math.isfinite(monitor.best_loss) else None
        self.state = {"steps": self.state["steps"]}
        self.ratios = self._explained_variance_ratios()
        order = np.argsort(-self.ratios, kind="stable")
        self.ratios = self.ratios[order]
        _code.reorder(self.network, self.parameters, order)
        _code.fix_signs(self.network, self.parameters)

    def run_once(self):
        """Train one pass over the rows, with the optimizer's state of the passes before."""
        before = self.parameters.flat.copy()
        objective = self._objective(self._rows(slice(None)))
        optimizer = self._optimizer()
        if len(self.state) == 1:
            self.state |= optimizer.init(self.parameters.flat)
        schedule = self.estimator.learning_rate
        if schedule == "cosine":
            schedule = "constant"
        passes = self._epochs(objective, optimizer, SCHEDULES[schedule], n_steps=1)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self.loss_curve.append(next(passes))
            self._report(self.loss_curve[-1])
        except DivergedError:
            self.parameters.flat[...] = before
            self.state = {"steps": self.state["steps"]}
            self._warn_diverged()
        self.n_samples_seen += len(self.X)
        self.n_iter = len(self.loss_curve)
        self.best_loss = min(self.loss_curve, default=None)
        self.ratios = self._explained_variance_ratios()

    def _run_epochs(self, rows, watch):
        estimator = self.estimator
        if estimator.max_iter == 0:
            return
        objective = self._objective(rows)
        optimizer = self._optimizer()
        self.state |= optimizer.init(self.parameters.flat)
        n_steps = estimator.max_iter * math.ceil(len(rows) / objective.feed.batch_size)
        schedule = SCHEDULES[estimator.learning_rate]
        for loss in self._epochs(objective, optimizer, schedule, n_steps):
            if watch(loss):
                return
            if self.n_iter == estimator.max_iter:
                break
        if estimator.learning_rate != "cosine":
            self._warn_unfinished("max_iter", estimator.max_iter)

    def _run_lbfgs(self, rows, watch):
        estimator = self.estimator
        objective = self._objective(rows, batch_size=len(rows))
        objective.feed.fill(np.arange(len(rows)), self.rng_rows)
        decay = estimator.alpha / self.weights.sum()
        result = lbfgs(
            objective, decay, estimator.max_iter, estimator.max_fun, estimator.tol, watch
        )
        if result.status == 1:
            self._warn_unfinished("max_iter", estimator.max_iter)

    def _epochs(self, objective, optimizer, schedule, n_steps):
        estimator = self.estimator

        def rate(t):
            return schedule(estimator.learning_rate_init, t, n_steps, estimator.power_t)

        return epochs(
            objective,
            optimizer,
            self.state,
            rate,
            estimator.alpha,
            estimator.shuffle and objective.feed.batch_size < len(objective.feed.rows),
            self.rng_rows,
        )

    def _watch(self, held, monitor):
        """Return the function that is told each epoch's loss and says whether to stop."""
        theta = self.parameters.flat
        evaluate = None
        if held is not None:
            feed = Feed(held, EVALUATION_ROWS)
            objective = Objective(self.network, self.parameters, feed, backward=False)
            seed = self.rng_split.integers(2**63)

            def evaluate():
                return mean_loss(objective, np.random.default_rng(seed))

            monitor.update(evaluate(), theta)

        def watch(loss):
            self.n_iter += 1
            self.loss_curve.append(loss)
            if evaluate is None:
                self._report(loss)
                monitor.update(loss, theta)
            else:
                validation_loss = evaluate()
                self.validation_loss_curve.append(validation_loss)
                self._report(loss, validation_loss)
                monitor.update(validation_loss, theta)
            return monitor.converged

        return watch

    # ------------------------------------------------------------ its parts

    def _split(self):
        """Return the rows to train on and those to watch, None if there are none."""
        if self.X_val is not None:
            held = Rows(
                self.X_val, self.X_val, None, self.scaling, self.target_scaling, self._corruption()
            )
            return self._rows(slice(None)), held
        if not self.estimator.early_stopping:
            return self._rows(slice(None)), None
        held = held_out_rows(self.X, self.estimator.validation_fraction, self.rng_split)
        if held.all() or not held.any():
            raise ValueError(
                f"early_stopping=True with validation_fraction="
                f"{self.estimator.validation_fraction} leaves no rows to train on or none to "
                f"hold out of {len(self.X)}. Use more rows, another fraction, or "
                "early_stopping=False."
            )
        return self._rows(~held), self._rows(held)

    def _rows(self, chosen):
        X, weights = self.X[chosen], self.weights[chosen]
        target = X if self.X_clean is None else self.X_clean[chosen]
        equal = np.all(weights == weights[0])
        weights = None if equal else (weights / weights.mean()).astype(X.dtype)
        return Rows(X, target, weights, self.scaling, self.target_scaling, self._corruption())

    def _corruption(self):
        if self.X_clean is not None:
            return None
        return self.estimator._make_corruption(self.X)

    def _objective(self, rows, batch_size=None):
        estimator = self.estimator
        if batch_size is None:
            batch_size = 200 if estimator.batch_size == "auto" else estimator.batch_size
        penalty = None
        if estimator.sparsity is not None:
            options = {"weight": float(estimator.sparsity_weight)}
            if estimator.sparsity == "kl":
                options["target"] = float(estimator.sparsity_target)
            penalty = PENALTIES[estimator.sparsity](**options)
        return Objective(self.network, self.parameters, Feed(rows, batch_size), penalty)

    def _optimizer(self):
        estimator = self.estimator
        if estimator.solver == "sgd":
            return OPTIMIZERS["sgd"](estimator.momentum, estimator.nesterovs_momentum)
        return OPTIMIZERS["adam"](estimator.beta_1, estimator.beta_2, estimator.epsilon)

    def _report(self, loss, validation_loss=None):
        if self.estimator.verbose:
            more = "" if validation_loss is None else f", validation loss = {validation_loss:.6g}"
            print(f"Iteration {len(self.loss_curve)}, loss = {loss:.6g}{more}")

    def _warn_diverged(self):
        warnings.warn(
            f"Training diverged in iteration {len(self.loss_curve) + 1}; the model before it is "
            f"kept. Lower learning_rate_init (now {self.estimator.learning_rate_init}).",
            ConvergenceWarning,
        )

    def _warn_unfinished(self, name, value):
        warnings.warn(
            f"Training stopped at {name}={value} before it had converged: raise {name}, or tol "
            f"(now {self.estimator.tol}).",
            ConvergenceWarning,
        )

    # ------------------------------------------------------------ what there is to keep

    def _explained_variance_ratios(self):
        return _code.explained_variance_ratios(
            self.network,
            self.parameters,
            self.X,
            self.weights,
            self.scaling,
            self.target_scaling,
        )

    def attributes(self):
        """Return the fitted attributes, all of them plain."""
        found = {
            "theta_": self.parameters.flat,
            "architecture_": self.architecture,
            "mean_": self.scaling.mean,
            "scale_": self.scaling.scale,
            "n_components_": self.n_components,
            "n_layers_": self.network.n_layers + 1,
            "n_iter_": self.n_iter,
            "n_samples_seen_": self.n_samples_seen,
            "t_": self.state["steps"],
            "loss_curve_": self.loss_curve,
            "loss_": self.loss_curve[-1] if self.loss_curve else None,
            "best_loss_": self.best_loss,
            "explained_variance_ratio_": self.ratios,
            "_optimizer_state": self.state,
        }
        if self.validation_loss_curve:
            found["validation_loss_curve_"] = self.validation_loss_curve
        return found
