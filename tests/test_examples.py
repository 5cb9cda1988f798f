"""The examples: what can be checked without running them (the tour runs them)."""

import ast
from pathlib import Path
import subprocess
import sys

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PLOTS = sorted(EXAMPLES.glob("plot_*.py"))
ALLOWED = {"matplotlib", "numpy", "scipy", "skae", "sklearn"} | set(sys.stdlib_module_names)
WITH_FRAMES = {"plot_transactions"}  # a table of dates and categories is a frame


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", PLOTS, ids=lambda path: path.stem)
def test_example(path):
    tree = ast.parse(path.read_text("utf-8"))
    over, title, under, *_ = ast.get_docstring(tree).splitlines()
    assert over == under == "=" * len(title)
    allowed = ALLOWED | ({"pandas"} if path.stem in WITH_FRAMES else set())
    assert {name.split(".")[0] for name in imported(tree)} <= allowed
    assert "fetch_" not in path.read_text("utf-8")


def test_the_tour_knows_every_example():
    code = "import json, tour; print(json.dumps(tour.TOUR + tour.FURTHER))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=EXAMPLES, capture_output=True, text=True, check=True
    )
    assert sorted(ast.literal_eval(result.stdout)) == [path.stem for path in PLOTS]


def test_the_tour_explains_itself():
    result = subprocess.run(
        [sys.executable, EXAMPLES / "tour.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--output" in result.stdout
    assert "--all" in result.stdout
