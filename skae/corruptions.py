"""Corruptions: noise that a denoising autoencoder adds to its training samples."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
import inspect
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from skae._kernels import Array
from skae._parametrized import Parametrized, Range, check_offers

__all__ = ["Corruption", "Gaussian", "Masking", "SaltPepper", "Swap", "UserNoise"]

PROBABILITY = Range(0, 1)


class Corruption(Parametrized, ABC):
    """Base class of corruptions, which write noisy copies of samples.

    The parameter `noise` of :class:`~skae.DenoisingAutoencoder` takes an instance, a name or a
    function. Subclasses implement `corrupt`; `for_samples` has a default. Make a subclass with
    parameters a frozen dataclass: its instances then compare by value.

    See Also
    --------
    skae.DenoisingAutoencoder : Learns to restore clean samples from noisy ones.

    Examples
    --------
    Multiply each value by a lognormal number:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from skae.corruptions import Corruption
    >>> @dataclass(frozen=True)
    ... class Lognormal(Corruption):
    ...     level: float = 0.1
    ...
    ...     def corrupt(self, X, out, rng):
    ...         rng.standard_normal(out=out, dtype=out.dtype)
    ...         out *= self.level
    ...         np.exp(out, out=out)
    ...         out *= X
    >>> X = np.array([[1.0, 0.0, -2.0]])
    >>> X_noisy = np.empty_like(X)
    >>> Lognormal(level=0.1).corrupt(X, X_noisy, np.random.default_rng(0))
    >>> X_noisy.round(2)
    array([[ 1.01,  0.  , -2.13]])
    """

    _optional = ()

    def for_samples(self, X: Array) -> "Corruption":
        """Return the corruption for a training set.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Training samples, in their own units; not to be changed.

        Returns
        -------
        corruption : Corruption
            The corruption itself by default; a copy that holds what it needs of X if it needs
            something.
        """
        return self

    @abstractmethod
    def corrupt(self, X: Array, out: Array, rng: np.random.Generator) -> None:
        """Write a corrupted copy of X into out.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Clean samples, in their own units; left as they are.
        out : ndarray of shape (n_rows, n_features)
            Array that the noisy samples are written into.
        rng : numpy.random.Generator
            Source of all randomness.
        """


@dataclass(frozen=True)
class Masking(Corruption):
    """Masking noise: each value becomes 0 with probability `level`.

    Vincent, Larochelle, Bengio & Manzagol, 2008, ICML, section 2.3.

    Parameters
    ----------
    level : float, default=0.3
        Probability of a change.
    """

    level: float = 0.3
    _ranges = {"level": PROBABILITY}

    def corrupt(self, X: Array, out: Array, rng: np.random.Generator) -> None:
        np.multiply(X, rng.random(X.shape, dtype=np.float32) >= self.level, out=out)


@dataclass(frozen=True)
class Gaussian(Corruption):
    """Gaussian noise: a normal number is added to each value.

    Parameters
    ----------
    level : float, default=0.3
        Standard deviation, in the units of X.
    """

    level: float = 0.3
    _ranges = {"level": Range(0, closed="left")}

    def corrupt(self, X: Array, out: Array, rng: np.random.Generator) -> None:
        rng.standard_normal(out=out, dtype=out.dtype)
        out *= self.level
        out += X


@dataclass(frozen=True)
class SaltPepper(Corruption):
    """Salt-and-pepper noise: values become the minimum or the maximum of their feature.

    Both are equally likely. They are those of the training samples that `for_samples` was given;
    without it, those of each array that is corrupted.

    Parameters
    ----------
    level : float, default=0.3
        Probability of a change.
    """

    level: float = 0.3
    _extremes: tuple[Array, Array] | None = field(
        default=None, init=False, repr=False, compare=False
    )
    _ranges = {"level": PROBABILITY}

    def for_samples(self, X: Array) -> Self:
        return self._copy_with(_extremes=(X.min(axis=0), X.max(axis=0)))

    def corrupt(self, X: Array, out: Array, rng: np.random.Generator) -> None:
        lowest, highest = self._extremes or (X.min(axis=0), X.max(axis=0))
        draws = rng.random(X.shape, dtype=np.float32)
        np.copyto(out, X)
        np.copyto(out, highest, where=draws < self.level)
        np.copyto(out, lowest, where=draws < 0.5 * self.level)


@dataclass(frozen=True)
class Swap(Corruption):
    """Swap noise: values are replaced by those of random samples, in the same feature.

    They are drawn from the training samples that `for_samples` was given; without it, from each
    array that is corrupted.

    Parameters
    ----------
    level : float, default=0.3
        Probability of a change.
    """

    level: float = 0.3
    _samples: Array | None = field(default=None, init=False, repr=False, compare=False)
    _ranges = {"level": PROBABILITY}

    def for_samples(self, X: Array) -> Self:
        return self._copy_with(_samples=X)

    def corrupt(self, X: Array, out: Array, rng: np.random.Generator) -> None:
        samples = X if self._samples is None else self._samples
        rows = rng.integers(0, len(samples), size=X.shape)
        swapped = np.take_along_axis(samples, rows, axis=0)
        np.copyto(out, X)
        np.copyto(out, swapped, where=rng.random(X.shape, dtype=np.float32) < self.level)


@dataclass(frozen=True)
class UserNoise(Corruption):
    """Noise that a function of (X, rng) adds.

    The estimator wraps a callable that is passed as `noise` in this class.

    Parameters
    ----------
    function : callable
        It takes a copy of clean samples and a Generator, and returns noisy samples of the same
        shape.
    """

    function: Callable[[Array, np.random.Generator], ArrayLike]

    def corrupt(self, X: Array, out: Array, rng: np.random.Generator) -> None:
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


def _check_signature(noise):
    """Raise TypeError if a callable cannot be called with samples and a Generator."""
    try:
        signature = inspect.signature(noise)
    except ValueError:  # some built-in functions have none
        return
    try:
        signature.bind("X", "rng")
    except TypeError as error:
        raise TypeError(
            f"noise must be callable as noise(X, rng), with samples and a Generator, got {noise!r} "
            f"with the signature {signature}."
        ) from error


def make_corruption(noise, noise_level, X):
    """Return the corruption of training samples X that parameters of an estimator ask for.

    `noise` is a name, a callable, an instance, or None for no corruption.
    """
    if noise is None:
        return None
    if not isinstance(noise, str):
        if callable(noise):
            _check_signature(noise)
            return UserNoise(noise)
        check_offers(noise, Corruption, "noise")
        noise, out = noise.for_samples(X), np.full((2, X.shape[1]), np.nan)
        with np.errstate(all="ignore"):
            noise.corrupt(np.zeros_like(out), out, np.random.default_rng(0))
        if np.isnan(out).all():
            name = type(noise).__name__
            raise TypeError(f"{name}.corrupt must write the corrupted samples into out.")
        return noise
    if noise != "gaussian" and noise_level > 1:
        raise ValueError(
            f"noise_level is a probability for noise={noise!r}: it must be at most 1, "
            f"got {noise_level!r}."
        )
    return CORRUPTIONS[noise](float(noise_level)).for_samples(X)
