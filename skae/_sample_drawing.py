"""Samples drawn from a fitted autoencoder: by a density of its codes and residuals."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae import _persistence
from skae._containers import FloatArray, features_in_container
from skae._network import inference
from skae._network.column_values import measure_column_values, restore_column_values
from skae._outliers.density import Density, fit_density
from skae._outliers.drawing import draw_from_density
from skae._sampling import evenly_spaced, generator
from skae._sparse import MAX_MEASURED_NUMBERS, measured_rows

MAX_ROWS, ROWS_PER_COMPONENT, MAX_COMPONENTS = 2000, 30, 16
MAX_PRODUCTS = 2 * 10**7  # n_rows n_columns**2 n_components: a tenth of a second


class SampleDrawing:
    """Mixin with the method `sample`, and what `fit` learns for it."""

    _column_values: dict | None = None
    _sampling_density: dict | None = None

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
    ) -> FloatArray:
        """Draw samples that resemble the training samples.

        Codes and residuals are drawn from a mixture of normal distributions that `fit` has fitted
        to them, and the codes are decoded. A variational autoencoder draws codes from the standard
        normal distribution instead, and noise as its `loss` says. Values stay in the range of the
        training samples; those of a discrete feature are among its values.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to draw.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines the random numbers. Pass an int for reproducible results.

        Returns
        -------
        X : ndarray or data frame of shape (n_samples, n_features)
            Samples that were drawn, in the units of the training samples. A data frame if
            `inverse_transform` returns one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the number of samples is not a positive integer.
        AttributeError
            If the model was last trained by `partial_fit`, which fits no density, or by `fit` on
            sparse samples with more than 2097 features.
        """
        check_is_fitted(self)
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be an int of at least 1, got {n_samples!r}.")
        X = self._draw(int(n_samples), generator(random_state))
        restore_column_values(X, self._column_values)
        return features_in_container(self, X, None)

    def _draw(self, n_samples, rng):
        """Return samples whose values may still be out of range."""
        if self._sampling_density is None:
            raise AttributeError(
                "sample needs a density of the codes, which fit learns unless X is sparse and has "
                f"more than {MAX_MEASURED_NUMBERS // MAX_ROWS} features, and partial_fit does not "
                "learn. Call fit on such X, or use a VariationalAutoencoder."
            )
        state, model = self._sampling_density, self._model
        drawn = draw_from_density(Density.from_dict(state["density"]), n_samples, rng)
        drawn *= state["scale"]
        drawn += state["mean"]
        code, residuals = np.split(drawn, [self.n_components_], axis=1)
        X = inference.decode(model, code.astype(model.parameters.flat.dtype))
        X += residuals
        return X

    def _sampling_attributes(self, result):
        """Return what `sample` needs as private attributes, learned from the training samples.

        The density is a mixture for code and residual together, each component standardised. It
        is fitted to at most 2000 samples, so that it takes little of the time of a fit.
        """
        model = result.model
        X, _, weights = result.rows.arrays()
        attributes = {"_column_values": measure_column_values(X)}
        chosen = evenly_spaced(len(X), MAX_ROWS)
        X, weights = X[chosen], weights[chosen]
        if measured_rows(X, MAX_ROWS) < MAX_ROWS:
            return attributes | {"_sampling_density": None}
        X = np.asarray(X)
        code = inference.encode(model, X)
        both = np.hstack([code, X - inference.decode(model, code)]).astype(np.float64)
        mean = np.average(both, axis=0, weights=weights)
        both -= mean
        scale = np.sqrt(np.average(np.square(both), axis=0, weights=weights))
        scale = np.where(scale > 0, scale, 1.0)
        both /= scale
        n_components = min(
            MAX_PRODUCTS // (both.size * both.shape[1]), len(X) // ROWS_PER_COMPONENT
        )
        sizes = [min(max(n_components, 1), MAX_COMPONENTS)]
        settings = np.random.default_rng(result.seeds.samples), sizes
        n_columns = both.shape[1]
        given = np.zeros((n_columns, 0)), both, weights, np.ones(len(X)), np.zeros(n_columns)
        density = fit_density(*given, settings).asdict()
        state = {"mean": mean, "scale": scale, "density": density}
        attributes["_sampling_density"] = _persistence.in_file_order(state)
        return attributes

    def _updated_sampling_attributes(self, result):
        """Return the same after `partial_fit`: without a density, which takes as long as a pass."""
        values = self._column_values or measure_column_values(result.rows.arrays()[0])
        return {"_column_values": values, "_sampling_density": None}
