"""Elementwise activations: a forward and a backward kernel of each.

`forward(z)` yields the calls that turn `z` into the activation, in place. `backward(a, da)` yields
those that multiply `da` by the slope, in place; `a` is spent, that is, it may be overwritten. The
slope is a function of the output if possible.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
import math
from typing import ClassVar, Self

import numpy as np

from skae._kernels import Array, Calls, mark_greatest, open_signature
from skae._parametrized import Parametrized, Range

__all__ = [
    "Activation",
    "Elu",
    "Exponential",
    "Gelu",
    "Identity",
    "Isru",
    "LeakyRelu",
    "Logistic",
    "Relu",
    "Silu",
    "Softplus",
    "Tanh",
    "TopK",
]


class Activation(Parametrized, ABC):
    """Base class of activations, functions a = f(z) of a layer's pre-activation z.

    The parameters `activation`, `latent_activation` and `output_activation` of the estimators take
    an instance or a name. Subclasses implement `forward` and `backward`, and also `inverse` to be
    usable as output activation; all else has a default. Make a subclass with parameters a frozen
    dataclass: its instances then compare by value.

    `forward` and `backward`, the kernels, are generators. They compute nothing themselves but yield
    NumPy calls as tuples ``(function, *operands, out)``, which are bound to their arrays once and
    replayed for every batch. The function is an elementwise one of NumPy, or the method ``dot`` of
    an array. Operands are arrays that the kernel was given, or numbers; `out` is one of these
    arrays. An array that is spent may be overwritten. `fit` tries subclasses out, and warns if
    finite differences contradict the derivative.

    Attributes
    ----------
    gain : float
        Scale of the initial weights of the layer, whose variance is ``gain**2 / n_in`` for `n_in`
        inputs; 1 by default.
    is_identity : bool
        Whether f(z) = z, so that the layer is linear; False by default.
    n_scratch : int
        Number of scratch arrays of the shape of z that both kernels get as further arguments; 0 by
        default. They are zero before the first `forward`. `backward` finds in them what `forward`
        has left there.
    lowest, highest : float
        Bounds of f(z); infinite by default.

    See Also
    --------
    skae.losses.Loss : Base class of losses.

    Examples
    --------
    The square of ReLU, with its slope 2 max(z, 0) in terms of the output:

    >>> import numpy as np
    >>> from skae.activations import Activation
    >>> class SquaredRelu(Activation):
    ...     def forward(self, z):
    ...         yield np.maximum, z, 0, z
    ...         yield np.multiply, z, z, z
    ...
    ...     def backward(self, a, da):
    ...         yield np.sqrt, a, a
    ...         yield np.multiply, da, a, da
    ...         yield np.multiply, da, 2, da
    >>> z, da = np.array([[-1.0, 3.0]]), np.ones((1, 2))
    >>> for function, *operands, out in SquaredRelu().forward(z):
    ...     _ = function(*operands, out=out)
    >>> z
    array([[0., 9.]])
    >>> for function, *operands, out in SquaredRelu().backward(z, da):
    ...     _ = function(*operands, out=out)
    >>> da
    array([[0., 6.]])
    """

    gain: ClassVar[float] = 1.0
    is_identity: ClassVar[bool] = False
    n_scratch: ClassVar[int] = 0
    lowest: ClassVar[float] = -np.inf
    highest: ClassVar[float] = np.inf
    _optional = ("inverse", "lowest", "highest")

    def for_width(self, n_units: int) -> "Activation":
        """Return the activation for a layer of a given width.

        Parameters
        ----------
        n_units : int
            Number of units of the layer.

        Returns
        -------
        activation : Activation
            The activation itself by default; a copy bound to the width if it matters.
        """
        return self

    @abstractmethod
    @open_signature
    def forward(self, z: Array, *scratch: Array) -> Calls:
        """Yield the calls of a = f(z), in place.

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_units)
            Pre-activations of the layer; overwritten by a.
        *scratch : ndarray of shape (n_rows, n_units)
            `n_scratch` arrays, kept for `backward`.

        Yields
        ------
        call : tuple
            A function, its operands, and the array that it writes into.
        """

    @abstractmethod
    @open_signature
    def backward(self, a: Array, da: Array, *scratch: Array) -> Calls:
        """Yield the calls of dz = da f'(z), in place of da.

        Parameters
        ----------
        a : ndarray of shape (n_rows, n_units)
            Activations, as `forward` left them in z; spent.
        da : ndarray of shape (n_rows, n_units)
            Derivative of the loss with respect to a; overwritten by that with respect to z.
        *scratch : ndarray of shape (n_rows, n_units)
            The `n_scratch` arrays, as `forward` left them; spent.

        Yields
        ------
        call : tuple
            A function, its operands, and the array that it writes into.
        """

    def inverse(self, a: Array) -> Array:
        """Return z with f(z) = a, for the output bias that training starts with.

        Parameters
        ----------
        a : ndarray of shape (n_features,)
            Means of the features. They may be outside the range of f, or at its end: clip them to
            values with moderate z.

        Returns
        -------
        z : ndarray of shape (n_features,)
            A new array of the same dtype.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Identity(Activation):
    """The identity: ``a = z,  da/dz = 1``."""

    is_identity = True

    def forward(self, z: Array) -> Calls:
        yield from ()

    def backward(self, a: Array, da: Array, *scratch: Array) -> Calls:
        yield from ()

    def inverse(self, a: Array) -> Array:
        return a.copy()


