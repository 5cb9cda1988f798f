"""Sparse samples: rows of a CSR matrix that are made dense a block at a time.

NumPy reads `SparseRows` as a dense array, so that code for a block of samples works for both.
Whatever needs all samples has a form for sparse ones, which reads their entries.
"""

import numpy as np
from scipy import sparse

from skae._sampling import row_slices

MAX_DENSE_NUMBERS = 2**19  # of a block of rows in a pass: 4 MiB in float64
MAX_MEASURED_NUMBERS = 2**22  # of rows that are measured together
MIN_BLOCK_ROWS = 16
MAX_ENTRIES = 2**18  # that are weighted and summed at once


class SparseRows:
    """Rows of a matrix in CSR format, chosen by an index and not copied.

    They have what the package uses of a two-dimensional array. An index selects rows, again without
    a copy; a number selects one row, as a dense vector.
    """

    ndim = 2

    def __init__(self, matrix, index=None):
        self.matrix, self.index = matrix, index

    @classmethod
    def of(cls, matrix):
        """Return the rows of a sparse matrix or array of any format."""
        matrix = matrix.tocsr()
        if not matrix.has_canonical_format or not np.all(matrix.data):
            matrix = matrix.copy()
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        return cls(matrix)

    def __len__(self):
        return self.matrix.shape[0] if self.index is None else len(self.index)

    @property
    def shape(self):
        return len(self), self.matrix.shape[1]

    @property
    def size(self):
        return len(self) * self.matrix.shape[1]

    @property
    def dtype(self):
        return self.matrix.dtype

    @property
    def csr(self):
        """Return the rows as a matrix in CSR format, a copy unless they are all rows in order."""
        return self.matrix if self.index is None else self.matrix[self.index]

    def __getitem__(self, rows):
        if isinstance(rows, int | np.integer):
            return self[[rows]].csr.toarray()[0]
        index = np.arange(len(self)) if self.index is None else self.index
        return SparseRows(self.matrix, index[rows])

    def take(self, indices, axis=0, out=None, mode="raise"):
        """Return rows as a dense array, or write them into `out`: see `numpy.take`."""
        rows = indices if self.index is None else self.index[indices]
        return self.matrix[rows].toarray(out=out)

    def __array__(self, dtype=None, copy=None):
        dense = self.csr.toarray()
        return dense if dtype is None else dense.astype(dtype, copy=False)

    def astype(self, dtype, copy=True):
        """Return the rows in another dtype; those of the same dtype without a copy."""
        return SparseRows(self.matrix.astype(dtype, copy=False), self.index)

    def min(self, axis=0):
        return self._reduced(np.minimum)

    def max(self, axis=0):
        return self._reduced(np.maximum)

    def _reduced(self, extremum):
        """Return the minimum or the maximum of each column."""
        n_columns = self.shape[1]
        found = np.full(n_columns, -extremum(-np.inf, np.inf), self.dtype)
        counts = np.zeros(n_columns, int)
        for _, _, columns, values in self.entry_blocks():
            extremum.at(found, columns, values)
            counts += np.bincount(columns, minlength=n_columns)
        return np.where(counts < len(self), extremum(found, 0), found).astype(self.dtype)

    def entry_blocks(self):
        """Yield (slice of rows, numbers of the rows, columns, values) of the entries, in blocks."""
        csr = self.csr
        start = 0
        while start < len(self):
            most = csr.indptr[start] + MAX_ENTRIES
            stop = max(int(np.searchsorted(csr.indptr, most, side="right")) - 1, start + 1)
            entries = slice(csr.indptr[start], csr.indptr[stop])
            rows = np.repeat(np.arange(start, stop), np.diff(csr.indptr[start : stop + 1]))
            yield slice(start, stop), rows, csr.indices[entries], csr.data[entries]
            start = stop


def is_sparse(X):
    return isinstance(X, SparseRows)


