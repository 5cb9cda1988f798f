"""Types: checkers find no fault with correct user code, and report wrong user code."""

import inspect
from pathlib import Path
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import skae
from skae import activations, corruptions, export, losses, metrics, optimizers, penalties, plotting

TESTS, SOURCE = Path(__file__).parent, Path(skae.__file__).parents[1]
USER_CODE = TESTS / "typed_user_code.py"

ESTIMATORS = [
    skae.AutoencoderTransformer,
    skae.DenoisingAutoencoder,
    skae.AutoencoderOutlierDetector,
]
PARTS = [getattr(export, name) for name in export.__all__]
DISPLAYS = [getattr(plotting, name) for name in plotting.__all__]
KINDS = [activations, corruptions, losses, optimizers, penalties]
KERNELS = [getattr(kind, name) for kind in KINDS for name in kind.__all__]
FUNCTIONS = [getattr(metrics, name) for name in metrics.__all__]

# Errors inside the package are not reported, as for an installed package.
MYPY_CONFIGURATION = """
[mypy]
strict = true
follow_imports = silent
[mypy-sklearn.*,pandas.*]
ignore_missing_imports = true
"""


def lines_with_errors(report):
    """Return the numbers of the lines of the user code in a checker's report."""
    found = re.findall(rf"{USER_CODE.name}:(\d+)(?::\d+)?(?: -|:) error", report)
    return {int(number) for number in found}


def marked_lines():
    lines = USER_CODE.read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, start=1) if line.endswith("# error")}


def assert_typed(function):
    signature = inspect.signature(function)
    for name, parameter in signature.parameters.items():
        assert name == "self" or parameter.annotation is not parameter.empty, (function, name)
    assert signature.return_annotation is not signature.empty, function


@pytest.mark.parametrize("Class", ESTIMATORS + PARTS)
def test_constructors_and_methods_have_types(Class):
    assert_typed(Class.__init__)
    for name, method in inspect.getmembers(Class, callable):
        function = inspect.unwrap(method)
        is_public = not name.startswith(("_", "onnx_"))  # the latter are for skl2onnx
        if is_public and function.__module__.startswith("skae"):
            assert_typed(function)


@pytest.mark.parametrize("Class", KERNELS + DISPLAYS)
def test_instances_and_displays_have_types(Class):
    for name, method in inspect.getmembers(Class):
        if inspect.isroutine(method) and not name.startswith("_"):
            assert_typed(method)
        elif isinstance(method, property) and not name.startswith("_"):
            assert "return" in method.fget.__annotations__, name


@pytest.mark.parametrize("Display", DISPLAYS)
def test_displays_have_types(Display):
    assert_typed(Display.__init__)
    documented = re.findall(r"^(\w+_) : ", inspect.getdoc(Display), flags=re.MULTILINE)
    typed = set().union(*(vars(Class).get("__annotations__", {}) for Class in Display.__mro__))
    assert {"figure_"} <= set(documented) <= typed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_metrics_have_types(function):
    assert_typed(function)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_fitted_attributes_have_types(Estimator):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    model = Estimator(2, hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(frame)
    typed = set().union(*(vars(Class).get("__annotations__", {}) for Class in Estimator.__mro__))
    for name in vars(model):
        assert name in typed or name.startswith("_") or not name.endswith("_"), name
    for name, attribute in inspect.getmembers(Estimator, inspect.isdatadescriptor):
        if isinstance(attribute, property) and re.fullmatch(r"[a-z]\w*_", name):
            assert "return" in attribute.fget.__annotations__, name


@pytest.mark.slow
def test_mypy(tmp_path, monkeypatch):
    pytest.importorskip("mypy")
    monkeypatch.setenv("MYPYPATH", str(SOURCE))
    configuration = tmp_path / "mypy.ini"
    configuration.write_text(MYPY_CONFIGURATION, encoding="utf-8")
    options = ["--config-file", configuration, "--cache-dir", tmp_path / "cache"]
    command = [sys.executable, "-m", "mypy", *options, USER_CODE.name]
    result = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    assert lines_with_errors(result.stdout) == marked_lines(), result.stdout + result.stderr


def test_pyright(tmp_path):
    pyright = shutil.which("pyright")
    if pyright is None:
        pytest.skip("needs pyright")
    shutil.copy(USER_CODE, tmp_path)
    configuration = f'{{"extraPaths": ["{SOURCE.as_posix()}"], "typeCheckingMode": "standard"}}'
    (tmp_path / "pyrightconfig.json").write_text(configuration, encoding="utf-8")
    command = [pyright, "--pythonpath", sys.executable]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "errors, " not in result.stdout:
        pytest.skip("pyright downloads parts of itself when it is first used")
    assert lines_with_errors(result.stdout) == marked_lines(), result.stdout + result.stderr
