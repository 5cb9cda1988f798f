"""L-BFGS across calls: an inverse Hessian in factors, from steps and changes of the gradient."""

import math

MAX_PAIRS = 10  # as many as SciPy's L-BFGS-B keeps
MIN_CURVATURE = 1e-12  # of s'y, relative to y'y


class InverseHessian:
    """The BFGS estimate of the inverse Hessian, H = S S', as the product S of rank-one factors.

    `pairs` are steps s and the changes y that these brought to the gradient, oldest first. From
    H = gamma I, gamma = s'y / y'y of the last pair, each pair updates

        S <- (I - s v') S,  v = y / s'y + B s / sqrt(s'y s'B s),  B = inverse of H,

    which is the BFGS formula (Brodlie, Gourlay & Greenstadt, 1973, J. Inst. Maths Applics 11,
    "Rank-one and rank-two corrections to positive definite matrices expressed in product form").
    """

    def __init__(self, pairs):
        s, y = pairs[-1]
        self.root = math.sqrt(float(s @ y) / float(y @ y))
        self.factors = []
        for s, y in pairs:
            Bs = self.solve_transposed(self.solve(s))
            sy, sBs = float(s @ y), float(s @ Bs)
            v = y / sy + Bs / math.sqrt(sy * sBs)
            self.factors.append((s, v, 1 - float(v @ s)))

    def apply(self, u):
        x = self.root * u
        for s, v, _ in self.factors:
            x -= s * float(v @ x)
        return x

    def apply_transposed(self, g):
        g = g.copy()
        for s, v, _ in reversed(self.factors):
            g -= v * float(s @ g)
        g *= self.root
        return g

    def solve(self, x):
        """Return u such that S u = x."""
        x = x.copy()
        for s, v, pivot in reversed(self.factors):
            x += s * (float(v @ x) / pivot)
        return x / self.root

    def solve_transposed(self, u):
        """Return g such that S' g = u."""
        g = u / self.root
        for s, v, pivot in self.factors:
            g += v * (float(s @ g) / pivot)
        return g


class PairCollector:
    """Adds a pair to `pairs` for each iteration, and keeps the last MAX_PAIRS.

    A point is accepted right after it has been evaluated. The first one evaluated is the start.
    """

    def __init__(self, pairs):
        self.pairs = pairs
        self.accepted_point = self.last_point = None

    def evaluated(self, x, gradient):
        self.last_point = x.copy(), gradient.copy()
        if self.accepted_point is None:
            self.accepted_point = self.last_point

    def accepted(self):
        """Add the pair of the iteration that ends at the last point."""
        s, y = (now - before for now, before in zip(self.last_point, self.accepted_point))
        self.accepted_point = self.last_point
        if float(s @ y) > MIN_CURVATURE * float(y @ y):
            self.pairs.append((s, y))
            del self.pairs[:-MAX_PAIRS]
