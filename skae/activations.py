"""Elementwise activations: forward and backward of each.

`forward(z)` yields the calls that turn `z` into the activation, in place; `backward(a, da)`
those that multiply `da` by the slope, in place; `a` is spent. The slope is written in terms
of the output wherever it is a function of it. An activation that needs more room sets
`n_scratch`: both methods then receive that many arrays shaped like `z`, its own from
forward to backward and zero before the first forward.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
import math

import numpy as np

from skae._kernels import mark_greatest


class Activation(ABC):
    """One elementwise function; `gain` scales the initial weights of the layer before it."""

    gain = 1.0
    is_identity = False
    n_scratch = 0

    def of_width(self, n_units, share):
        """Return the activation for a layer of so many units, a share of which may be kept."""
        return self

    @abstractmethod
    def forward(self, z, *scratch):
        """Yield the calls of a = f(z), in place."""

    @abstractmethod
    def backward(self, a, da, *scratch):
        """Yield the calls of dz = da f'(z), in `da`; `a` is spent."""

    def inverse(self, a):
        """Return z with f(z) = a, `a` clamped to where that is moderate, as a new array.

        Asked only of activations that an output may have.
        """
        raise NotImplementedError


class Identity(Activation):
    """a = z,  da/dz = 1."""

    is_identity = True

    def forward(self, z):
        yield from ()

    def backward(self, a, da, *scratch):
        yield from ()

    def inverse(self, a):
        return a.copy()


class Logistic(Activation):
    """a = (1 + tanh(z / 2)) / 2,  da/dz = a (1 - a)."""

    def forward(self, z):
        yield np.multiply, z, 0.5, z
        yield np.tanh, z, z
        yield np.add, z, 1, z
        yield np.multiply, z, 0.5, z

    def backward(self, a, da):
        yield np.multiply, da, a, da
        yield np.subtract, 1, a, a
        yield np.multiply, da, a, da

    def inverse(self, a):
        clamped = np.clip(a, 1e-2, 1 - 1e-2)
        return np.log(clamped / (1 - clamped))


class Tanh(Activation):
    """a = tanh(z),  da/dz = 1 - a**2."""

    gain = 5 / 3

    def forward(self, z):
        yield np.tanh, z, z

    def backward(self, a, da):
        yield np.multiply, a, a, a
        yield np.subtract, 1, a, a
        yield np.multiply, da, a, da

    def inverse(self, a):
        return np.arctanh(np.clip(a, -0.99, 0.99))


class Isru(Activation):
    """a = z / sqrt(1 + z**2),  da/dz = (1 + z**2)**-3/2.

    The inverse square root unit of Carlile et al., 2017, arXiv 1710.09967, with alpha = 1:
    much like tanh, in an eighth of its time in float64 and a quarter in float32.
    """

    gain = 5 / 3
    n_scratch = 1

    def forward(self, z, root):
        yield np.multiply, z, z, root
        yield np.add, root, 1, root
        yield np.sqrt, root, root
        yield np.divide, z, root, z

    def backward(self, a, da, root):
        yield np.multiply, root, root, a
        yield np.multiply, root, a, a
        yield np.divide, da, a, da

    def inverse(self, a):
        clamped = np.clip(a, -0.99, 0.99)
        return clamped / np.sqrt(1 - clamped * clamped)


class Relu(Activation):
    """a = max(z, 0),  da/dz = 1 if a > 0 else 0.

    NumPy's maximum of two arrays is several times faster than that of an array and a
    scalar, hence `zeros`. The slope is the sign of the bits of `a` read as integers, and an
    integer product with 0 or 1 is exact: half the time of `da *= a > 0`.
    """

    gain = math.sqrt(2)
    n_scratch = 1

    def forward(self, z, zeros):
        yield np.maximum, z, zeros, z

    def backward(self, a, da, zeros):
        bits = a.view(f"i{a.itemsize}")
        da_bits = da.view(bits.dtype)
        yield np.sign, bits, bits
        yield np.multiply, da_bits, bits, da_bits

    def inverse(self, a):
        return np.maximum(a, 0)


class Softplus(Activation):
    """a = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)),  da/dz = 1 - exp(-a)."""

    n_scratch = 1

    def forward(self, z, tail):
        yield np.abs, z, tail
        yield np.negative, tail, tail
        yield np.exp, tail, tail
        yield np.log1p, tail, tail
        yield np.maximum, z, 0, z
        yield np.add, z, tail, z

    def backward(self, a, da, tail):
        yield np.negative, a, a
        yield np.expm1, a, a
        yield np.negative, a, a
        yield np.multiply, da, a, da

    def inverse(self, a):
        clamped = np.maximum(a, 1e-2)
        return clamped + np.log(-np.expm1(-clamped))


