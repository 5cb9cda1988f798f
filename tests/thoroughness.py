"""Which cases of a test run each time, and which run before a change lands."""

import pytest


def first_of(cases):
    """The first case as it is; the others, which repeat it, are slow."""
    first, *others = cases
    return [first, *(pytest.param(case, marks=pytest.mark.slow) for case in others)]
