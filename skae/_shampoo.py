"""Shampoo on one side of each matrix, with the lengths of Adam's steps."""

from dataclasses import dataclass
from functools import partial
import math

import numpy as np

from skae._network.parameters import views
from skae.optimizers import Adam, pieces

LARGEST = 2048  # rows of a curvature: beyond, its eigenvectors take seconds
EVERY, ROOTS_EVERY = 5, 50
FIRST = 32
MEMORY = 0.95
DAMPING = 1e-2
TINY = 1e-30


@dataclass(frozen=True)
class Shampoo(Adam):
    """W -= |U| D / |D|,  D = C**(-1/2) M,  U the step of Adam for the matrix W.

    M is the running mean of the gradient G of W, and C that of G G' where W has no more rows
    than columns; otherwise D = M C**(-1/2) with the mean of G' G. That is one side of the
    preconditioner of Gupta, Koren & Singer, 2018, arXiv 1802.09568, algorithm 1, which has the
    power -1/2 where it is alone. The lengths are those of Adam (grafting: Agarwal, Anil,
    Hazan, Koren & Zhang, 2020, arXiv 2002.11803), so Adam's learning rates serve. C is updated
    in every fifth step and its root made in every fiftieth, both more often at first.

    `shapes` are those of the matrices that the vector begins with. What follows them takes the
    steps of Adam, and so do matrices with more than 2048 rows and columns.
    """

    prepares = True

    shapes: tuple[tuple[int, int], ...] = ()

    def init(self, theta):
        """Return the state before the first step; the roots begin as identities."""
        n_values = sum(side**2 for side in self._sides())
        curvatures, roots = np.zeros((2, n_values), theta.dtype)
        for root in self._squares(roots):
            np.fill_diagonal(root, 1)
        return super().init(theta) | {"curvatures": curvatures, "roots": roots}

    def parts(self, theta, gradient, state, *factors, n_least=1):
        """Yield the slice of each matrix and its step, then those of what follows them."""
        roots = self._squares(state["roots"])
        state = {key: state[key] for key in ("first", "second")}
        room = np.empty_like(gradient)
        start = 0
        for shape, root in zip(self.shapes, roots, strict=True):
            of = slice(start, start + math.prod(shape))
            start = of.stop
            of_matrix = pieces(of, theta, gradient, state)
            yield of, self._step_of_matrix(shape, root, room[of], *of_matrix, *factors)
        of = slice(start, theta.size)
        yield of, self.step(*pieces(of, theta, gradient, state), *factors)

    def _step_of_matrix(self, shape, root, room, theta, gradient, state, *factors):
        """Yield the calls of a matrix: Adam's, then another direction of the same length."""
        yield from self.update(gradient, state, *factors)
        if root.size:
            mean, direction = state["first"].reshape(shape), room.reshape(shape)
            length, other = (np.zeros((), theta.dtype) for _ in range(2))
            if _is_left(shape):
                yield root.dot, mean, direction
            else:
                yield mean.dot, root, direction
            yield gradient.dot, gradient, length
            yield room.dot, room, other
            yield np.add, other, TINY, other
            yield np.divide, length, other, length
            yield np.sqrt, length, length
            yield np.multiply, room, length, gradient
        yield np.subtract, theta, gradient, theta

    def prepare(self, gradient, state, run_jobs):
        """Update the curvatures and make their roots, where the step is one of those.

        `run_jobs` does the jobs that it takes.
        """
        t = state["t"]
        is_power_of_two = t & (t - 1) == 0
        makes_roots = t % ROOTS_EVERY == 0 or (t <= FIRST and is_power_of_two)
        if not (makes_roots or t % EVERY == 0):
            return
        matrices = views(gradient, self.shapes)
        curvatures, roots = (self._squares(state[key]) for key in ("curvatures", "roots"))
        run_jobs(
            [
                partial(_prepare, G, C, root, min(MEMORY, 1 - 1 / t), makes_roots)
                for G, C, root in zip(matrices, curvatures, roots)
                if root.size
            ]
        )

    def _sides(self):
        sides = [min(shape) for shape in self.shapes]
        return [side if side <= LARGEST else 0 for side in sides]

    def _squares(self, vector):
        return views(vector, [(side, side) for side in self._sides()])


def _is_left(shape):
    return shape[0] <= shape[1]


def _prepare(G, C, root, memory, makes_root):
    """C = memory C + (1 - memory) G G';  root = (C / c + damping)**(-1/2), c its mean diagonal."""
    C *= memory
    C += (1 - memory) * (G @ G.T if _is_left(G.shape) else G.T @ G)
    size = float(C.trace()) / len(C)
    if makes_root and 0 < size < math.inf:
        values, vectors = np.linalg.eigh(C / size)
        root[...] = (vectors / np.sqrt(np.maximum(values, 0) + DAMPING)) @ vectors.T
