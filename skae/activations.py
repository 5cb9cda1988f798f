"""Elementwise activations: forward and backward of each.

`forward(z)` turns `z` into the activation, in place. `backward(a, da)` multiplies `da` by
the slope, in place; `a` is spent. The slope is written in terms of the output wherever it
is a function of it. An activation that needs more room sets `n_scratch`: both methods then
receive that many arrays shaped like `z`, its own from forward to backward and zero before
the first forward.
"""

from abc import ABC, abstractmethod
import math

import numpy as np


class Activation(ABC):
    """One elementwise function; `gain` scales the initial weights of the layer before it."""

    gain = 1.0
    is_identity = False
    n_scratch = 0

    @abstractmethod
    def forward(self, z, *scratch):
        """Compute a = f(z), in place."""

    @abstractmethod
    def backward(self, a, da, *scratch):
        """Compute dz = da f'(z), in `da`; `a` is spent."""

    def inverse(self, a):
        """Return z with f(z) = a, `a` clamped to where that is moderate, as a new array.

        Asked only of activations that an output may have.
        """
        raise NotImplementedError


class Identity(Activation):
    """a = z,  da/dz = 1."""

    is_identity = True

    def forward(self, z):
        pass

    def backward(self, a, da):
        pass

    def inverse(self, a):
        return a.copy()


class Logistic(Activation):
    """a = 1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2,  da/dz = a (1 - a)."""

    def forward(self, z):
        z *= 0.5
        np.tanh(z, out=z)
        z += 1
        z *= 0.5

    def backward(self, a, da):
        da *= a
        np.subtract(1, a, out=a)
        da *= a

    def inverse(self, a):
        clamped = np.clip(a, 1e-2, 1 - 1e-2)
        return np.log(clamped / (1 - clamped))


class Tanh(Activation):
    """a = tanh(z),  da/dz = 1 - a**2."""

    gain = 5 / 3

    def forward(self, z):
        np.tanh(z, out=z)

    def backward(self, a, da):
        np.multiply(a, a, out=a)
        np.subtract(1, a, out=a)
        da *= a

    def inverse(self, a):
        return np.arctanh(np.clip(a, -0.99, 0.99))


class Relu(Activation):
    """a = max(z, 0),  da/dz = 1 if a > 0 else 0.

    NumPy's maximum of two arrays is several times faster than that of an array and a
    scalar, hence `zeros`. The slope is the sign of the bits of `a` read as integers, and an
    integer product with 0 or 1 is exact: half the time of `da *= a > 0`.
    """

    gain = math.sqrt(2)
    n_scratch = 1

    def forward(self, z, zeros):
        np.maximum(z, zeros, out=z)

    def backward(self, a, da, zeros):
        bits = a.view(f"i{a.itemsize}")
        np.sign(bits, out=bits)
        da_bits = da.view(bits.dtype)
        da_bits *= bits

    def inverse(self, a):
        return np.maximum(a, 0)


class Softplus(Activation):
    """a = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)),  da/dz = 1 - exp(-a)."""

    n_scratch = 1

    def forward(self, z, tail):
        np.abs(z, out=tail)
        np.negative(tail, out=tail)
        np.exp(tail, out=tail)
        np.log1p(tail, out=tail)
        np.maximum(z, 0, out=z)
        z += tail

    def backward(self, a, da, tail):
        np.negative(a, out=a)
        np.expm1(a, out=a)
        np.negative(a, out=a)
        da *= a

    def inverse(self, a):
        clamped = np.maximum(a, 1e-2)
        return clamped + np.log(-np.expm1(-clamped))


class Exponential(Activation):
    """a = exp(z),  da/dz = a."""

    def forward(self, z):
        np.exp(z, out=z)

    def backward(self, a, da):
        da *= a

    def inverse(self, a):
        return np.log(np.maximum(a, 1e-2))


class _SlopeActivation(Activation):
    """An activation whose forward leaves its slope in the first scratch array."""

    gain = math.sqrt(2)
    n_scratch = 1

    def backward(self, a, da, slope, *scratch):
        da *= slope


class LeakyRelu(_SlopeActivation):
    """a = z if z > 0 else z / 100,  da/dz = 1 if z > 0 else 1 / 100 (0.505 where z = 0)."""

    def forward(self, z, slope):
        np.sign(z, out=slope)
        slope *= 0.495
        slope += 0.505
        z *= slope

    def inverse(self, a):
        return np.minimum(a, 100 * a)


class Elu(_SlopeActivation):
    """a = z if z > 0 else exp(z) - 1,  da/dz = 1 if z > 0 else exp(z).

    Clevert, Unterthiner & Hochreiter, 2016, arXiv 1511.07289, equation 15.
    """

    def forward(self, z, slope):
        np.minimum(z, 0, out=slope)
        np.exp(slope, out=slope)
        np.maximum(z, 0, out=z)
        z += slope
        z -= 1

    def inverse(self, a):
        return np.where(a > 0, a, np.log1p(np.clip(a, -0.99, 0)))


class _GatedActivation(Activation):
    """a = z s(z) with s a logistic function of z: its slope is s + w (1 - s)."""

    gain = math.sqrt(2)

    @staticmethod
    def _multiply_by_slope(da, s, w):
        """da *= s + w (1 - s) = 1 - (1 - s) (1 - w); `s` and `w` are spent."""
        np.subtract(1, s, out=s)
        np.subtract(1, w, out=w)
        s *= w
        np.subtract(1, s, out=s)
        da *= s


class Silu(_GatedActivation):
    """a = z s,  s = logistic(z),  da/dz = s + a (1 - s).

    Elfwing, Uchibe & Doya, 2018, Neural Networks 107, equations 9 and 10.
    """

    n_scratch = 1

    def forward(self, z, s):
        np.multiply(z, 0.5, out=s)
        np.tanh(s, out=s)
        s += 1
        s *= 0.5
        z *= s

    def backward(self, a, da, s):
        self._multiply_by_slope(da, s, a)


class Gelu(_GatedActivation):
    """a = z s,  s = logistic(2u),  u = c (z + 0.044715 z**3),  c = sqrt(2 / pi).

    da/dz = s + w (1 - s),  w = 2 a c (1 + 0.134145 z**2). The form with tanh of
    Hendrycks & Gimpel, 2016, arXiv 1606.08415, section 2.
    """

    n_scratch = 2

    def forward(self, z, s, w):
        c = math.sqrt(2 / math.pi)
        np.multiply(z, z, out=w)
        np.multiply(w, 0.044715 * c, out=s)
        s += c
        s *= z
        np.tanh(s, out=s)
        s += 1
        s *= 0.5
        z *= s
        w *= 0.26829 * c
        w += 2 * c
        w *= z

    def backward(self, a, da, s, w):
        self._multiply_by_slope(da, s, w)


ACTIVATIONS = {
    "identity": Identity(),
    "logistic": Logistic(),
    "tanh": Tanh(),
    "relu": Relu(),
    "softplus": Softplus(),
    "exponential": Exponential(),
    "leaky_relu": LeakyRelu(),
    "elu": Elu(),
    "gelu": Gelu(),
    "silu": Silu(),
}

OUTPUT_ACTIVATIONS = {
    name
    for name, activation in ACTIVATIONS.items()
    if type(activation).inverse is not Activation.inverse
}
