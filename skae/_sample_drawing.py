"""Samples drawn from a fitted autoencoder, all cells of them or those that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skae import _persistence
from skae._containers import FloatArray, column_names, features_in_container
from skae._missing.gaps import missing_cells
from skae._missing.one_hot import find_groups, mend_groups
from skae._network import inference
from skae._network.column_values import measure_column_values, restore_column_values
from skae._outliers.density import Density, fit_density
from skae._parametrized import warn
from skae._sample_density import fit_sample_density
from skae._sampling import evenly_spaced, generator
from skae._sparse import is_sparse
from skae._training.parameter_checks import check_range

MAX_KEPT_ROWS, MAX_KEPT_NUMBERS = 1000, 2**18  # of the training samples
MAX_ROWS, ROWS_PER_COMPONENT, MAX_COMPONENTS = 2000, 30, 16
MAX_COLUMNS = 1000  # of samples whose cells are drawn from kernels, given others
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
        given: ArrayLike | Mapping[Any, Any] | None = None,
    ) -> FloatArray:
        """Draw samples that resemble the training samples.

        Values stay in the range of the training samples. Discrete features keep their values,
        rounded ones their decimals, and of neighbouring columns that encode a category one-hot,
        exactly one is 1. Samples are drawn from kernels around at most 1,000 training samples,
        which the estimator keeps until `forget_samples`. A detector keeps none: it draws codes and
        residuals from a mixture. A variational autoencoder draws codes from the standard normal
        distribution, and noise as its `loss` says.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to draw, for each given sample if there are any.
        random_state : int, RandomState instance, Generator or None, default=None
            Determines the random numbers. Pass an int for reproducible results.
        given : array-like of shape (n_given, n_features), data frame or dict, default=None
            Samples with NaN in the cells to draw, given the other cells, which stay as they are. A
            data frame needs only some of the features, and so does a dict of values or lists by
            name or index, such as ``{"age": 40}``. See the user guide for how each estimator draws
            them.

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
            given = self._validate_given(given)
            given = np.repeat(given, int(n_samples), axis=0)
        rng = generator(random_state)
        missing = None if given is None else missing_cells(given)
        if given is None:
            X = self._draw(int(n_samples), rng)
            self._restore_values(X, np.ones(X.shape, bool))
        elif missing is None:
            X = given
        else:
            X = np.where(missing, self._draw_given(given, missing, rng), given).astype(given.dtype)
            self._restore_values(X, missing)
        return features_in_container(self, X, None)

    def forget_samples(self) -> Self:
        """Delete the training samples that the estimator keeps for `sample`.

        Call it before you save or hand on an estimator of confidential samples. All methods but
        `sample` answer as before; ``sample(given=X)`` draws as it does with more than 1,000.
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

    def _validate_given(self, given):
        """Return the given samples, with NaN in features that a frame or a dict does not have."""
        names, flat = column_names(self), self._model.parameters.flat
        has_names = isinstance(given, Mapping) or hasattr(given, "columns")
        if not has_names or (not isinstance(given, Mapping) and len(given.columns) >= len(names)):
            return self._validate_like(flat, given, "given")
        place = dict(enumerate(range(len(names)))) | {name: j for j, name in enumerate(names)}
        columns = {}
        for key in getattr(given, "columns", given):
            if key not in place:
                raise ValueError(f"given does not match X, which has no feature {key!r}.")
            try:
                columns[place[key]] = np.ravel(np.asarray(given[key], flat.dtype))
            except (TypeError, ValueError) as error:
                raise type(error)(f"given[{key!r}] must hold numbers. {error}") from error
        n_rows = max(map(len, columns.values()), default=1)
        samples = np.full((n_rows, len(names)), np.nan, flat.dtype)
        for j, values in columns.items():
            if len(values) not in (1, n_rows):
                raise ValueError(
                    f"given must have as many values of each feature: got {len(values)} of "
                    f"{names[j]!r}, expected {n_rows}."
                )
            samples[:, j] = values
        check_range(samples, self.loss, self.output_activation)
        return samples

    def _restore_values(self, X, missing):
        """Move missing cells, which were drawn, to values that training samples can have."""
        restored = X.copy()
        restore_column_values(restored, self._column_values)
        groups, bounds = self._column_values.get("groups", []), self._column_values["range"]
        mend_groups(restored, missing, groups, X, bounds)
        np.copyto(X, restored, where=missing)

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
        return {"_column_values": _values_of(X), "_sampling_rows": rows, "_sampling_density": None}

    def _code_density_attributes(self, result):
        """Return the same attributes with a density of codes and residuals.

        The density is a mixture for code and residual together, each component standardised. It
        is fitted to at most 2000 samples, so that it takes little of the time of a fit.
        """
        model = result.model
        X, _, weights = result.rows.arrays()
        attributes = {"_column_values": _values_of(X), "_sampling_rows": None}
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
        values = self._column_values or _values_of(result.rows.arrays()[0])
        none = {"_sampling_rows": None, "_sampling_density": None}
        return {"_column_values": values} | none


def _values_of(X):
    """Return the values of the columns of training samples, and the groups that are one-hot."""
    rows = X[evenly_spaced(len(X), MAX_KEPT_ROWS)]
    return measure_column_values(X) | {"groups": [] if is_sparse(X) else find_groups(rows)}
