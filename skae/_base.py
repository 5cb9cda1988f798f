"""Base class of the autoencoders: validation, fitted state, and public methods."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
import math
from numbers import Integral
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted

from skae._compat import (
    CallbackSupportMixin,
    SuggestsOptions,
    root_context,
    take_rows,
    validate_parameters,
)
from skae._constraints import CONSTRAINTS
from skae._containers import FLOATS, FloatArray, features_in_container, floats
from skae._fitted_model import FittedModel
from skae._incomplete import FillsGaps
from skae._missing.gaps import Filled
from skae._network import inference
from skae._network.inference import FEW_ROWS
from skae._network.scaling import warn_of_another_scale
from skae._onnx import exporter
from skae._parallel import fit_slot, job_runner
from skae._parametrized import warn
from skae._sample_drawing import SampleDrawing
from skae._sparse import is_sparse
from skae._training.callbacks import NULL_TASKS, Tasks
from skae._training.fit import fit, partial_fit
from skae._training.options import read_options, with_layer_sizes
from skae._training.stream import follow
from skae._training.trainer import Trainer
from skae._validation import ValidatesSamples, check_directions, check_values, read_splits
from skae.losses import LOSSES
from skae.metrics import explained_share, explained_variance

Method = TypeVar("Method")


def is_plain(X, n_columns):
    """Return whether X is an array without NaN that scikit-learn's validation returns unchanged.

    For one row this takes a tenth of the time of the validation. For many it takes a quarter of
    that of the validation and of looking for NaN.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.shape[1] == n_columns
        and len(X) > 0
        and (len(X) <= FEW_ROWS or X.flags.c_contiguous)  # others would be copied
        and X.dtype in FLOATS
        and math.isfinite(np.vdot(X, X))  # scikit-learn tells overflow from NaN
    )


def is_stochastic(estimator):
    """Return True for solvers that train on mini-batches; else raise AttributeError."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is not available for solver='lbfgs'.")
    return True


def available_without_lbfgs(method: Method) -> Method:
    """Decorate `partial_fit`: it is not available with L-BFGS."""
    return available_if(is_stochastic)(method)


warn_convergence = partial(warn, category=ConvergenceWarning)


@contextmanager
def restored_on_error(estimator):
    """Restore all attributes if the block raises an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


