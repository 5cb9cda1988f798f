"""What the three estimators share: validation, encode, decode, and the public methods."""

from contextlib import contextmanager
import math
from numbers import Integral, Real
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skae import _persistence
from skae._compat import (
    CallbackSupportMixin,
    Interval,
    RealNotInt,
    StrOptions,
    check_sample_weight,
    root_context,
)
from skae._containers import FLOATS, contain, floats
from skae._fitted import FEW_ROWS, FittedNetwork
from skae._network import spec
from skae._network.scaling import columns_on_another_scale
from skae._network.summary import layer_table
from skae._onnx import exporter
from skae._parallel import fit_slot, job_runner
from skae._sampling import evenly_spaced
from skae._training import component_search
from skae._training.callbacks import start_tasks
from skae._training.fit import Fit
from skae._training.loop import SCHEDULES
from skae._training.null_tasks import SILENCE
from skae.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from skae.losses import LOSSES
from skae.metrics import explained_variance
from skae.penalties import PENALTIES

GLANCE, JUDGED = 1000, 10_000  # rows


def is_plain(X, n_columns):
    """Tell a few rows that scikit-learn's checks would pass unchanged, in a tenth of their time."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.shape[1] == n_columns
        and 0 < len(X) <= FEW_ROWS
        and X.dtype in FLOATS
        and math.isfinite(np.vdot(X, X))  # of numbers too large to square scikit-learn judges
    )


def is_stochastic(estimator):
    """partial_fit exists for the solvers that go through the rows batch by batch."""
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is not available for solver='lbfgs'.")
    return True


class _BaseAutoencoder(
    FittedNetwork,
    exporter.OnnxExport,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Public methods validate, private ones compute."""

    nested = False  # for the estimator without the parameter
    _scale_per_feature = False
    _has_bottleneck = False
    _seeks_fewest_columns = True
    _is_calibrated = False

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"auto"} | set(ACTIVATIONS))],
        "solver": [StrOptions({"adam", "sgd", "shampoo", "lbfgs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state", np.random.Generator],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "averaging": [Interval(Real, 0, 1, closed="left")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "latent_activation": [StrOptions({"auto"} | set(ACTIVATIONS))],
        "output_activation": [StrOptions({"auto"} | OUTPUT_ACTIVATIONS)],
        "loss": [StrOptions(set(LOSSES))],
        "linear_path": [StrOptions({"pca"}), None],
        "sparsity": [StrOptions(set(PENALTIES)), None],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
    }

    # ---------------------------------------------------------------- fitting

    def _fit(self, X, sample_weight, X_val=None, X_clean=None):
        """Initialise, then train; nothing is set on self before both have gone well."""
        context = root_context(self)
        with self._unharmed():
            given = X, X_clean, sample_weight
            X = self._validate_training(X, reset=True)
            weights = self._validate_weights(sample_weight, X)
            if X_val is not None:
                X_val = self._validate_more(X_val, X, "X_val")
                self._compare_scales(X_val, X if weights.all() else X[weights > 0])
            X_clean = None if X_clean is None else self._validate_rows_of(X_clean, X, "X_clean")
            with fit_slot(), job_runner() as run_jobs:
                fit = Fit(self, X, weights, run_jobs, X_val=X_val, X_clean=X_clean)
                tasks = start_tasks(context, self, fit, given, (X, X_clean, weights))
                fit = component_search.run(fit, tasks)
                vars(self).update(fit.attributes())
                self._finish_fit(X, weights, fit, tasks)
            tasks.end()
        return self

    def _partial_fit(self, X, sample_weight, X_clean=None):
        """Train one pass, after initialising where there is no model yet."""
        self._validate_params()  # which scikit-learn leaves out once there is a model
        with self._unharmed():
            first = not hasattr(self, "theta_")
            X = self._validate_training(X, reset=first, ensure_min_samples=2 if first else 1)
            weights = self._validate_weights(sample_weight, X)
            X_clean = None if X_clean is None else self._validate_rows_of(X_clean, X, "X_clean")
            with job_runner() as run_jobs:
                fit = Fit(self, X, weights, run_jobs, X_clean=X_clean, resume=not first)
                fit.run_once()
                vars(self).update(fit.attributes())
                self._finish_fit(X, weights, fit, SILENCE)
        return self

    def _finish_fit(self, X, weights, fit, tasks=None):
        """What an estimator learns besides: called with the validated rows.

        `tasks` are told of trainings; without them there are none, for a passing glance, and
        a thousand rows are enough.
        """
        n_rows = GLANCE if tasks is None else JUDGED
        if len(X) > n_rows:
            chosen = evenly_spaced(len(X), n_rows)
            X, weights = X[chosen], weights[chosen]
            weights = weights if weights.any() else None
        self.reconstruction_err_ = float(np.average(self._mean_squared_errors(X), weights=weights))

    def _draw(self, weights, seed, resume):
        """The rows to learn from: their weights, and zero for those to leave out."""
        return weights

    def _training_weights(self, X, weights, seed, resume):
        """The weights that training takes: called with the rows it sees, before it begins."""
        return weights

    def _make_corruption(self, X):
        """The noise that training adds to X, None for none."""
        return None

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
        spec.check_range(X, self.loss)
        return X

    def _validate_weights(self, sample_weight, X):
        if sample_weight is None:
            return np.ones(len(X))
        return check_sample_weight(sample_weight, X)

    def _validate_more(self, X_more, X, name):
        """Rows given beside X: the same columns, the same dtype."""
        try:
            X_more = validate_data(self, X_more, reset=False, dtype=X.dtype)
            spec.check_range(X_more, self.loss)
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

    # ---------------------------------------------------------------- in notebooks

    # The names are IPython's protocol; scikit-learn's diagram stays as it is, and the layers
    # follow it once there are some.

    @property
    def _repr_html_(self):
        diagram = super()._repr_html_  # AttributeError where only text is to be displayed
        return lambda: diagram() + self._layers_html()

    def _repr_mimebundle_(self, **kwargs):
        output = super()._repr_mimebundle_(**kwargs)
        if "text/html" in output:
            output["text/html"] += self._layers_html()
        return output

    def _layers_html(self):
        if "architecture_" not in vars(self):
            return ""
        table = layer_table(self.architecture_, type(self).__name__)
        return f"<details><summary>Layers</summary>{table.to_html()}</details>"

    # ---------------------------------------------------------------- rows to send

    def _validate(self, X):
        """Check rows, and that there is a model for them."""
        fitted = vars(self)
        nameless = "theta_" in fitted and "feature_names_in_" not in fitted
        if nameless and is_plain(X, self.n_features_in_):
            return X
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=floats(X))

    # ---------------------------------------------------------------- files

    _needed_when_fitted = _persistence.NEEDED

    def __getstate__(self):
        return _persistence.stamped(super().__getstate__())

    def __setstate__(self, state):
        super().__setstate__(_persistence.checked(self, state, self._needed_when_fitted))

    # ---------------------------------------------------------------- export

    @property
    def _onnx_outputs(self):
        return {"code": self.n_components_}

    def _onnx_nodes(self, X):
        return [exporter.encode(self, X)]

    def _onnx_score_samples(self, X):
        return -exporter.squared_errors(self, X)

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
        return self._encode(self._validate(X))

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
            return contain(self, self._decode(X), X)
        code = check_array(X, dtype=floats(X), input_name="X")
        n_columns = code.shape[1]
        if n_columns > self.n_components_ or not self._is_decodable(n_columns):
            narrower = n_columns < self.n_components_
            hint = " Narrower codes need training with nested=True." if narrower else ""
            raise ValueError(
                f"X has {n_columns} columns, but a code of this {type(self).__name__} has "
                f"n_components_={self.n_components_}.{hint}"
            )
        return contain(self, self._decode(code), X)

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
            return contain(self, self._reconstruct(rows), X)
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
        return contain(self, self._reconstruct(rows, self._n_columns_read(int(n_components))), X)

    def _is_decodable(self, n_columns):
        return n_columns == self.n_components_ or self._network.nested

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
        return -self._mean_squared_errors(self._validate(X))

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
        return explained_variance(X, self._reconstruct(X), self._validate_weights(sample_weight, X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.positive_only = self.loss in LOSSES and LOSSES[self.loss].lowest == 0
        return tags
