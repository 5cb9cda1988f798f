"""One vector, and the views of it that layers compute with."""

import numpy as np


class Parameters:
    """`flat`, laid out `[W_0 | W_1 | ... | b_0 | b_1 | ... | P_0 | P_1]`, and views of it.

    `layers` holds a pair `(W, b)` for each layer, `path` the matrices of the linear path.
    `trained` is the slice of all but the path, which stays as it started, `weights` that of
    all `W`: the part that weight decay acts on. Write into the views, never rebind them.
    """

    __slots__ = ("flat", "layers", "path", "path_shapes", "shapes", "trained", "weights")

    def __init__(self, shapes, path_shapes, flat):
        sizes = [n_in * n_out for n_in, n_out in shapes]
        sizes += [n_out for _, n_out in shapes]
        sizes += [n_in * n_out for n_in, n_out in path_shapes]
        pieces = np.split(flat, np.cumsum(sizes)[:-1])
        n_layers = len(shapes)
        self.shapes = shapes
        self.path_shapes = path_shapes
        self.flat = flat
        self.layers = tuple(
            (W.reshape(shape), b) for W, b, shape in zip(pieces, pieces[n_layers:], shapes)
        )
        self.path = tuple(P.reshape(shape) for P, shape in zip(pieces[2 * n_layers :], path_shapes))
        self.trained = flat[: sum(sizes[: 2 * n_layers])]
        self.weights = flat[: sum(sizes[:n_layers])]

    def __reduce__(self):
        """Save the vector alone: a copy of the views would no longer share its memory."""
        return Parameters, (self.shapes, self.path_shapes, self.flat)

    def empty_like(self):
        """Parameters of the same shapes around a new vector, its values undefined."""
        return Parameters(self.shapes, self.path_shapes, np.empty_like(self.flat))


def count_parameters(shapes, path_shapes):
    """Length of the vector that holds these shapes: sum of (n_in + 1) n_out, and the path."""
    n_layers = sum((n_in + 1) * n_out for n_in, n_out in shapes)
    return n_layers + sum(n_in * n_out for n_in, n_out in path_shapes)
