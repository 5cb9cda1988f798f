"""What the three estimators share: validation, fitted state, and the public methods."""

from contextlib import contextmanager
from functools import partial
import math
from numbers import Integral
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skae._compat import (
    CallbackSupportMixin,
    check_sample_weight,
    root_context,
    take_rows,
)
from skae._constraints import CONSTRAINTS
from skae._containers import FLOATS, contain, floats
from skae._fitted_model import FittedModel
from skae._network import inference
from skae._network.inference import FEW_ROWS
from skae._network.scaling import columns_on_another_scale
from skae._onnx import exporter
from skae._parallel import fit_slot, job_runner
from skae._sampling import evenly_spaced
from skae._training.batches import prepared_rows
from skae._training.callbacks import NULL_TASKS, Tasks
from skae._training.fit import fit, partial_fit
from skae._training.options import check_range, read_options
from skae._training.state import Previous
from skae._training.trainer import Trainer
from skae.losses import LOSSES
from skae.metrics import explained_variance

MAX_PREVIEWED_ROWS, MAX_MEASURED_ROWS = 1000, 10_000  # of the reconstruction error


def is_plain(X, n_columns):
    """Tell a few rows that scikit-learn's checks would pass unchanged, in a tenth of their time."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.shape[1] == n_columns
        and 0 < len(X) <= FEW_ROWS
        and X.dtype in FLOATS
        and math.isfinite(np.vdot(X, X))  # scikit-learn judges numbers too large to square
    )


def is_stochastic(estimator):
    """Return True for the solvers that go through mini-batches, which `partial_fit` takes."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is not available for solver='lbfgs'.")
    return True


def warn_convergence(message):
    """Warn as scikit-learn does where training did not converge."""
    warnings.warn(message, ConvergenceWarning, stacklevel=2)