@dataclass(frozen=True)
class Logistic(Activation):
    """The logistic function: ``a = (1 + tanh(z / 2)) / 2,  da/dz = a (1 - a)``."""

    lowest, highest = 0.0, 1.0

    def forward(self, z: Array) -> Calls:
        yield np.multiply, z, 0.5, z
        yield np.tanh, z, z
        yield np.add, z, 1, z
        yield np.multiply, z, 0.5, z

    def backward(self, a: Array, da: Array) -> Calls:
        yield np.multiply, da, a, da
        yield np.subtract, 1, a, a
        yield np.multiply, da, a, da

    def inverse(self, a: Array) -> Array:
        clamped = np.clip(a, 1e-2, 1 - 1e-2)
        return np.log(clamped / (1 - clamped))


@dataclass(frozen=True)
class Tanh(Activation):
    """Hyperbolic tangent: ``a = tanh(z),  da/dz = 1 - a**2``."""

    lowest, highest = -1.0, 1.0
    gain = 5 / 3

    def forward(self, z: Array) -> Calls:
        yield np.tanh, z, z

    def backward(self, a: Array, da: Array) -> Calls:
        yield np.multiply, a, a, a
        yield np.subtract, 1, a, a
        yield np.multiply, da, a, da

    def inverse(self, a: Array) -> Array:
        return np.arctanh(np.clip(a, -0.99, 0.99))


@dataclass(frozen=True)
class Isru(Activation):
    """Inverse square root unit: ``a = z / sqrt(1 + z**2),  da/dz = (1 + z**2)**-3/2``.

    Carlile et al., 2017, arXiv 1710.09967, with alpha = 1. The curve resembles tanh and takes
    an eighth of its time in float64, a quarter in float32.
    """

    lowest, highest = -1.0, 1.0
    gain = 5 / 3
    n_scratch = 1

    def forward(self, z: Array, root: Array) -> Calls:
        yield np.multiply, z, z, root
        yield np.add, root, 1, root
        yield np.sqrt, root, root
        yield np.divide, z, root, z

    def backward(self, a: Array, da: Array, root: Array) -> Calls:
        yield np.multiply, root, root, a
        yield np.multiply, root, a, a
        yield np.divide, da, a, da

    def inverse(self, a: Array) -> Array:
        clamped = np.clip(a, -0.99, 0.99)
        return clamped / np.sqrt(1 - clamped * clamped)


