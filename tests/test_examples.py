"""The examples: what can be checked without running them (the tour runs them)."""

import ast
from pathlib import Path
import subprocess
import sys

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
PLOTS = sorted(EXAMPLES.glob("plot_*.py"))
ALLOWED = {"matplotlib", "numpy", "scipy", "skae", "sklearn"} | set(sys.stdlib_module_names)


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
    assert {name.split(".")[0] for name in imported(tree)} <= ALLOWED
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
