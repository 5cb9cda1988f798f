"""PCA or better: draws of the laws that were the worst, of tests/benchmarks/bench_promise.py."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

PATH = Path(__file__).parent / "benchmarks" / "bench_promise.py"
N_FRESH = 5000

spec = importlib.util.spec_from_file_location("bench_promise", PATH)
bench_promise = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench_promise)


# Heavy tails, where a tenth of the samples does not show the largest losses, and samples that
# depend on each other, where held-out samples can resemble those that were trained on.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "n", "seed", "least"),
    [
        ("lognormal", 600, 100, -1),
        ("cauchy_rows", 1000, 100, -1),
        ("contaminated", 300, 203, -3),
        ("pairs", 300, 100, -1),
        ("autoregressive_windows", 300, 101, -3),
    ],
)
def test_gains_on_fresh_samples(law, n, seed, least):
    found = bench_promise.measure(law, n, seed, SimpleNamespace(components=3, fresh=N_FRESH))
    assert found["gain"] > least
    assert found["bound"] is None or found["bound"] < found["gain"]


@pytest.mark.slow
def test_samples_that_a_network_reconstructs_better_are_used():
    options = SimpleNamespace(components=3, fresh=N_FRESH)
    found = bench_promise.measure("curved", 120, 0, options)
    assert found["gain"] > 50
    assert 20 < found["bound"] < found["gain"]


def test_summaries_count_losses_and_wrong_bounds():
    cells = [
        {"pool": "confirm", "law": "sphere", "n": 30, "gain": [5.0, -2.0], "bound": [6.0, None],
         "seconds": [1.0, 3.0]},
        {"pool": "confirm", "law": "sphere", "n": 60, "gain": [1.0, 0.0], "bound": [-1.0, 0.5],
         "seconds": [1.0, 3.0]},
    ]  # fmt: skip
    found = bench_promise.summarize(cells)
    assert found["draws"] == 4
    assert (found["worst"], found["losses"], found["median"], found["mean"]) == (-2, 0.25, 0.5, 1)
    assert (found["stated"], found["positive"], found["wrong"]) == (0.75, 0.5, 0.5)
    lines = list(bench_promise.verdict(cells))
    assert lines[0].startswith("confirm: worst -2.0 %, 25.0% of 4 draws below -1 %")
    assert lines[1].endswith("sphere 30 (50%), sphere 60 (50%)")
    assert len(bench_promise.line("sphere", 30, found)) == len(bench_promise.HEADER)


def test_a_draw_is_the_same_whatever_is_drawn_besides():
    draws = [
        bench_promise.LAWS["sphere"](bench_promise.generator_of("sphere", 30, 4)) for _ in range(2)
    ]
    np.testing.assert_array_equal(draws[0](30), draws[1](30))
