"""AutoencoderImputer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skae import _persistence
from skae._base import restored_on_error, warn_convergence
from skae._compat import (
    Interval,
    MissingValues,
    StrOptions,
    SuggestsOptions,
    check_sample_weight,
    validate_parameters,
)
from skae._constraints import CONSTRAINTS
from skae._containers import FloatArray, floats, validate
from skae._missing.blend import IncompleteRows
from skae._missing.imputation import Imputation, fit_imputation
from skae._missing.report import record_of, summary_text
from skae._parallel import fit_slot, job_runner
from skae._parametrized import warn
from skae._sampling import generator
from skae._training.options import read_options
from skae._training.parameter_checks import check_range
from skae._training.splitting import GivenSplits
from skae._training.trainer import Trainer
from skae._validation import number_groups
from skae.activations import Activation
from skae.optimizers import OPTIMIZERS, Optimizer

NETWORK_PARAMETERS = [
    "hidden_layer_sizes",
    "activation",
    "solver",
    "alpha",
    "batch_size",
    "learning_rate_init",
    "max_iter",
    "tol",
    "n_iter_no_change",
    "averaging",
    "random_state",
    "verbose",
]
# What the other estimators have as parameters, and a correction needs no choice of.
FIXED_PARAMETERS = {
    "learning_rate": "constant",
    "power_t": 0.5,
    "shuffle": True,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "early_stopping": True,
    "validation_fraction": 0.1,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "max_fun": 1,
    "latent_activation": "identity",
    "output_activation": "auto",
    "loss": "squared_error",
    "linear_path": None,
    "sparsity": None,
    "sparsity_target": 0.05,
    "sparsity_weight": 1.0,
}


def is_nan(value):
    """Return whether a value of `missing_values` stands for NaN: NaN itself, None or pandas.NA."""
    is_number = isinstance(value, Real) and not np.isnan(value)
    return not (is_number or isinstance(value, str))


class AutoencoderImputer(SuggestsOptions, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill missing values by Gaussian mixtures and a denoising autoencoder.

    A missing cell is first filled by its mean given the observed cells of the sample, under a
    Gaussian density fitted by expectation maximisation. Mixtures of Gaussians, of the values and of
    their normal scores, and an autoencoder then correct this value, as far as observed cells that
    are hidden gain from it. Filled values lie between the minimum and the maximum of the feature in
    `fit`.

    Parameters
    ----------
    missing_values : int, float, None or pandas.NA, default=np.nan
        What stands for a missing value. NaN, None and pandas.NA mean the same.
    mixture_sizes : sequence of int, default=(3, 8, 20)
        Numbers of components of the mixtures to try besides single Gaussians: for each number one
        of the values and one of their normal scores. A mixture needs 15 samples a component. `()`
        leaves only single Gaussians.
    n_components : int or None, default=None
        Number of components of the autoencoder's code. None is as many as there are features, at
        most 32.
    hidden_layer_sizes : int or sequence of int, default=(128,)
        Numbers of units in the hidden layers of the encoder; the decoder mirrors them.
    activation : str or Activation, default="auto"
        Activation of the hidden layers, as in `AutoencoderTransformer`. "auto" is "relu".
    solver : {"adam", "sgd", "shampoo"} or Optimizer, default="adam"
        Method that minimises the loss, as in `AutoencoderTransformer`.
    alpha : float, default=1.0
        Strength of the weight decay, as in `AutoencoderTransformer`.
    batch_size : int or "auto", default="auto"
        Number of samples in a mini-batch. "auto" is min(200, n_samples).
    learning_rate_init : float, default=1e-3
        Learning rate.
    max_iter : int, default=100
        Maximum number of epochs of the autoencoder. With 0 there is none.
    tol : float, default=1e-2
        Relative tolerance. Training stops when the loss of the hidden cells has not decreased by
        this fraction of its value within `n_iter_no_change` epochs.
    n_iter_no_change : int, default=5
        Number of epochs without improvement after which training stops.
    averaging : float in [0, 1), default=0.99
        Decay of the exponential moving average of the parameters.
    max_samples : int, default=10000
        Maximum number of samples to learn from, drawn at random. At most 3000 of them determine the
        densities.
    sample_posterior : bool, default=False
        Whether `transform` draws missing values from their distribution given the observed ones,
        instead of filling in its mean. Drawn values vary as much as true ones do, which means do
        not. The same call returns the same values; see `draw` for several draws.
    keep_empty_features : bool, default=False
        Whether to keep features without any observed value in `fit`, filled with 0.
    add_indicator : bool, default=False
        Whether to append a column to the output for each feature with missing values in `fit`: 1
        where its value was missing, else 0.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the hidden cells, the starts of mixtures, the initial weights and the draws. Pass
        an int for reproducible results.
    verbose : bool or int, default=False
        0 or False prints nothing. 1 or True, and any higher number, prints the loss of hidden cells
        and the time of each density, the loss of each epoch, why training ended, and `summary()`.

    Attributes
    ----------
    imputation_ : dict
        What was learned, as arrays and plain containers: mean and standard deviation of each
        feature, mixtures with their weights, the correction by networks or None, and the factor by
        which draws are spread.
    feature_errors_ : ndarray of shape (n_features,)
        Root mean squared error of the hidden cells of each feature, in standard deviations: 1 is
        the error of filling in the mean. NaN for features without a hidden cell.
    validation_loss_curve_ : list of float
        Mean squared error of the hidden cells, standardised, after each epoch of the autoencoder.
    n_iter_ : int
        Number of epochs of the autoencoder.
    indicator_ : sklearn.impute.MissingIndicator or None
        Marks missing values; None if `add_indicator` is False.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.impute.IterativeImputer : Regresses each feature on the others in turn.
    sklearn.impute.KNNImputer : Fills in the mean of the nearest samples.
    AutoencoderTransformer : Dimensionality reduction with an autoencoder.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderImputer
    >>> X = load_iris().data
    >>> incomplete = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    >>> imputer = AutoencoderImputer(random_state=0).fit(incomplete)
    >>> error = np.abs(imputer.transform(incomplete) - X)[np.isnan(incomplete)].mean()
    >>> bool(error < 0.3)
    True
    """

    _parameter_constraints = {name: CONSTRAINTS[name] for name in NETWORK_PARAMETERS} | {
        "missing_values": [MissingValues()],
        "hidden_layer_sizes": CONSTRAINTS["hidden_layer_sizes"][1:],
        "learning_rate_init": CONSTRAINTS["learning_rate_init"][1:],
        "mixture_sizes": ["array-like"],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "solver": [StrOptions(set(OPTIMIZERS)), *CONSTRAINTS["solver"][1:]],
        "max_samples": [Interval(Integral, 2, None, closed="left")],
        "sample_posterior": ["boolean"],
        "keep_empty_features": ["boolean"],
        "add_indicator": ["boolean"],
    }

    imputation_: dict[str, Any]
    feature_errors_: FloatArray
    validation_loss_curve_: list[float]
    n_iter_: int
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    if TYPE_CHECKING:  # methods that scikit-learn has no types for, or makes at run time

        def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> FloatArray: ...
        def set_params(self, **params: Any) -> Self: ...
        def set_fit_request(self, **requests: bool | str | None) -> Self: ...
        def set_output(self, *, transform: str | None = None) -> Any: ...

    def __init__(
        self,
        *,
        missing_values: Any = np.nan,
        mixture_sizes: Sequence[int] = (3, 8, 20),
        n_components: int | None = None,
        hidden_layer_sizes: int | Sequence[int] = (128,),
        activation: str | Activation = "auto",
        solver: str | Optimizer = "adam",
        alpha: float = 1.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-3,
        max_iter: int = 100,
        tol: float = 1e-2,
        n_iter_no_change: int = 5,
        averaging: float = 0.99,
        max_samples: int = 10000,
        sample_posterior: bool = False,
        keep_empty_features: bool = False,
        add_indicator: bool = False,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.missing_values = missing_values
        self.mixture_sizes = mixture_sizes
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.averaging = averaging
        self.max_samples = max_samples
        self.sample_posterior = sample_posterior
        self.keep_empty_features = keep_empty_features
        self.add_indicator = add_indicator
        self.random_state = random_state
        self.verbose = verbose

    @validate_parameters
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn how the features depend on each other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, at least two, with missing values or without.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. A sample of weight zero is ignored. None stands for equal
            weights.
        groups : array-like of shape (n_samples,), default=None
            Label of the group of each sample, such as the patient it was measured on. The samples
            of a group are filled by densities and networks that were fitted without any of them,
            where these are compared. None takes samples to be independent, except for copies.

        Returns
        -------
        self : object
            The fitted imputer.

        Raises
        ------
        ValueError
            If X, the weights, the groups or a parameter is invalid. The imputer is then unchanged.
        TypeError
            If `groups` mixes labels that cannot be compared. The imputer is then unchanged.
        """
        started = perf_counter()
        with restored_on_error(self):
            X, missing = self._validate(X, reset=True)
            weighted = sample_weight is not None
            weights = check_sample_weight(sample_weight, X) if weighted else np.ones(len(X))
            numbers = GivenSplits(None if groups is None else number_groups(groups, len(X)))
            numbers.part(np.flatnonzero(weights))  # raises ValueError for a single group
            sizes = self._sizes()
            is_empty = missing[weights > 0].all(axis=0)
            kept = np.flatnonzero(~is_empty)
            options = self._options(max(len(kept), 1))
            with fit_slot(), job_runner() as run_jobs:
                trainer = Trainer(options, weights.sum(), run_jobs, warn_convergence)
                samples = np.ascontiguousarray(X[:, kept]), missing[:, kept], weights
                samples = IncompleteRows(*samples, numbers.groups)
                state, curve, errors = {}, [], np.zeros(0)
                if len(kept):
                    fitted = fit_imputation(samples, sizes, self.max_samples, trainer)
                    state, curve, errors = fitted[0].asdict(), *fitted[1:]
            self.imputation_ = state
            self.feature_errors_ = np.full(len(is_empty), np.nan)
            self.feature_errors_[kept] = errors
            self._kept, self._is_empty = kept, is_empty
            self._draw_seed = int(options.seeds.samples)
            self.validation_loss_curve_, self.n_iter_ = curve, len(curve)
            self.indicator_ = None
            if self.add_indicator:
                from sklearn.impute import MissingIndicator  # takes long to import

                self.indicator_ = MissingIndicator(error_on_new=False)
                self.indicator_.fit(np.where(missing, np.nan, X))
            seconds = perf_counter() - started
            self._record = record_of(missing[weights > 0]) | {"seconds": seconds}
            if self.verbose:
                print(self.summary())
        return self

    def _sizes(self):
        """Return the sizes of the mixtures to try, in ascending order."""
        sizes = np.atleast_1d(np.asarray(self.mixture_sizes, dtype=object)).tolist()
        if not all(isinstance(s, Integral) and not isinstance(s, bool) and s > 1 for s in sizes):
            raise ValueError(
                "mixture_sizes must be a sequence of ints of at least 2, got "
                f"{self.mixture_sizes!r}."
            )
        return sorted(int(size) for size in sizes)

    def _options(self, n_features):
        parameters = {name: getattr(self, name) for name in NETWORK_PARAMETERS}
        n_components = min(n_features, 32) if self.n_components is None else self.n_components
        return read_options(FIXED_PARAMETERS | parameters | {"n_components": n_components})

    def _validate(self, X, reset=False):
        """Return samples and which of their cells are missing; missing cells are 0 in them."""
        takes_nan = is_nan(self.missing_values)
        if isinstance(self.missing_values, str):
            raise ValueError(
                f"missing_values must be a number, NaN, None or pandas.NA, as X is numeric; got "
                f"{self.missing_values!r}."
            )
        X = validate(
            self,
            X,
            reset=reset,
            dtype=floats(X),
            ensure_all_finite="allow-nan" if takes_nan else True,
            ensure_min_samples=2 if reset else 1,
        )
        missing = np.isnan(X) if takes_nan else np.equal(X, self.missing_values)
        X = np.where(missing, np.zeros((), X.dtype), X)
        check_range(X, "squared_error")
        return X, missing

    def _validate_new(self, X):
        check_is_fitted(self)
        X, missing = self._validate(X)
        if self._is_empty.any() and not self.keep_empty_features:
            self._warn_of_dropped()
        return X, missing

    def _warn_of_dropped(self):
        numbers = np.arange(len(self._is_empty))
        names = getattr(self, "feature_names_in_", numbers)[self._is_empty]
        warn(
            f"Skipping features without any observed values in fit: {names.tolist()}. Set "
            "keep_empty_features=True to keep them, filled with 0."
        )

    def transform(self, X: ArrayLike) -> FloatArray:
        """Fill the missing values of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples with missing values or without. A feature may be missing here that never was in
            `fit`.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features_out)
            Samples of the dtype of X; observed values are unchanged. Features without observed
            values in `fit` are left out unless `keep_empty_features` is True.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        ValueError
            If X is invalid.
        """
        X, missing = self._validate_new(X)
        rng = np.random.default_rng(self._draw_seed) if self.sample_posterior else None
        return self._with_indicator(self._fill(X, missing, rng), missing)

    def _fill(self, X, missing, rng):
        """Return the features of the output, filled or drawn."""
        kept = self._kept
        filled = np.zeros((len(X), len(kept)), X.dtype)
        if len(kept):
            imputation = Imputation.from_dict(self.imputation_)
            samples = np.ascontiguousarray(X[:, kept]), np.ascontiguousarray(missing[:, kept])
            filled = imputation.fill(*samples, rng)
        if not self.keep_empty_features:
            return filled
        result = X.copy()
        result[:, kept] = filled
        return result

    def _with_indicator(self, filled, missing):
        if self.indicator_ is None:
            return filled
        indicator = self.indicator_.transform(np.where(missing, np.nan, 0.0))
        return np.hstack([filled, indicator.astype(filled.dtype)])

    def draw(self, X: ArrayLike, n_draws: int = 5, random_state: Any = None) -> FloatArray:
        """Draw several completed copies of X, for multiple imputation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples with missing values.
        n_draws : int, default=5
            Number of copies.
        random_state : int, RandomState instance, Generator or None, default=None
            Source of the draws. None takes that of `fit`.

        Returns
        -------
        X_drawn : ndarray of shape (n_draws, n_samples, n_features_out)
            Copies of X whose missing values are drawn from their distribution given the observed
            ones, whatever `sample_posterior` is. There are no columns of the indicator.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        ValueError
            If X or `n_draws` is invalid.
        """
        X, missing = self._validate_new(X)
        if not isinstance(n_draws, Integral) or isinstance(n_draws, bool) or n_draws < 1:
            raise ValueError(f"n_draws must be an int of at least 1, got {n_draws!r}.")
        rng = generator(self._draw_seed if random_state is None else random_state)
        return np.stack([self._fill(X, missing, rng) for _ in range(n_draws)])

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Put the missing values back that the indicator marks.

        Features that never were missing in `fit` have no indicator; their values are returned as
        they are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            Output of `transform`, with the columns of the indicator.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            Samples with `missing_values` where values were missing. Features that `transform` has
            left out consist of missing values.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        ValueError
            If `add_indicator` is False, or X has another number of columns.
        """
        check_is_fitted(self)
        if self.indicator_ is None:
            raise ValueError("inverse_transform needs an imputer fitted with add_indicator=True.")
        X = np.asarray(X)
        columns = np.arange(self.n_features_in_) if self.keep_empty_features else self._kept
        marked = self.indicator_.features_
        n_columns = len(columns) + len(marked)
        if X.ndim != 2 or X.shape[1] != n_columns:
            raise ValueError(f"X must have {n_columns} columns, got shape {X.shape}.")
        value = np.nan if is_nan(self.missing_values) else self.missing_values
        result = np.full((len(X), self.n_features_in_), value, X.dtype)
        result[:, columns] = X[:, : len(columns)]
        gaps = np.zeros(result.shape, bool)
        gaps[:, marked] = X[:, len(columns) :] != 0
        result[gaps] = value
        return result

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns of the output.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features of X. None takes those seen in `fit`, or x0, x1, ...

        Returns
        -------
        names : ndarray of str
            Names of the features, then `missingindicator_` and the name of each feature that the
            indicator marks.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        ValueError
            If the names do not match those seen in `fit`.
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        kept = names if self.keep_empty_features else names[self._kept]
        if self.indicator_ is None:
            return kept
        marked = [f"missingindicator_{name}" for name in names[self.indicator_.features_]]
        return np.concatenate([kept, np.array(marked, dtype=object)])

    def summary(self) -> str:
        """Return a description of the fitted imputer as text.

        Returns
        -------
        text : str
            A table of the densities with their weights, and lines on the samples, the errors of
            hidden cells (see `feature_errors_`), the autoencoder, and the time that `fit` took.

        Raises
        ------
        NotFittedError
            If the imputer is not fitted.
        """
        check_is_fitted(self)
        fitted = self.imputation_, self._record, self.n_iter_, self.feature_errors_
        return summary_text(*fitted, super().get_feature_names_out())

    def onnx_parser(self) -> None:
        """Raise TypeError: skl2onnx calls this method first, and an imputer cannot be converted.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "AutoencoderImputer cannot be exported to ONNX: the matrix that fills a sample depends "
            "on which of its cells are missing. Fill samples before they reach the graph, or "
            "export a SimpleImputer."
        )

    def __sklearn_is_fitted__(self):
        return "imputation_" in vars(self)

    def __getstate__(self):
        return _persistence.with_version(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(_persistence.read_state(self, state))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_nan(self.missing_values)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