@dataclass(frozen=True)
class Relu(Activation):
    """Rectified linear unit: ``a = max(z, 0),  da/dz = 1 if a > 0 else 0``.

    NumPy's maximum of two arrays is several times faster than that of an array and a scalar:
    the scratch array holds zeros. The slope is the sign of the bits of a, read as integers. An
    integer product with 0 or 1 is exact and takes half the time of ``da *= a > 0``.
    """

    lowest = 0.0
    gain = math.sqrt(2)
    n_scratch = 1

    def forward(self, z: Array, zeros: Array) -> Calls:
        yield np.maximum, z, zeros, z

    def backward(self, a: Array, da: Array, zeros: Array) -> Calls:
        bits = a.view(f"i{a.itemsize}")
        da_bits = da.view(bits.dtype)
        yield np.sign, bits, bits
        yield np.multiply, da_bits, bits, da_bits

    def inverse(self, a: Array) -> Array:
        return np.maximum(a, 0)


@dataclass(frozen=True)
class Softplus(Activation):
    """Smooth ReLU: ``a = log(1 + exp(z)),  da/dz = 1 - exp(-a)``.

    Computed as ``max(z, 0) + log(1 + exp(-|z|))``, which does not overflow.
    """

    lowest = 0.0
    n_scratch = 1

    def forward(self, z: Array, tail: Array) -> Calls:
        yield np.abs, z, tail
        yield np.negative, tail, tail
        yield np.exp, tail, tail
        yield np.log1p, tail, tail
        yield np.maximum, z, 0, z
        yield np.add, z, tail, z

    def backward(self, a: Array, da: Array, tail: Array) -> Calls:
        yield np.negative, a, a
        yield np.expm1, a, a
        yield np.negative, a, a
        yield np.multiply, da, a, da

    def inverse(self, a: Array) -> Array:
        clamped = np.maximum(a, 1e-2)
        return clamped + np.log(-np.expm1(-clamped))


@dataclass(frozen=True)
class Exponential(Activation):
    """The exponential function: ``a = exp(min(z, 40)),  da/dz = a``.

    The bound keeps activations and their squares finite in float32.
    """

    lowest = 0.0

    def forward(self, z: Array) -> Calls:
        yield np.minimum, z, 40, z
        yield np.exp, z, z

    def backward(self, a: Array, da: Array) -> Calls:
        yield np.multiply, da, a, da

    def inverse(self, a: Array) -> Array:
        return np.log(np.maximum(a, 1e-2))


class _SlopeActivation(Activation):
    """Base class of activations whose `forward` leaves the slope in the first scratch array."""

    gain = math.sqrt(2)
    n_scratch = 1

    def backward(self, a: Array, da: Array, slope: Array, *scratch: Array) -> Calls:
        yield np.multiply, da, slope, da


@dataclass(frozen=True)
class LeakyRelu(_SlopeActivation):
    """Leaky ReLU: ``a = z if z > 0 else z / 100,  da/dz = 1 if z > 0 else 1 / 100``.

    At z = 0 the slope is the mean of both, 0.505.
    """

    def forward(self, z: Array, slope: Array) -> Calls:
        yield np.sign, z, slope
        yield np.multiply, slope, 0.495, slope
        yield np.add, slope, 0.505, slope
        yield np.multiply, z, slope, z

    def inverse(self, a: Array) -> Array:
        return np.minimum(a, 100 * a)


@dataclass(frozen=True)
class Elu(_SlopeActivation):
    """Exponential linear unit: ``a = z if z > 0 else exp(z) - 1,  da/dz = 1 if z > 0 else exp(z)``.

    Clevert, Unterthiner & Hochreiter, 2016, arXiv 1511.07289, equation 15.
    """

    lowest = -1.0

    def forward(self, z: Array, slope: Array) -> Calls:
        yield np.minimum, z, 0, slope
        yield np.exp, slope, slope
        yield np.maximum, z, 0, z
        yield np.add, z, slope, z
        yield np.subtract, z, 1, z

    def inverse(self, a: Array) -> Array:
        return np.where(a > 0, a, np.log1p(np.clip(a, -0.99, 0)))


