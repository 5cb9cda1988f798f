"""Optimizers on one flat vector: `init` makes the state, `step` writes the next vector.

Hyper-parameters are frozen. What changes lives in the state, a dict of arrays and integers. The
learning rate is an argument of every step, because schedules belong to the training loop.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
import math
from typing import Any, ClassVar, Self

import numpy as np

from skae._kernels import Array, Calls, open_signature
from skae._parametrized import Parametrized, Range

__all__ = ["Adam", "Optimizer", "Sgd", "Shampoo"]

PIECE_LENGTH = 2**18  # numbers: with shorter pieces two threads wait for each other
ALIGNMENT = 16  # numbers that processors take at a time

MAX_SIDE = 2048  # rows of a curvature: the eigenvectors of larger ones take seconds
CURVATURE_INTERVAL, ROOT_INTERVAL = 5, 50  # steps
WARM_UP_STEPS = 32
MEMORY = 0.95  # of the running mean of curvatures
DAMPING = 1e-2  # relative to the mean eigenvalue
TINY = 1e-30  # keeps a division from meeting zero


class Optimizer(Parametrized, ABC):
    """Base class of optimizers, which update the parameters of a network from the gradient.

    The parameter `solver` of the estimators takes an instance or a name. All parameters of a
    network are one vector. Subclasses implement `init`, `factors` and `step`; all else has a
    default. Make a subclass with hyper-parameters a frozen dataclass: its instances then compare by
    value. The learning rate comes from the estimator, whose schedule may change it in every step.

    `step` is a generator, like the kernels of an activation: it yields NumPy calls as tuples
    ``(function, *operands, out)``, which are bound to their arrays once and replayed in every step.
    Numbers that change from step to step come from `factors`. An array that is spent may be
    overwritten.

    Attributes
    ----------
    n_factors : int
        Number of values that `factors` returns; 1 by default.
    prepares : bool
        Whether `prepare` is called with the gradient before each step; False by default.
    is_scale_free : bool
        Whether the lengths of steps do not depend on the scale of the loss, as with Adam; False by
        default. If True, weight decay is decoupled from the gradient (AdamW) with the rate `alpha`.
        If False, `alpha` is the weight of an L2 penalty, which is divided by the sum of the sample
        weights.

    See Also
    --------
    skae.losses.Loss : Base class of losses.

    Examples
    --------
    Steps along the sign of the gradient:

    >>> import numpy as np
    >>> from skae.optimizers import Optimizer
    >>> class SignDescent(Optimizer):
    ...     is_scale_free = True
    ...
    ...     def init(self, theta):
    ...         return {}
    ...
    ...     def factors(self, state, learning_rate):
    ...         return (learning_rate,)
    ...
    ...     def step(self, theta, gradient, state, rate):
    ...         yield np.sign, gradient, gradient
    ...         yield np.multiply, gradient, rate, gradient
    ...         yield np.subtract, theta, gradient, theta
    >>> theta, gradient = np.array([1.0, 2.0]), np.array([0.3, -70.0])
    >>> optimizer = SignDescent()
    >>> state = optimizer.init(theta)
    >>> factors = optimizer.factors(state, learning_rate=0.1)
    >>> for function, *operands, out in optimizer.step(theta, gradient, state, *factors):
    ...     _ = function(*operands, out=out)
    >>> theta
    array([0.9, 2.1])
    """

    n_factors: ClassVar[int] = 1
    prepares: ClassVar[bool] = False
    is_scale_free: ClassVar[bool] = False
    _optional = ()

    def for_shapes(self, shapes: Sequence[tuple[int, int]]) -> "Optimizer":
        """Return the optimizer for a network.

        Parameters
        ----------
        shapes : sequence of (int, int)
            Shapes of the weight matrices that the vector of parameters begins with.

        Returns
        -------
        optimizer : Optimizer
            The optimizer itself by default; a copy bound to the shapes if they matter.
        """
        return self

    @abstractmethod
    def init(self, theta: Array) -> dict[str, Any]:
        """Return the state before the first step.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters; left as they are.

        Returns
        -------
        state : dict
            Integers, and arrays of the shape and the dtype of theta. It is saved with the model, so
            that training can continue. The keys "steps", "average" and "averaging" are reserved for
            the training loop.
        """

    @abstractmethod
    def factors(self, state: dict[str, Any], learning_rate: float) -> tuple[float, ...]:
        """Count a step and return the numbers that it needs.

        Parameters
        ----------
        state : dict
            What `init` returned; integers in it may be changed.
        learning_rate : float
            Learning rate of this step.

        Returns
        -------
        factors : tuple of float
            `n_factors` numbers.
        """

    @abstractmethod
    @open_signature
    def step(self, theta: Array, gradient: Array, state: dict[str, Any], *factors: Array) -> Calls:
        """Yield the calls of a step.

        The vector may be cut into pieces, and `step` is then called for each of them. An optimizer
        whose step needs the whole vector overrides `parts`.

        Parameters
        ----------
        theta : ndarray of shape (n,)
            A piece of the parameters; overwritten by their new values.
        gradient : ndarray of shape (n,)
            The same piece of the gradient; spent.
        state : dict
            What `init` returned, with the same piece of each array.
        *factors : ndarray of shape ()
            What `factors` returns for the step.

        Yields
        ------
        call : tuple
            A function, its operands, and the array that it writes into.
        """

    def parts(
        self,
        theta: Array,
        gradient: Array,
        state: dict[str, Any],
        *factors: Array,
        n_least: int = 1,
    ) -> Iterator[tuple[slice, Calls]]:
        """Cut the vector into pieces whose steps do not depend on each other.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The parameters.
        gradient : ndarray of shape (n_parameters,)
            The gradient.
        state : dict
            What `init` returned.
        *factors : ndarray of shape ()
            What `factors` returns for the step.
        n_least : int, default=1
            Number of threads. There are at least as many pieces if the vector is long enough.

        Yields
        ------
        section : slice
            Where the piece is.
        step : generator
            The calls of its step.
        """
        for section in slices(theta.size, n_least):
            yield section, self.step(*pieces(section, theta, gradient, state), *factors)

    def prepare(
        self,
        gradient: Array,
        state: dict[str, Any],
        run_jobs: Callable[[list[Callable[[], Any]]], Any],
    ) -> None:
        """Update the state before a step; only called if `prepares` is True.

        Parameters
        ----------
        gradient : ndarray of shape (n_parameters,)
            The gradient; left as it is.
        state : dict
            What `init` returned; to be changed in place.
        run_jobs : callable
            Runs a list of zero-argument callables, in threads if there are any.
        """


def slices(size, n_least=1):
    """Cut a vector into equal pieces, whose number is a multiple of n_least."""
    n_pieces = n_least * math.ceil(size / (n_least * PIECE_LENGTH))
    length = ALIGNMENT * math.ceil(size / (n_pieces * ALIGNMENT))
    return [slice(start, min(start + length, size)) for start in range(0, size, length)]


def pieces(section, theta, gradient, state):
    """Return views of a section of the vector, of the gradient and of the arrays of the state."""
    cut = {key: a[section] if isinstance(a, np.ndarray) else a for key, a in state.items()}
    return theta[section], gradient[section], cut


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent: ``theta += v,  v = momentum v - rate g``.

    With Nesterov's momentum ``theta += momentum v - rate g`` instead: equations 1 to 4 of
    Sutskever, Martens, Dahl & Hinton, 2013, ICML, written for the parameters after the look-ahead.

    Parameters
    ----------
    momentum : float, default=0.9
        Share of the previous step that is added to the next one.
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.
    """

    momentum: float = 0.9
    nesterovs_momentum: bool = True
    _ranges = {"momentum": Range(0, 1)}

    def init(self, theta: Array) -> dict[str, Any]:
        return {"velocity": np.zeros_like(theta)} if self.momentum else {}

    def factors(self, state: dict[str, Any], learning_rate: float) -> tuple[float, ...]:
        return (learning_rate,)

    def step(self, theta: Array, gradient: Array, state: dict[str, Any], rate: Array) -> Calls:
        yield np.multiply, gradient, rate, gradient
        if not self.momentum:
            yield np.subtract, theta, gradient, theta
            return
        velocity = state["velocity"]
        yield np.multiply, velocity, self.momentum, velocity
        yield np.subtract, velocity, gradient, velocity
        if not self.nesterovs_momentum:
            yield np.add, theta, velocity, theta
            return
        yield np.subtract, theta, gradient, theta
        yield np.multiply, velocity, self.momentum, gradient
        yield np.add, theta, gradient, theta


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: ``theta -= rate m / (sqrt(v) + epsilon)``.

    m is a running mean of the gradient g, v one of ``g**2``: Kingma & Ba, 2015, arXiv 1412.6980,
    algorithm 1. The state holds ``m / (1 - beta_1)`` and ``v / (1 - beta_2)``, which saves two
    passes; `factors` multiplies by what is left out.

    Parameters
    ----------
    beta_1 : float, default=0.9
        Decay of the running mean of the gradient.
    beta_2 : float, default=0.999
        Decay of the running mean of its square.
    epsilon : float, default=1e-8
        Added to the denominator.
    """

    n_factors = 2
    is_scale_free = True

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    _ranges = {
        "beta_1": Range(0, 1, "left"),
        "beta_2": Range(0, 1, "left"),
        "epsilon": Range(0, closed="neither"),
    }

    def init(self, theta: Array) -> dict[str, Any]:
        return {"first": np.zeros_like(theta), "second": np.zeros_like(theta), "t": 0}

    def factors(self, state: dict[str, Any], learning_rate: float) -> tuple[float, ...]:
        state["t"] += 1
        first_scale = (1 - self.beta_1) / (1 - self.beta_1 ** state["t"])
        second_scale = math.sqrt((1 - self.beta_2) / (1 - self.beta_2 ** state["t"]))
        return self.epsilon / second_scale, learning_rate * first_scale / second_scale

    def step(
        self, theta: Array, gradient: Array, state: dict[str, Any], epsilon: Array, rate: Array
    ) -> Calls:
        yield from self._update(gradient, state, epsilon, rate)
        yield np.subtract, theta, gradient, theta

    def _update(self, gradient: Array, state: dict[str, Any], epsilon: Array, rate: Array) -> Calls:
        """Yield the calls that turn the gradient into what the step subtracts."""
        first, second = state["first"], state["second"]
        yield np.multiply, first, self.beta_1, first
        yield np.add, first, gradient, first
        yield np.multiply, gradient, gradient, gradient
        yield np.multiply, second, self.beta_2, second
        yield np.add, second, gradient, second
        yield np.sqrt, second, gradient
        yield np.add, gradient, epsilon, gradient
        yield np.divide, first, gradient, gradient
        yield np.multiply, gradient, rate, gradient


@dataclass(frozen=True)
class Shampoo(Adam):
    """Shampoo: ``W -= |U| D / |D|,  D = C**(-1/2) M``.

    U is the step of Adam for the matrix W and M the running mean of its gradient G. C is that of
    ``G G'`` if W has no more rows than columns; otherwise ``D = M C**(-1/2)`` with the running mean
    of ``G' G``. This is one side of the preconditioner of Gupta, Koren & Singer, 2018, arXiv
    1802.09568, algorithm 1, with the lengths of Adam's steps (grafting: Agarwal, Anil, Hazan, Koren
    & Zhang, 2020, arXiv 2002.11803), so that Adam's learning rates are appropriate. C is updated in
    every fifth step and its root computed in every fiftieth; the root also in steps 1, 2, 4, 8, 16
    and 32.

    Biases take the steps of Adam, and so do matrices with more than 2048 rows and columns.

    Parameters
    ----------
    beta_1 : float, default=0.9
        Decay of the running mean of the gradient.
    beta_2 : float, default=0.999
        Decay of the running mean of its square.
    epsilon : float, default=1e-8
        Added to the denominator of Adam's step.
    """

    prepares = True

    _shapes: tuple[tuple[int, int], ...] = field(default=(), init=False, repr=False)

    def for_shapes(self, shapes: Sequence[tuple[int, int]]) -> Self:
        """Return a copy bound to the shapes; an optimizer without shapes takes Adam's steps."""
        return self._copy_with(_shapes=tuple(shapes))

    def init(self, theta: Array) -> dict[str, Any]:
        """Return the state before the first step; the roots begin as identities."""
        n_values = sum(side**2 for side in self._sides())
        curvatures, roots = np.zeros((2, n_values), theta.dtype)
        for root in self._squares(roots):
            np.fill_diagonal(root, 1)
        return super().init(theta) | {"curvatures": curvatures, "roots": roots}

    def parts(
        self,
        theta: Array,
        gradient: Array,
        state: dict[str, Any],
        *factors: Array,
        n_least: int = 1,
    ) -> Iterator[tuple[slice, Calls]]:
        """Yield the section and the step of each matrix, then those of the biases."""
        roots = self._squares(state["roots"])
        moments = {key: state[key] for key in ("first", "second")}
        buffer = np.empty_like(gradient)
        start = 0
        for shape, root in zip(self._shapes, roots, strict=True):
            section = slice(start, start + math.prod(shape))
            start = section.stop
            theta_piece, update, moments_piece = pieces(section, theta, gradient, moments)
            turn = ()
            if root.size:
                mean = moments_piece["first"].reshape(shape)
                squares = [np.zeros((), theta.dtype) for _ in range(2)]
                turn = precondition(mean, root, update, buffer[section], *squares)
            yield section, self._matrix_step(theta_piece, update, moments_piece, factors, turn)
        section = slice(start, theta.size)
        yield section, self.step(*pieces(section, theta, gradient, moments), *factors)

    def _matrix_step(self, theta, gradient, state, factors, turn):
        """Yield the calls of a matrix: Adam's update, turned to another direction."""
        yield from self._update(gradient, state, *factors)
        yield from turn
        yield np.subtract, theta, gradient, theta

    def prepare(
        self,
        gradient: Array,
        state: dict[str, Any],
        run_jobs: Callable[[list[Callable[[], Any]]], Any],
    ) -> None:
        """Update the curvatures and their roots, if this is one of the steps that do."""
        t = state["t"]
        is_power_of_two = t & (t - 1) == 0
        makes_roots = t % ROOT_INTERVAL == 0 or (t <= WARM_UP_STEPS and is_power_of_two)
        if not (makes_roots or t % CURVATURE_INTERVAL == 0):
            return
        memory = min(MEMORY, 1 - 1 / t)
        matrices = views(gradient, self._shapes)
        curvatures, roots = (self._squares(state[key]) for key in ("curvatures", "roots"))
        run_jobs(
            [
                partial(update_root, G, C, root, memory, makes_roots)
                for G, C, root in zip(matrices, curvatures, roots)
                if root.size
            ]
        )

    def _sides(self):
        """Return the number of rows of each curvature, 0 for a matrix that takes Adam's steps."""
        sides = [min(shape) for shape in self._shapes]
        return [side if side <= MAX_SIDE else 0 for side in sides]

    def _squares(self, vector):
        return views(vector, [(side, side) for side in self._sides()])


