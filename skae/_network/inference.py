"""Rows through the network of a fitted model: there and back, or half the way, in blocks."""

import numpy as np

from skae._kernels import bind
from skae._network.network import Workspace

OFTEN = 4  # blocks


class Pass:
    """Sends up to n_rows rows at a time through layers `first` to `last`, scaled beforehand.

    `size`, `reach` and `steady` are as for a workspace. `unscale`, if given, is the scaling to
    undo on the output.
    """

    def __init__(
        self,
        network,
        parameters,
        scaling,
        first=0,
        last=None,
        size=None,
        reach=None,
        unscale=None,
        *,
        n_rows,
        steady=False,
    ):
        self.scalings = scaling, unscale
        self.workspace = Workspace(network, parameters, n_rows, first, last, size, reach, steady)
        width = network.widths[first]
        if first == network.n_encoder_layers:
            width = self.workspace.n_columns_read
        self.room = np.zeros((n_rows, width), parameters.flat.dtype)
        self.bound = {}

    def __call__(self, rows):
        """Return the rows' output, which the next call overwrites."""
        n_rows = len(rows)
        if n_rows not in self.bound:
            self.bound[n_rows] = self._bind(n_rows)
        room, calls, output, scaling, unscale = self.bound[n_rows]
        scaling.apply(rows, room[:, : rows.shape[1]])
        for call in calls:
            call()
        if unscale is not None:
            unscale.undo(output)
        return output

    def _bind(self, n_rows):
        scalings = self.scalings
        if self.workspace.steady:
            scalings = [scaling and scaling.written_out(n_rows) for scaling in scalings]
        room = self.room[:n_rows]
        output = self.workspace.outputs[self.workspace.last][:n_rows]
        return room, bind(self.workspace.forward(room)), output, *scalings


def blocks(X, *path, n_rows=512, **options):
    """Send X through some layers, a block of rows at a time, as `Pass(*path, **options)` does.

    Yield each block's slice of X and its output, which the next block overwrites: memory does
    not grow with the rows of X.
    """
    n_rows = max(min(n_rows, len(X)), 1)
    send = Pass(*path, n_rows=n_rows, steady=len(X) >= OFTEN * n_rows, **options)
    for start in range(0, len(X), n_rows):
        rows = slice(start, min(start + n_rows, len(X)))
        yield rows, send(X[rows])
