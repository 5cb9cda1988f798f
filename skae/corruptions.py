"""Noise on the input: `corrupt(X, out, rng)` writes a noisy copy of X; X is untouched."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


class Corruption(ABC):
    """A way to spoil rows, in the units of X."""

    @abstractmethod
    def corrupt(self, X, out, rng):
        """Write a corrupted copy of X into out."""


@dataclass(frozen=True)
class Masking(Corruption):
    """Each cell becomes 0 with probability `level`.

    Vincent, Larochelle, Bengio & Manzagol, 2008, ICML, section 2.3.
    """

    level: float

    def corrupt(self, X, out, rng):
        np.multiply(X, rng.random(X.shape, dtype=np.float32) >= self.level, out=out)


@dataclass(frozen=True)
class Gaussian(Corruption):
    """Each cell gains a normal number with standard deviation `level`."""

    level: float

    def corrupt(self, X, out, rng):
        rng.standard_normal(out=out, dtype=out.dtype)
        out *= self.level
        out += X


@dataclass(frozen=True)
class SaltPepper(Corruption):
    """Each cell becomes, with probability `level`, its column's least or greatest value."""

    level: float
    lowest: np.ndarray
    highest: np.ndarray

    def corrupt(self, X, out, rng):
        draws = rng.random(X.shape, dtype=np.float32)
        np.copyto(out, X)
        np.copyto(out, self.highest, where=draws < self.level)
        np.copyto(out, self.lowest, where=draws < 0.5 * self.level)


@dataclass(frozen=True)
class Swap(Corruption):
    """Each cell takes, with probability `level`, the value of its column in another row."""

    level: float
    X: np.ndarray

    def corrupt(self, X, out, rng):
        rows = rng.integers(0, len(self.X), size=X.shape)
        swapped = np.take_along_axis(self.X, rows, axis=0)
        np.copyto(out, X)
        np.copyto(out, swapped, where=rng.random(X.shape, dtype=np.float32) < self.level)


@dataclass(frozen=True)
class UserNoise(Corruption):
    """Whatever the user's function of (X, rng) returns."""

    function: Callable

    def corrupt(self, X, out, rng):
        noisy = np.asarray(self.function(X.copy(), rng))
        if noisy.shape != X.shape or noisy.dtype.kind not in "fiub":
            raise ValueError(
                f"noise must return numbers in the shape it was given, {X.shape}, got "
                f"{noisy.dtype} in {noisy.shape}."
            )
        if not np.isfinite(noisy).all():
            raise ValueError("noise must return finite numbers, got NaN or infinity.")
        np.copyto(out, noisy, casting="same_kind")


CORRUPTIONS = {
    "masking": Masking,
    "gaussian": Gaussian,
    "salt_pepper": SaltPepper,
    "swap": Swap,
}
