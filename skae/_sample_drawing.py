"""Samples drawn from a fitted autoencoder, all cells of them or those that are missing."""

from __future__ import annotations

from numbers import Integral
from typing import Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skae import _persistence
from skae._containers import FloatArray, features_in_container
from skae._missing.gaps import missing_cells
from skae._network import inference
from skae._network.column_values import measure_column_values, restore_column_values
from skae._outliers.density import Density, fit_density
from skae._parametrized import warn
from skae._sample_density import MAX_COLUMNS, fit_sample_density
from skae._sampling import evenly_spaced, generator

MAX_KEPT_ROWS, MAX_KEPT_NUMBERS = 1000, 2**18  # of the training samples
MAX_ROWS, ROWS_PER_COMPONENT, MAX_COMPONENTS = 2000, 30, 16
MAX_PRODUCTS = 2 * 10**7  # n_rows n_columns**2 n_components: a tenth of a second

_densities = WeakKeyDictionary()  # fitted when `sample` needs them, with the samples behind them


class SampleDrawing:
    """Mixin with the method `sample`, and what `fit` learns for it."""

    _column_values: dict | None = None
    _sampling_rows: dict | None = None
    _sampling_density: dict | None = None

    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        *,
        given: ArrayLike | None = None,
    ) -> FloatArray:
        """Draw samples that resemble the training samples.

        Values stay in the range of the training samples. Those of a discrete feature are among its
        values, and those of a rounded one have as many decimals. Samples are drawn from kernels
        around at most 1,000 training samples, which the estimator keeps until `forget_samples`;
        held-out samples choose their shape and bandwidth in the first call. A detector keeps none:
        it draws codes and residuals from a mixture that `fit` has fitted, and decodes the codes. A
        variational autoencoder draws codes from the standard normal distribution, and noise as its
        `loss` says.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to draw, for each given sample if there are any.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines the random numbers. Pass an int for reproducible results.
        given : array-like of shape (n_given, n_features), default=None
            Samples with NaN in the cells to draw, given the other cells, which stay as they are. A
            variational autoencoder draws codes from their distribution given the observed cells. A
            detector, and other estimators with more than 64 features, draw from the normal
            distribution by which missing cells of new samples are filled: discrete features then do
            not depend on each other as categories do.

        Returns
        -------
        X : ndarray or data frame of shape (n_samples, n_features)
            Samples that were drawn, in the units of the training samples. With given samples, the
            draws for the first of them come first. A data frame if `inverse_transform` returns one.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the number of samples is not a positive integer, or the given samples do not match
            the training samples.
        AttributeError
            If there are no samples, after `partial_fit` or `forget_samples`. A variational
            autoencoder needs none.
        """
        check_is_fitted(self)
        if isinstance(n_samples, bool) or not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be an int of at least 1, got {n_samples!r}.")
        if given is not None:
            given = self._validate_like(self._model.parameters.flat, given, "given")
            given = np.repeat(given, int(n_samples), axis=0)
        rng = generator(random_state)
        missing = None if given is None else missing_cells(given)
        if given is None:
            X = self._draw(int(n_samples), rng)
            restore_column_values(X, self._column_values)
        elif missing is None:
            X = given
        else:
            drawn = self._draw_given(given, missing, rng).astype(given.dtype)
            restore_column_values(drawn, self._column_values)
            X = np.where(missing, drawn, given)
        return features_in_container(self, X, None)

    def forget_samples(self) -> Self:
        """Delete the training samples that the estimator keeps for `sample`.

        Call it before you save or hand on an estimator of confidential samples. All methods but
        `sample` answer as before; ``sample(given=X)`` draws as it does with more than 64 features.
        Values of single features remain: the extremes of each, and those of discrete features.

        Returns
        -------
        self : object
            The estimator itself.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(self)
        self._sampling_rows = None
        _densities.pop(self, None)
        return self

    def _draw(self, n_samples, rng):
        """Return samples whose values may still be out of range."""
        dtype = self._model.parameters.flat.dtype
        if self._sampling_rows is not None:
            return self._sample_density.draw(n_samples, rng).astype(dtype)
        if self._sampling_density is None:
            raise AttributeError(
                "sample needs training samples, which are not kept after partial_fit and "
                "forget_samples: call fit, or use a VariationalAutoencoder."
            )
        state = self._sampling_density
        drawn = Density.from_dict(state["density"]).draw(n_samples, rng)
        drawn *= state["scale"]
        drawn += state["mean"]
        code, residuals = np.split(drawn, [self.n_components_], axis=1)
        X = inference.decode(self._model, code.astype(dtype))
        X += residuals
        return X

    def _draw_given(self, X, missing, rng):
        """Return samples with missing cells drawn, whose values may still be out of range."""
        if self._sampling_rows is not None and X.shape[1] <= MAX_COLUMNS:
            return self._sample_density.complete(X, missing, rng)
        if self._sampling_rows is not None:
            self._warn_of_discrete(missing)
        gaussian = self._gaussian
        Z = np.where(missing, 0, (X - gaussian.mean) / gaussian.scale)
        return gaussian.mixture.draws(Z, missing, 1, rng)[0] * gaussian.scale + gaussian.mean

    def _warn_of_discrete(self, missing):
        """Warn if cells of discrete features are drawn from a normal distribution."""
        kinds = self._column_values["values"]
        is_discrete = np.array([not (kind is None or isinstance(kind, int)) for kind in kinds])
        n_drawn = np.count_nonzero(is_discrete & missing.any(axis=0))
        if n_drawn:
            warn(
                f"given has missing cells in {n_drawn} discrete features. As X has more than "
                f"{MAX_COLUMNS} features, they are drawn from a normal distribution and rounded to "
                "training values: columns of one category may be all zero, or several of them 1.",
            )

    @property
    def _sample_density(self):
        """Return the density of the samples that were kept, fitted once for these."""
        state = self._sampling_rows
        known, density = _densities.get(self, (None, None))
        if known is not state:
            density = fit_sample_density(state["X"].astype(np.float64), state["weights"], 0)
            _densities[self] = state, density
        return density

    def _sampling_attributes(self, result):
        """Return what `sample` needs as private attributes: samples to fit a density to.

        Wide samples are fewer: at most 262,144 numbers are kept.
        """
        X, _, weights = result.rows.arrays()
        present = np.flatnonzero(weights)
        n_kept = min(MAX_KEPT_ROWS, max(MAX_KEPT_NUMBERS // X.shape[1], 2))
        kept = present[evenly_spaced(len(present), n_kept)]
        rows = {"X": np.asarray(X[kept]), "weights": weights[kept]}
        values = measure_column_values(X)
        return {"_column_values": values, "_sampling_rows": rows, "_sampling_density": None}

    def _code_density_attributes(self, result):
        """Return the same attributes with a density of codes and residuals.

        The density is a mixture for code and residual together, each component standardised. It
        is fitted to at most 2000 samples, so that it takes little of the time of a fit.
        """
        model = result.model
        X, _, weights = result.rows.arrays()
        attributes = {"_column_values": measure_column_values(X), "_sampling_rows": None}
        chosen = evenly_spaced(len(X), MAX_ROWS)
        X, weights = X[chosen], weights[chosen]
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
        none = {"_sampling_rows": None, "_sampling_density": None}
        return {"_column_values": values} | none
