"""For tests and doctests alike: figures go nowhere, and none is left open."""

import os
import sys

os.environ["MPLBACKEND"] = "Agg"

import pytest


@pytest.fixture(autouse=True)
def close_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