class _BaseAutoencoder(
    FillsGaps,
    ValidatesSamples,
    FittedModel,
    SampleDrawing,
    exporter.OnnxExport,
    SuggestsOptions,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Base class of the autoencoders: public methods validate, private ones compute."""

    nested = whiten = False  # for the estimators without these parameters

    if TYPE_CHECKING:  # methods that scikit-learn has no types for, or makes at run time

        def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> FloatArray: ...
        def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]: ...
        def set_params(self, **params: Any) -> Self: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_partial_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_score_request(self, **requests: bool | str | None) -> Self: ...
        def set_output(self, *, transform: str | None = None) -> Any: ...  # it may return frames

    _parameter_constraints = CONSTRAINTS

    # ---------------------------------------------------------------- fitting

    def _fit(self, X, y, sample_weight, groups, X_val=None, X_clean=None):
        """Validate, train, and set the fitted attributes; if anything fails, change nothing."""
        started = perf_counter()
        context = root_context(self)
        with restored_on_error(self):
            given = X, X_clean, sample_weight
            labelled = X, y, groups
            X = self._validate_training(X, reset=True)
            weights = self._validate_weights(sample_weight, X)
            if X_val is not None:
                X_val = self._validate_like(X, X_val, "X_val")
                check_values(X_val, "X_val")
                names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))
                warn_of_another_scale(X_val, X if weights.all() else X[weights > 0], names)
            X_clean = None if X_clean is None else self._validate_paired(X, X_clean, "X_clean")
            options = self._options().for_samples(X.shape[1], len(X))
            check_directions(X, options.network)
            holds_out = self._holds_out(options, X_val)
            given_splits = self.validation_split if holds_out else None
            splits = read_splits(given_splits, *labelled, weights)  # checks groups in any case
            splits = splits if holds_out else None
            previous = self._previous() if self.warm_start and hasattr(self, "theta_") else None
            samples = (X, X_clean, X_val) if previous is None else previous.cast(X, X_clean, X_val)
            with fit_slot(), job_runner() as run_jobs:
                samples = self._filled_training(samples, weights, previous is None)
                rows = self._training_rows(samples[0], weights, samples[1], options, splits)
                trainer = Trainer(options, rows.weights.sum(), run_jobs, warn_convergence)
                tasks = self._tasks(context, given, (X, X_clean, weights), rows)
                result = fit(trainer, rows, samples[2], previous, tasks)
                attributes = self._fitted_attributes(result, X, weights, trainer, tasks)
                attributes |= self._filling_attributes(result)
                self._keep(attributes | self._sampling_attributes(result))
                self._stream = None
            self._record |= {
                "seconds": perf_counter() - started,
                "is_auto_activation": self.activation == "auto",
                "has_penalty": options.penalty is not None,
            }
            self._record |= self._scale_record(samples[0].X, weights) | self._ignored_record()
            tasks.end()
        self._print_report()
        return self

    def _partial_fit(self, X, sample_weight, X_clean=None, groups=None):
        """Train for one pass, from a new start if there is no model yet."""
        self._validate_params()  # scikit-learn omits this once there is a model
        with restored_on_error(self):
            first, given = not hasattr(self, "theta_"), X
            X = self._validate_training(X, reset=first, ensure_min_samples=2 if first else 1)
            weights = self._validate_weights(sample_weight, X)
            X_clean = None if X_clean is None else self._validate_paired(X, X_clean, "X_clean")
            options = self._options()
            if first:
                options = options.for_samples(X.shape[1])
                check_directions(X, options.network)
            previous = None if first else self._previous()
            samples = (X, X_clean) if first else previous.cast(X, X_clean)
            samples = self._filled_training((*samples, None), weights, first)
            network = options.network if first else None
            change = follow(getattr(self, "_stream", None), samples[0].X, weights, network)
            anew = first or change.is_shifted
            splits = self._splits_of_pass(anew, given, groups, weights)
            with job_runner() as run_jobs:
                rows = self._training_rows(samples[0], weights, samples[1], options, splits)
                trainer = Trainer(options, rows.weights.sum(), run_jobs, warn_convergence)
                result = partial_fit(trainer, rows, previous, change)
                keep = self._fitted_attributes if anew else self._updated_attributes
                attributes = keep(result, X, weights, trainer) | {"_stream": change.stream.asdict()}
                if anew:
                    if samples[0].spread is None:  # complete samples after incomplete ones
                        self.gaussian_ = None
                    attributes |= self._filling_attributes(result)
                self._keep(attributes | self._updated_sampling_attributes(result))
        return self

    def _options(self):
        return read_options(self._parameters())

    def _parameters(self):
        return with_layer_sizes(self.get_params(deep=False), getattr(self, "n_features_in_", None))

    def _holds_out(self, options, X_val):
        return options.validates and X_val is None

    def _splits_of_pass(self, anew, X, groups, weights):
        return None

    # ---------------------------------------------------------------- callbacks

    def _tasks(self, context, given, validated, rows, n_further=0):
        """Return the tasks that report to callbacks, or the null object without callbacks.

        `given` are X, X_clean and the weights as the user passed them, `validated` after
        validation, and `rows` the rows to train on.
        """
        if context is None:
            return NULL_TASKS
        X, _, weights = validated

        def show(result):
            return vars(self) | self._fitted_attributes(result, X, weights)

        samples = partial(self._samples_for_callbacks, given, validated, rows.given)
        return Tasks(context, self, show, samples, n_further)

    def _samples_for_callbacks(self, given, validated, chosen, excluded):
        """Return X, y and metadata of chosen samples, without those that `excluded()` marks."""
        X, X_clean, weights = (each.csr if is_sparse(each) else each for each in validated)
        if excluded is not None:
            chosen = chosen[~excluded()]
        if hasattr(self, "feature_names_in_"):  # the samples must have these names too
            X, X_clean = given[:2]
        shown = X, X_clean, None if given[2] is None else weights
        if len(chosen) < len(validated[2]):
            shown = [None if each is None else take_rows(each, chosen) for each in shown]
        X, X_clean, weights = shown
        metadata = None if weights is None else {"sample_weight": weights}
        return X, X if X_clean is None else X_clean, metadata

    # ---------------------------------------------------------------- validation

    @property
    def _n_features_out(self):
        return self.n_components_

    # ---------------------------------------------------------------- new samples

    def _validate(self, X):
        return self._validate_filled(X).X

    def _validate_filled(self, X, **options):
        """Return new samples as Filled; raise NotFittedError if there is no model for them."""
        fitted = vars(self)
        nameless = "theta_" in fitted and "feature_names_in_" not in fitted
        if nameless and is_plain(X, self.n_features_in_):
            return Filled(X)
        check_is_fitted(self)
        return self._filled(self._validate_samples(X, reset=False, dtype=floats(X), **options))

    # ---------------------------------------------------------------- export

    @property
    def _onnx_outputs(self):
        return {"code": self.n_components_}

    def _onnx_nodes(self, X):
        return [exporter.encode(self._model, X)]

    def _onnx_score_samples(self, X):
        return -exporter.squared_errors(self._model, X)

    # ---------------------------------------------------------------- public

    @validate_parameters
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the autoencoder to X; a detector also sets its threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, at least two.
        y : array-like of shape (n_samples,), default=None
            Passed to `validation_split`, if that is a splitter; otherwise not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. A sample of weight zero is ignored. None stands for equal
            weights.
        groups : array-like of shape (n_samples,), default=None
            Label of the group of each sample, such as the patient it was measured on. A group is
            never split: its samples are all trained on or all held out. None looks for copies and
            for the order of a series. Unused without held-out samples.
        X_val : array-like of shape (n_samples_val, n_features), default=None
            Validation set that replaces the held-out samples: training stops when the loss on
            it no longer improves, and the parameters that are best on it are kept.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, another argument or a parameter is invalid. The estimator is then unchanged.
        TypeError
            If an instance passed as a parameter lacks a required method or attribute, or if
            `groups` mixes labels that cannot be compared. The estimator is then unchanged.
        """
        return self._fit(X, y, sample_weight, groups, X_val=X_val)

    @available_without_lbfgs
    @validate_parameters
    def partial_fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one pass over X, continuing from previous calls.

        Mean, scale and, with a linear path, PCA follow from the first call. While PCA of all
        samples so far is better on new samples than the model, training starts anew from that PCA.
        It also starts anew if samples stay on another level or scale than those before. See the
        guide on scaling out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, at least two in the first call.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. A sample of weight zero is ignored. None stands for equal
            weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, another argument or a parameter is invalid. The estimator is then unchanged.
        TypeError
            If an instance passed as a parameter lacks a required method or attribute. The
            estimator is then unchanged.
        """
        return self._partial_fit(X, sample_weight)

    def transform(self, X: ArrayLike) -> FloatArray:
        """Encode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to encode.

        Returns
        -------
        code : ndarray of shape (n_samples, n_components)
            Code of each sample, in float32 if X is float32, otherwise in float64.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        X = self._validate(X)
        return inference.encode(self._model, X)

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Decode X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as returned by `transform`. After training with ``nested=True``, the leading
            components alone are accepted too.

        Returns
        -------
        X_original : ndarray or data frame of shape (n_samples, n_features)
            Reconstructed samples, in the units of the training samples. A data frame with the
            feature names of the training samples if `set_output` or scikit-learn's configuration
            asks for one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid or has another number of components than the codes of this model.
        """
        check_is_fitted(self)
        if is_plain(X, self.n_components_):
            return features_in_container(self, inference.decode(self._model, X), X)
        code = check_array(X, dtype=floats(X), input_name="X")
        n_columns = code.shape[1]
        if n_columns > self.n_components_ or not self._is_decodable(n_columns):
            is_shorter = n_columns < self.n_components_
            hint = " Shorter codes need training with nested=True." if is_shorter else ""
            raise ValueError(
                f"X has {n_columns} columns, but a code of this {type(self).__name__} has "
                f"n_components_={self.n_components_}.{hint}"
            )
        return features_in_container(self, inference.decode(self._model, code), X)

    def reconstruct(self, X: ArrayLike, n_components: int | None = None) -> FloatArray:
        """Reconstruct X: `inverse_transform(transform(X))` in one pass.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to reconstruct.
        n_components : int or None, default=None
            Number of leading components to decode. None decodes all; fewer need training with
            ``nested=True``.

        Returns
        -------
        X_reconstructed : ndarray or data frame of shape (n_samples, n_features)
            Reconstructed samples, in the units of X. A data frame if `inverse_transform`
            returns one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid or `n_components` is a number that this model cannot decode.
        """
        samples = self._validate(X)
        if n_components is None:
            return features_in_container(self, inference.reconstruct(self._model, samples), X)
        n_available = self.n_components_
        is_int = isinstance(n_components, Integral) and not isinstance(n_components, bool)
        if not is_int or not 1 <= n_components <= n_available:
            raise ValueError(
                f"n_components must be an int from 1 to n_components_={n_available}, or None, got "
                f"{n_components!r}."
            )
        if not self._is_decodable(n_components):
            raise ValueError(
                f"n_components={n_components} is less than n_components_={n_available}: the first "
                "components alone can only be decoded after training with nested=True."
            )
        size = self._model.n_columns_read(int(n_components))
        return features_in_container(self, inference.reconstruct(self._model, samples, size), X)

    def _is_decodable(self, n_columns):
        return n_columns == self.n_components_ or self._model.network.nested

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Compute minus the mean squared reconstruction error of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Minus the squared error, averaged over the features, in the squared units of X.
            Higher is better; 0 is a perfect reconstruction.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        return -self._mean_squared_errors(self._model, self._validate_filled(X))

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of the variance of X that the reconstruction explains.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. None stands for equal weights.

        Returns
        -------
        score : float
            1 for a perfect reconstruction, 0 for a reconstruction by the mean of X, negative
            for a worse one. :func:`skae.metrics.reconstruction_score` computes the same score
            for any reducer.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or the weights are invalid.
        """
        filled = self._validate_filled(X)
        X = filled.X
        weights = self._validate_weights(sample_weight, X)
        if filled.missing is not None and filled.missing.all():
            raise ValueError("X holds nothing but NaN: there is no value to compare.")
        if is_sparse(X):
            errors = inference.mean_squared_errors(self._model, X).astype(np.float64)
            return explained_share(X, X.shape[1] * errors, weights)
        reconstruction = inference.reconstruct(self._model, X)
        return explained_variance(X, reconstruction, weights, filled.missing)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        loss = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = not self._needs_dense()
        tags.input_tags.positive_only = getattr(loss, "lowest", None) == 0
        return tags
