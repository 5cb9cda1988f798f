"""Types: checkers find no fault with correct user code, and report wrong user code."""

from pathlib import Path
import re
import shutil
import subprocess
import sys

import pytest

import skae

TESTS, SOURCE = Path(__file__).parent, Path(skae.__file__).parents[1]
USER_CODE = TESTS / "typed_user_code.py"

# Of the package, which is read from its source, only the types count, as after installation.
MYPY_CONFIGURATION = """
[mypy]
strict = true
follow_imports = silent
untyped_calls_exclude = skae.plotting
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
