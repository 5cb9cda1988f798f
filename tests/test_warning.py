"""Warnings show the line of the user."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import skae

X = np.random.default_rng(0).normal(size=(30, 4))


@pytest.mark.parametrize("wrap", [lambda m: m, make_pipeline, lambda m: GridSearchCV(m, {}, cv=2)])
def test_a_warning_of_fit_shows_the_line_that_called_fit(wrap):
    model = wrap(skae.AutoencoderTransformer(1, solver="lbfgs", max_iter=1, random_state=0))
    line = inspect.currentframe().f_lineno + 2
    with pytest.warns(ConvergenceWarning, match="L-BFGS stopped") as warned:
        model.fit(X)
    assert {(w.filename, w.lineno) for w in warned} == {(__file__, line)}


def test_all_warnings_are_issued_by_one_function():
    house = Path(skae.__file__).parent
    for path in house.rglob("*.py"):
        calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        assert path.stem == "_warning" or "warnings.warn" not in {
            ast.unparse(c.func) for c in calls
        }