def views(vector, shapes):
    """Return views of a vector as matrices of these shapes, one after the other."""
    ends = np.cumsum([n_rows * n_columns for n_rows, n_columns in shapes], dtype=int)
    return [a.reshape(shape) for a, shape in zip(np.split(vector, ends), shapes)]


def is_wide(shape):
    """Tell whether a matrix has at least as many columns as rows: its left side is whitened."""
    n_rows, n_columns = shape
    return n_rows <= n_columns


def precondition(mean, root, update, buffer, update_square, direction_square):
    """update = |update| D / |D|,  D = root mean or mean root; buffer and squares are scratch."""
    direction = buffer.reshape(mean.shape)
    if is_wide(mean.shape):
        yield root.dot, mean, direction
    else:
        yield mean.dot, root, direction
    yield update.dot, update, update_square
    yield buffer.dot, buffer, direction_square
    yield np.add, direction_square, TINY, direction_square
    yield np.divide, update_square, direction_square, update_square
    yield np.sqrt, update_square, update_square
    yield np.multiply, buffer, update_square, update


def update_root(G, C, root, memory, makes_root):
    """C = memory C + (1 - memory) G G';  root = (C / c + damping)**(-1/2), c its mean diagonal."""
    C *= memory
    C += (1 - memory) * (G @ G.T if is_wide(G.shape) else G.T @ G)
    size = float(C.trace()) / len(C)
    if makes_root and 0 < size < math.inf:
        values, vectors = np.linalg.eigh(C / size)
        root[...] = (vectors / np.sqrt(np.maximum(values, 0) + DAMPING)) @ vectors.T


OPTIMIZERS = {"sgd": Sgd, "adam": Adam, "shampoo": Shampoo}