def block_rows(X, n_rows):
    """Return the number of rows of X to make dense at once: `n_rows`, or fewer if X is sparse."""
    return _at_most(X, n_rows, MAX_DENSE_NUMBERS)


def measured_rows(X, n_rows):
    return _at_most(X, n_rows, MAX_MEASURED_NUMBERS)


def _at_most(X, n_rows, max_numbers):
    return min(n_rows, max(max_numbers // X.shape[1], MIN_BLOCK_ROWS)) if is_sparse(X) else n_rows


def fits_block(X):
    return len(X) <= block_rows(X, len(X))


def column_blocks(X):
    """Yield (slice of columns, block of all rows): sparse samples in parts, others at once."""
    if not is_sparse(X):
        yield slice(None), X
        return
    csc = X.csr.tocsc()
    n_columns = max(MAX_DENSE_NUMBERS // len(X), 1)
    for columns in row_slices(X.shape[1], n_columns):
        yield columns, csc[:, columns].toarray()


def column_means(X, weights, center, power):
    """Return the weighted column means of (X - center)**power of sparse samples, in float64.

    `power` is 1 or 2. A column without entries in some rows has the value zero there.
    """
    n_columns, total = X.shape[1], weights.sum()
    sums, present = np.zeros(n_columns), np.zeros(n_columns)
    for _, rows, columns, values in X.entry_blocks():
        powers = values - center[columns] if power == 2 else values.astype(np.float64)
        powers *= weights[rows] * powers if power == 2 else weights[rows]
        sums += np.bincount(columns, powers, minlength=n_columns)
        present += np.bincount(columns, weights[rows], minlength=n_columns)
    if power == 1:
        return sums / total - center
    return (sums + np.maximum(total - present, 0) * np.square(center)) / total


def extremes(X):
    """Return the least and the greatest value of samples, without NaN."""
    if not is_sparse(X):
        return np.fmin.reduce(X, axis=None), np.fmax.reduce(X, axis=None)
    values = X.csr.data
    if len(values) < X.size:
        return values.min(initial=0), values.max(initial=0)
    return values.min(), values.max()


def like(X, samples):
    if is_sparse(X) == is_sparse(samples):
        return samples
    return SparseRows.of(sparse.csr_matrix(samples)) if is_sparse(X) else np.asarray(samples)


def side_by_side(arrays):
    """Return sparse samples with the columns of several arrays of as many rows."""
    parts = [X.csr if is_sparse(X) else sparse.csr_matrix(X) for X in arrays]
    return SparseRows.of(sparse.hstack(parts, format="csr"))


def sorted_rows(X):
    """Return the order that sorts sparse rows as `numpy.unique` does, and which repeat another.

    Rows are compared by their first difference, column by column. The second array says of the rows
    in this order whether each equals the one before.
    """
    csr = X.csr

    def key(i):
        entries = slice(csr.indptr[i], csr.indptr[i + 1])
        pairs = zip(csr.indices[entries].tolist(), csr.data[entries].tolist())
        # Before the end of a row, where only zeros follow, comes what is negative.
        return [(1, -j, value) if value > 0 else (-1, j, value) for j, value in pairs] + [(0,)]

    keys = [key(i) for i in range(len(X))]
    order = sorted(range(len(X)), key=keys.__getitem__)
    repeats = [False] + [keys[a] == keys[b] for a, b in zip(order[1:], order)]
    return np.array(order), np.array(repeats)


def repeats_previous(X):
    """Return whether each row but the first equals the one before, sparse or not."""
    if not is_sparse(X):
        return ~np.any(X[1:] != X[:-1], axis=1)
    found = np.empty(len(X) - 1, bool)
    n_rows = measured_rows(X, len(X))
    for block in row_slices(len(found), n_rows):
        after = slice(block.start + 1, block.stop + 1)
        difference = X[after].csr - X[block].csr
        difference.eliminate_zeros()
        found[block] = np.diff(difference.indptr) == 0
    return found