class _BaseAutoencoder(
    FittedModel,
    exporter.OnnxExport,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Public methods validate, private ones compute."""

    nested = False  # for the estimator without the parameter

    _parameter_constraints = CONSTRAINTS

    # ---------------------------------------------------------------- fitting

    def _fit(self, X, sample_weight, X_val=None, X_clean=None):
        """Validate, train, and keep the result; set nothing on self before all has gone well."""
        context = root_context(self) if getattr(self, "_skl_callbacks", None) else None
        with self._unharmed():
            given = X, X_clean, sample_weight
            X = self._validate_training(X, reset=True)
            weights = self._validate_weights(sample_weight, X)
            if X_val is not None:
                X_val = self._validate_more(X_val, X, "X_val")
                self._compare_scales(X_val, X if weights.all() else X[weights > 0])
            X_clean = None if X_clean is None else self._validate_rows_of(X_clean, X, "X_clean")
            options = self._options()
            previous = self._previous() if self.warm_start and hasattr(self, "theta_") else None
            samples = X, X_clean, X_val
            samples = samples if previous is None else previous.cast(*samples)
            with fit_slot(), job_runner() as run_jobs:
                rows = self._training_rows(samples[0], weights, samples[1], options)
                trainer = Trainer(options, rows.weights.sum(), run_jobs, warn_convergence)
                tasks = self._tasks(context, given, (X, X_clean, weights), options)
                result = fit(trainer, rows, samples[2], previous, tasks)
                self._keep(self._fitted_attributes(result, X, weights, trainer, tasks))
            tasks.end()
        return self

    def _partial_fit(self, X, sample_weight, X_clean=None):
        """Train one pass, after a new start where there is no model yet."""
        self._validate_params()  # which scikit-learn leaves out once there is a model
        with self._unharmed():
            first = not hasattr(self, "theta_")
            X = self._validate_training(X, reset=first, ensure_min_samples=2 if first else 1)
            weights = self._validate_weights(sample_weight, X)
            X_clean = None if X_clean is None else self._validate_rows_of(X_clean, X, "X_clean")
            options = self._options()
            previous = None if first else self._previous()
            samples = (X, X_clean) if first else previous.cast(X, X_clean)
            with job_runner() as run_jobs:
                rows = self._training_rows(samples[0], weights, samples[1], options, previous)
                trainer = Trainer(options, rows.weights.sum(), run_jobs, warn_convergence)
                result = partial_fit(trainer, rows, previous)
                keep = self._fitted_attributes if first else self._updated_attributes
                self._keep(keep(result, X, weights, trainer))
        return self

    def _options(self):
        """Return the parameters, read and checked against each other."""
        return read_options(self.get_params(deep=False))

    def _training_rows(self, X, weights, X_clean, options, previous=None):
        """Return the samples to train on; `previous` is given where `partial_fit` goes on."""
        return prepared_rows(X, weights, X_clean)

    def _drawn_weights(self, weights, options):
        """Return the weights of the samples to train on, zero for those to leave out."""
        return weights

    def _previous(self):
        """Return what the last call of fit or partial_fit left."""
        return Previous(
            model=self._model,
            optimizer=self._optimizer_state,
            decoder_weights=getattr(self, "_decoder_weights", None),
            loss_curve=self.loss_curve_,
            validation_loss_curve=self.validation_loss_curve_,
            n_samples_seen=self.n_samples_seen_,
        )

    def _keep(self, attributes):
        """Set the fitted attributes."""
        for name, value in attributes.items():
            setattr(self, name, value)

    def _fitted_attributes(self, result, X, weights, trainer=None, tasks=NULL_TASKS):
        """Return the fitted attributes, all of them plain, by name.

        Without a trainer they are for a per-epoch preview: nothing is retrained, at most 1,000
        samples are scored.
        """
        model, history = result.model, result.history
        max_rows = MAX_PREVIEWED_ROWS if trainer is None else MAX_MEASURED_ROWS
        if len(X) > max_rows:
            chosen = evenly_spaced(len(X), max_rows)
            X, weights = X[chosen], weights[chosen]
            weights = weights if weights.any() else None
        errors = inference.mean_squared_errors(model, X)
        return {
            "theta_": model.parameters.flat,
            "architecture_": model.spec,
            "mean_": model.scaling.mean,
            "scale_": model.scaling.scale,
            "code_scale_": model.code_scale,
            "n_components_": model.network.n_components,
            "n_layers_": model.network.n_layers + 1,
            "n_iter_": history.n_iter,
            "best_iter_": history.best_iter,
            "n_samples_seen_": result.n_samples_seen,
            "t_": result.optimizer["steps"],
            "loss_curve_": history.loss_curve,
            "validation_loss_curve_": history.validation_loss_curve,
            "loss_": history.loss_curve[-1] if history.loss_curve else None,
            "best_loss_": history.best_loss,
            "explained_variance_ratio_": result.explained_variance_ratio,
            "reconstruction_err_": float(np.average(errors, weights=weights)),
            "_optimizer_state": result.optimizer,
            "_decoder_weights": result.decoder_weights,
            "_columns_read": model.columns_read,
            "reach_": model.input_radius,
        }

    def _updated_attributes(self, result, X, weights, trainer):
        """Return the fitted attributes after a later `partial_fit`."""
        return self._fitted_attributes(result, X, weights, trainer)

    # ---------------------------------------------------------------- callbacks

    def _tasks(self, context, given, validated, options, n_further=0):
        """Return the tasks that callbacks are told of; none where no callback listens.

        `given` are X, X_clean and the weights as they came, `validated` as they are used.
        """
        if context is None:
            return NULL_TASKS
        X, _, weights = validated

        def show(result):
            return vars(self) | self._fitted_attributes(result, X, weights)

        samples = partial(self._shown_samples, given, validated, options)
        return Tasks(context, self, show, samples, n_further)

    def _shown_samples(self, given, validated, options, dealing, fold):
        """Return X, y and metadata as callbacks are given them, without a fold if there is one."""
        X, X_clean, weights = validated
        chosen = np.flatnonzero(self._drawn_weights(weights, options))
        if fold is not None:
            chosen = chosen[dealing.folds(X[chosen]) != fold]
        if hasattr(self, "feature_names_in_"):  # which the samples must have as well
            X, X_clean = given[:2]
        shown = X, X_clean, None if given[2] is None else weights
        if len(chosen) < len(validated[0]):
            shown = [None if each is None else take_rows(each, chosen) for each in shown]
        X, X_clean, weights = shown
        metadata = None if weights is None else {"sample_weight": weights}
        return X, X if X_clean is None else X_clean, metadata

    # ---------------------------------------------------------------- validation

    @contextmanager
    def _unharmed(self):
        """Put every attribute back if what follows fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _validate_training(self, X, reset, ensure_min_samples=2):
        X = validate_data(
            self, X, reset=reset, dtype=floats(X), ensure_min_samples=ensure_min_samples
        )
        check_range(X, self.loss)
        return X

    def _validate_weights(self, sample_weight, X):
        if sample_weight is None:
            return np.ones(len(X))
        return check_sample_weight(sample_weight, X)

    def _validate_more(self, X_more, X, name):
        """Rows given beside X: the same columns, the same dtype."""
        try:
            X_more = validate_data(self, X_more, reset=False, dtype=X.dtype)
            check_range(X_more, self.loss)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} does not go with X. {error}") from error
        return X_more

    def _validate_rows_of(self, X_more, X, name):
        """Rows that belong to those of X one by one."""
        X_more = self._validate_more(X_more, X, name)
        if len(X_more) != len(X):
            raise ValueError(
                f"{name} must have the rows of X: got {len(X_more)} for {len(X)} rows of X."
            )
        return X_more

    def _compare_scales(self, X_val, X):
        """Warn if X_val seems not to have been transformed as X was."""
        columns = columns_on_another_scale(X, X_val)
        if not len(columns):
            return
        names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))[columns]
        named = ", ".join(str(name) for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        warnings.warn(
            f"X_val is on another scale than X in {len(names)} of {X.shape[1]} columns: "
            f"{named}{more}. It must be transformed as X is; a Pipeline does so only with "
            'transform_input=["X_val"].',
            stacklevel=2,
        )

    @property
    def _n_features_out(self):
        return self.n_components_

    # ---------------------------------------------------------------- samples to send

    def _validate(self, X):
        """Check rows, and that there is a model for them."""
        fitted = vars(self)
        nameless = "theta_" in fitted and "feature_names_in_" not in fitted
        if nameless and is_plain(X, self.n_features_in_):
            return X
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=floats(X))

    # ---------------------------------------------------------------- export

    @property
    def _onnx_outputs(self):
        return {"code": self.n_components_}

    def _onnx_nodes(self, X):
        return [exporter.encode(self._model, X)]

    def _onnx_score_samples(self, X):
        return -exporter.squared_errors(self._model, X)

    # ---------------------------------------------------------------- public

    def transform(self, X):
        """Encode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to encode.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            The code of each row, float32 if X is float32, else float64.
        """
        X = self._validate(X)
        return inference.encode(self._model, X)

    def inverse_transform(self, X):
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them. After training with ``nested=True`` their
            first columns are codes as well, however many.

        Returns
        -------
        X_original : ndarray or frame of shape (n_samples, n_features)
            Reconstructed rows, in the units of the training rows; a frame, with the names
            of the training columns, where `set_output` or scikit-learn's configuration
            asks `transform` for one.

        Raises
        ------
        ValueError
            If X has another number of columns than the codes of this model.
        """
        check_is_fitted(self)
        if is_plain(X, self.n_components_):
            return contain(self, inference.decode(self._model, X), X)
        code = check_array(X, dtype=floats(X), input_name="X")
        n_columns = code.shape[1]
        if n_columns > self.n_components_ or not self._is_decodable(n_columns):
            narrower = n_columns < self.n_components_
            hint = " Narrower codes need training with nested=True." if narrower else ""
            raise ValueError(
                f"X has {n_columns} columns, but a code of this {type(self).__name__} has "
                f"n_components_={self.n_components_}.{hint}"
            )
        return contain(self, inference.decode(self._model, code), X)

    def reconstruct(self, X, n_components=None):
        """Encode X and decode the codes: `inverse_transform(transform(X))` in one pass.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct.
        n_components : int or None, default=None
            How many columns of the code to decode, the first ones; None decodes all. Fewer
            than all need training with ``nested=True``.

        Returns
        -------
        X_reconstructed : ndarray or frame of shape (n_samples, n_features)
            Their reconstructions, in the units of X; a frame where `inverse_transform`
            returns one.

        Raises
        ------
        ValueError
            If `n_components` is not a number of columns that this model decodes.
        """
        rows = self._validate(X)
        if n_components is None:
            return contain(self, inference.reconstruct(self._model, rows), X)
        whole = self.n_components_
        is_int = isinstance(n_components, Integral) and not isinstance(n_components, bool)
        if not is_int or not 1 <= n_components <= whole:
            raise ValueError(
                f"n_components must be an int from 1 to n_components_={whole}, or None, got "
                f"{n_components!r}."
            )
        if not self._is_decodable(n_components):
            raise ValueError(
                f"n_components={n_components} of n_components_={whole} columns can only be "
                "decoded after training with nested=True."
            )
        size = self._model.n_columns_read(int(n_components))
        return contain(self, inference.reconstruct(self._model, rows, size), X)

    def _is_decodable(self, n_columns):
        return n_columns == self.n_components_ or self._model.network.nested

    def score_samples(self, X):
        """Return minus the mean squared error of each row's reconstruction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the mean over the features of the squared error, in the squared units of
            X: 0 is a perfect reconstruction, higher is better.
        """
        X = self._validate(X)
        return -inference.mean_squared_errors(self._model, X)

    def score(self, X, y=None, sample_weight=None):
        """Return the share of the variance of X that the reconstruction explains.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            1 is a perfect reconstruction, 0 that of the mean of X; the same number for
            every reducer is :func:`skae.metrics.reconstruction_score`.
        """
        X = self._validate(X)
        weights = self._validate_weights(sample_weight, X)
        return explained_variance(X, inference.reconstruct(self._model, X), weights)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.input_tags.positive_only = getattr(loss, "lowest", None) == 0
        return tags
