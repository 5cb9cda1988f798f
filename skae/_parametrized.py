"""Objects with parameters in scikit-learn's sense, checks of them, and warnings to users."""

from collections.abc import Sequence
import copy
from dataclasses import dataclass
import inspect
import math
import sys
from typing import Any, ClassVar, Self
import warnings

SKIPPED = {"skae", "sklearn", "joblib", "pickle"}  # packages whose frames are passed over


class Parametrized:
    """Mixin that gives a class scikit-learn's `get_params` and `set_params`.

    The parameters are the arguments of the constructor, each kept in the attribute of the same
    name. `clone` and ``GridSearchCV`` then reach them, the latter by names such as
    ``solver__beta_1``. Frozen dataclasses suit best: they compare by value and can be hashed.
    """

    _ranges: ClassVar[
        dict[str, "Range"]
    ] = {}  # parameter -> Range of its values, checked by `check_offers`

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Ignored; present for scikit-learn, which passes it.

        Returns
        -------
        params : dict
            The value of each parameter, by its name.
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            New values, by the names of the parameters.

        Returns
        -------
        self : object
            This object.

        Raises
        ------
        ValueError
            If there is no parameter of that name. Nothing is set then.
        """
        valid = list(inspect.signature(type(self)).parameters)
        for name in params:
            if name not in valid:
                raise ValueError(
                    f"Invalid parameter {name!r} for {self!r}. Valid parameters are: {valid!r}."
                )
        for name, value in params.items():
            object.__setattr__(self, name, value)
        return self

    def __eq__(self, other: object) -> bool:
        """Compare by value, as dataclasses do, also where a subclass is none."""
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def _copy_with(self, **private: Any) -> Self:
        """Return a copy with private attributes set: an object bound to widths, shapes or data."""
        bound = copy.copy(self)
        for name, value in private.items():
            object.__setattr__(bound, name, value)
        return bound


@dataclass(frozen=True)
class Range:
    """Interval of numbers; `closed` is "both", "left" or "neither"."""

    low: float
    high: float = math.inf
    closed: str = "both"

    def __contains__(self, number: float) -> bool:
        above = number > self.low or (number == self.low and self.closed != "neither")
        return above and (number < self.high or (number == self.high and self.closed == "both"))

    def __str__(self) -> str:
        left, right = {"both": "[]", "left": "[)", "neither": "()"}[self.closed]
        return f"{left}{self.low:g}, {self.high:g}{right}"


def check_offers(
    instance: object, Base: type[Any], parameter: str, also: Sequence[str] = ()
) -> None:
    """Raise an error unless an object can be used where an instance of `Base` is expected.

    Objects of other classes need the abstract methods of `Base`, the methods `also`, and everything
    public that `Base` has a default for. `parameter` is that of the estimator, for the message.
    """
    if isinstance(instance, type):
        name = instance.__name__
        raise TypeError(f"{parameter}={name} is a class: pass an instance, {name}(...).")
    abstract = [name for name in vars(Base) if name in Base.__abstractmethods__]
    missing = [f"method {name!r}" for name in [*abstract, *also] if not _has(instance, Base, name)]
    if not missing and not isinstance(instance, Base):
        missing = [f"attribute {name!r}" for name in _defaults(Base) if not hasattr(instance, name)]
    if missing:
        name, kind = type(instance).__name__, Base.__name__.lower()
        article = "an" if kind[0] in "aeiou" else "a"
        raise TypeError(
            f"{parameter}=<{name}> cannot be used: {name} has no {' and no '.join(missing)}. "
            f"See {Base.__module__}.{Base.__name__} for what {article} {kind} must offer."
        )
    for name, valid in getattr(instance, "_ranges", {}).items():
        value = getattr(instance, name)
        if not isinstance(value, (int, float)) or value not in valid:
            raise ValueError(
                f"{parameter}={instance!r} cannot be used: {name} must be a number in {valid}, "
                f"got {value!r}."
            )


def _has(instance, Base, name):
    """Return whether an object has a method of its own, not that of `Base`, which only raises."""
    is_open = getattr(type(instance), name, None) is getattr(Base, name, None)
    return not is_open and callable(getattr(instance, name, None))


def _defaults(Base):
    """Return the public names that `Base` has a usable default for."""
    left_out = Base.__abstractmethods__ | set(Base._optional)
    return [name for name in vars(Base) if not name.startswith("_") and name not in left_out]


def warn(message, category=UserWarning):
    """Issue a warning at the line outside of these packages from which they were called."""
    frame, level = sys._getframe(1), 2
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in SKIPPED:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
