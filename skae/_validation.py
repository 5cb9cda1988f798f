"""Validation of the samples, the groups and the splits that the user passes."""

import numpy as np
from scipy.sparse import issparse

from skae._compat import check_sample_weight
from skae._containers import floats, is_missing, validate
from skae._network.initialization import MAX_DENSE_SIDE
from skae._sampling import evenly_spaced
from skae._sparse import SparseRows, is_sparse, like
from skae._training.parameter_checks import check_range
from skae._training.splitting import GivenSplits

MAX_SPLITS = 10  # that are used; each is a training of its own


class ValidatesSamples:
    """Mixin that validates samples: arrays, which may contain NaN, or sparse ones."""

    _reads_sparse = True
    output_activation = "auto"  # for the estimators without this parameter

    def _validate_training(self, X, reset, ensure_min_samples=2):
        if issparse(X) and self._needs_dense():
            raise TypeError(f"X is sparse, but {self._needs_dense()}, or pass X.toarray().")
        options = {"dtype": floats(X), "ensure_min_samples": ensure_min_samples}
        X = self._validate_samples(X, reset=reset, **options)
        check_range(X, self.loss, self.output_activation)
        return X

    def _needs_dense(self):
        """Return why X cannot be sparse in training, and what to do; else an empty string."""
        if isinstance(self.solver, str) and self.solver == "lbfgs":
            return "solver='lbfgs' trains on all samples at once. Choose another solver"
        return ""

    def _validate_samples(self, X, **options):
        options |= {"ensure_all_finite": "allow-nan"}
        X = validate(self, X, accept_sparse="csr" if self._reads_sparse else False, **options)
        if not issparse(X):
            return X
        if np.isnan(X.data).any():
            raise ValueError(
                "X is sparse and contains NaN. Missing cells can be filled only in dense X: pass "
                "X.toarray(), or fill them first."
            )
        return SparseRows.of(X)

    def _validate_weights(self, sample_weight, X):
        if sample_weight is None:
            return np.ones(len(X))
        return check_sample_weight(sample_weight, X)

    def _validate_like(self, X, samples, name):
        try:
            samples = self._validate_samples(samples, reset=False, dtype=X.dtype)
            check_range(samples, self.loss, self.output_activation)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} does not match X. {error}") from error
        return samples

    def _validate_paired(self, X, samples, name):
        samples = self._validate_like(X, samples, name)
        if len(samples) != len(X):
            raise ValueError(
                f"{name} must have as many samples as X: got {len(samples)}, expected {len(X)}."
            )
        check_values(samples, name)
        return like(X, samples)


def check_values(samples, name):
    if not is_sparse(samples) and np.isnan(samples[:1]).all() and np.isnan(samples).all():
        raise ValueError(f"{name} holds nothing but NaN.")


def check_directions(X, network):
    n_features = X.shape[1]
    if is_sparse(X) and network.is_share and n_features > MAX_DENSE_SIDE:
        raise ValueError(
            f"n_components={network.n_components!r} needs all principal directions of X. If X is "
            f"sparse, these are computed for at most {MAX_DENSE_SIDE} features, got {n_features}. "
            "Pass an int."
        )


def number_groups(groups, n_samples):
    labels = np.asarray(groups)
    if labels.ndim != 1 or len(labels) != n_samples:
        raise ValueError(
            f"groups must have one label for each sample of X, shape ({n_samples},), got shape "
            f"{labels.shape}."
        )
    missing = np.flatnonzero(_is_missing(labels))
    if len(missing):
        raise ValueError(
            f"groups must have a label for each sample, but {len(missing)} are missing (None or "
            f"NaN), the first in sample {missing[0]}. Give samples of unknown groups labels of "
            "their own."
        )
    try:
        return np.unique(labels, return_inverse=True)[1].ravel()
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels})
        raise TypeError(
            f"groups must have labels of one kind, such as all int or all str, got {kinds}."
        ) from error


def _is_missing(labels):
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype.kind in "mM":
        return np.isnat(labels)
    if labels.dtype.kind != "O":
        return np.zeros(len(labels), bool)
    return np.array([is_missing(label) for label in labels], bool)


def read_splits(validation_split, X, y, groups, weights):
    """Return the GivenSplits of a splitter or of an iterable of pairs of indices.

    Of more than MAX_SPLITS splits so many are used, evenly spaced. Raise ValueError if a split is
    invalid for samples with these weights.
    """
    numbers = None if groups is None else number_groups(groups, len(weights))
    if validation_split is None:
        return GivenSplits(numbers)
    if hasattr(validation_split, "split"):
        n_splits = validation_split.get_n_splits(X, y, groups)
        pairs = validation_split.split(X, y, groups)
    else:
        pairs = list(validation_split)
        n_splits = len(pairs)
    if not n_splits:
        raise ValueError(
            "validation_split has no splits. If it is an iterator, it can be read only once: pass "
            "a list."
        )
    used = set(evenly_spaced(n_splits, MAX_SPLITS).tolist())
    splits = [_read_split(pair, k, weights) for k, pair in enumerate(pairs) if k in used]
    for k, (trained, held_out) in zip(sorted(used), splits):
        if numbers is not None and np.isin(numbers[trained], numbers[held_out]).any():
            raise ValueError(
                f"Split {k} of validation_split has samples of one group on both sides. With "
                "groups, use a splitter that keeps them together, such as GroupKFold or "
                "GroupShuffleSplit."
            )
    return GivenSplits(numbers, tuple(splits))


def _read_split(pair, k, weights):
    try:
        sides = [np.asarray(side) for side in pair]
    except TypeError:
        sides = []
    if len(sides) != 2:
        raise ValueError(
            f"Split {k} of validation_split must be a pair of arrays, the indices of the samples "
            f"to train on and those of the samples to hold out, got {pair!r:.80}."
        )
    trained, held_out = (_mask(side, k, len(weights)) for side in sides)
    if (trained & held_out).any():
        raise ValueError(
            f"Split {k} of validation_split has {np.sum(trained & held_out)} samples on both sides."
        )
    for mask, n_needed, use in ((trained, 2, "train on"), (held_out, 1, "hold out")):
        n_found = np.count_nonzero(weights[mask])
        if n_found < n_needed:
            raise ValueError(
                f"Split {k} of validation_split has {n_found} samples with a weight to {use}; at "
                f"least {n_needed} are needed."
            )
    return trained, held_out


def _mask(indices, k, n_samples):
    if indices.dtype == bool and indices.shape == (n_samples,):
        return indices.copy()
    if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
        raise ValueError(
            f"Split {k} of validation_split must consist of one-dimensional arrays of indices, got "
            f"an array of {indices.dtype} with shape {indices.shape}."
        )
    indices = indices.astype(int)
    outside = indices[(indices < 0) | (indices >= n_samples)]
    if len(outside):
        raise ValueError(
            f"Split {k} of validation_split has the index {outside[0]}, but X has {n_samples} "
            "samples. In searches and in cross-validation pass a splitter instead of indices."
        )
    mask = np.zeros(n_samples, bool)
    mask[indices] = True
    if np.count_nonzero(mask) < len(indices):
        raise ValueError(
            f"Split {k} of validation_split has an index twice. To count a sample several times, "
            "pass sample_weight."
        )
    return mask