@dataclass(frozen=True)
class TopK(_SlopeActivation):
    """Top-k activation: ``a = z if z is among the k largest of its sample else 0``.

    The slope is 1 where z is kept, else 0 (Makhzani & Frey, 2013, arXiv 1312.5663, section 2.1).
    This is the only activation that depends on all units of a layer. All values equal to the k-th
    largest are kept.

    Parameters
    ----------
    share : float, default=0.05
        Share of the units of a layer to keep; k is the nearest whole number, at least 1. An
        instance keeps one unit until `for_width` has bound it to a layer.
    """

    share: float = 0.05
    _n_kept: int = field(default=1, init=False, repr=False)
    _ranges = {"share": Range(0, 1, "neither")}

    def for_width(self, n_units: int) -> Self:
        return self._copy_with(_n_kept=max(1, round(self.share * n_units)))

    def forward(self, z: Array, slope: Array) -> Calls:
        yield mark_greatest, z, self._n_kept, slope
        yield np.multiply, z, slope, z


class _GatedActivation(Activation):
    """Base class of a = z s(z), s a logistic function of z, with the slope s + w (1 - s)."""

    gain = math.sqrt(2)

    @staticmethod
    def _multiply_by_slope(da: Array, s: Array, w: Array) -> Calls:
        """da *= s + w (1 - s) = 1 - (1 - s) (1 - w); `s` and `w` are spent."""
        yield np.subtract, 1, s, s
        yield np.subtract, 1, w, w
        yield np.multiply, s, w, s
        yield np.subtract, 1, s, s
        yield np.multiply, da, s, da


@dataclass(frozen=True)
class Silu(_GatedActivation):
    """Sigmoid linear unit: ``a = z s,  s = logistic(z),  da/dz = s + a (1 - s)``.

    Elfwing, Uchibe & Doya, 2018, Neural Networks 107, equations 9 and 10.
    """

    n_scratch = 1

    def forward(self, z: Array, s: Array) -> Calls:
        yield np.multiply, z, 0.5, s
        yield np.tanh, s, s
        yield np.add, s, 1, s
        yield np.multiply, s, 0.5, s
        yield np.multiply, z, s, z

    def backward(self, a: Array, da: Array, s: Array) -> Calls:
        yield from self._multiply_by_slope(da, s, a)


@dataclass(frozen=True)
class Gelu(_GatedActivation):
    """Gaussian error linear unit: ``a = z s,  s = logistic(2u),  u = c (z + 0.044715 z**3)``.

    ``c = sqrt(2 / pi),  da/dz = s + w (1 - s),  w = 2 a c (1 + 0.134145 z**2)``. This is the
    form with tanh of Hendrycks & Gimpel, 2016, arXiv 1606.08415, section 2.
    """

    n_scratch = 2

    def forward(self, z: Array, s: Array, w: Array) -> Calls:
        c = math.sqrt(2 / math.pi)
        yield np.multiply, z, z, w
        yield np.multiply, w, 0.044715 * c, s
        yield np.add, s, c, s
        yield np.multiply, s, z, s
        yield np.tanh, s, s
        yield np.add, s, 1, s
        yield np.multiply, s, 0.5, s
        yield np.multiply, z, s, z
        yield np.multiply, w, 0.26829 * c, w
        yield np.add, w, 2 * c, w
        yield np.multiply, w, z, w

    def backward(self, a: Array, da: Array, s: Array, w: Array) -> Calls:
        yield from self._multiply_by_slope(da, s, w)


ACTIVATIONS = {
    "identity": Identity,
    "logistic": Logistic,
    "tanh": Tanh,
    "isru": Isru,
    "relu": Relu,
    "softplus": Softplus,
    "exponential": Exponential,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "gelu": Gelu,
    "silu": Silu,
    "top_k": TopK,
}

OUTPUT_ACTIVATIONS = {
    name
    for name, AnyActivation in ACTIVATIONS.items()
    if AnyActivation.inverse is not Activation.inverse
}