class Exponential(Activation):
    """a = exp(z),  da/dz = a."""

    def forward(self, z):
        yield np.exp, z, z

    def backward(self, a, da):
        yield np.multiply, da, a, da

    def inverse(self, a):
        return np.log(np.maximum(a, 1e-2))


class _SlopeActivation(Activation):
    """An activation whose forward leaves its slope in the first scratch array."""

    gain = math.sqrt(2)
    n_scratch = 1

    def backward(self, a, da, slope, *scratch):
        yield np.multiply, da, slope, da


class LeakyRelu(_SlopeActivation):
    """a = z if z > 0 else z / 100,  da/dz = 1 if z > 0 else 1 / 100 (0.505 where z = 0)."""

    def forward(self, z, slope):
        yield np.sign, z, slope
        yield np.multiply, slope, 0.495, slope
        yield np.add, slope, 0.505, slope
        yield np.multiply, z, slope, z

    def inverse(self, a):
        return np.minimum(a, 100 * a)


class Elu(_SlopeActivation):
    """a = z if z > 0 else exp(z) - 1,  da/dz = 1 if z > 0 else exp(z).

    Clevert, Unterthiner & Hochreiter, 2016, arXiv 1511.07289, equation 15.
    """

    def forward(self, z, slope):
        yield np.minimum, z, 0, slope
        yield np.exp, slope, slope
        yield np.maximum, z, 0, z
        yield np.add, z, slope, z
        yield np.subtract, z, 1, z

    def inverse(self, a):
        return np.where(a > 0, a, np.log1p(np.clip(a, -0.99, 0)))


@dataclass(frozen=True)
class TopK(_SlopeActivation):
    """a = z if z is among the k greatest of its row else 0,  da/dz = 1 where kept, else 0.

    Makhzani & Frey, 2013, arXiv 1312.5663, section 2.1. The one activation that looks at a
    whole row; of equal numbers all are kept or none.
    """

    k: int = 1

    def of_width(self, n_units, share):
        return TopK(max(1, round(share * n_units)))

    def forward(self, z, slope):
        yield mark_greatest, z, self.k, slope
        yield np.multiply, z, slope, z


class _GatedActivation(Activation):
    """a = z s(z) with s a logistic function of z: its slope is s + w (1 - s)."""

    gain = math.sqrt(2)

    @staticmethod
    def _multiply_by_slope(da, s, w):
        """da *= s + w (1 - s) = 1 - (1 - s) (1 - w); `s` and `w` are spent."""
        yield np.subtract, 1, s, s
        yield np.subtract, 1, w, w
        yield np.multiply, s, w, s
        yield np.subtract, 1, s, s
        yield np.multiply, da, s, da


class Silu(_GatedActivation):
    """a = z s,  s = logistic(z),  da/dz = s + a (1 - s).

    Elfwing, Uchibe & Doya, 2018, Neural Networks 107, equations 9 and 10.
    """

    n_scratch = 1

    def forward(self, z, s):
        yield np.multiply, z, 0.5, s
        yield np.tanh, s, s
        yield np.add, s, 1, s
        yield np.multiply, s, 0.5, s
        yield np.multiply, z, s, z

    def backward(self, a, da, s):
        yield from self._multiply_by_slope(da, s, a)


class Gelu(_GatedActivation):
    """a = z s,  s = logistic(2u),  u = c (z + 0.044715 z**3),  c = sqrt(2 / pi).

    da/dz = s + w (1 - s),  w = 2 a c (1 + 0.134145 z**2). The form with tanh of
    Hendrycks & Gimpel, 2016, arXiv 1606.08415, section 2.
    """

    n_scratch = 2

    def forward(self, z, s, w):
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

    def backward(self, a, da, s, w):
        yield from self._multiply_by_slope(da, s, w)


ACTIVATIONS = {
    "identity": Identity(),
    "logistic": Logistic(),
    "tanh": Tanh(),
    "isru": Isru(),
    "relu": Relu(),
    "softplus": Softplus(),
    "exponential": Exponential(),
    "leaky_relu": LeakyRelu(),
    "elu": Elu(),
    "gelu": Gelu(),
    "silu": Silu(),
    "top_k": TopK(),
}

OUTPUT_ACTIVATIONS = {
    name
    for name, activation in ACTIVATIONS.items()
    if type(activation).inverse is not Activation.inverse
}
