"""What users install: the wheel, what is in it, and what importing it brings along."""

import ast
from email.parser import Parser
from functools import cache
from pathlib import Path
import re
import subprocess
import sys
import zipfile

import pytest

import skae

ROOT = Path(__file__).parents[1]
DEPENDENCIES = ["numpy", "scikit-learn", "scipy"]
OPTIONAL = ["matplotlib", "onnx", "onnxruntime", "pandas", "polars", "pyarrow", "skl2onnx", "skops"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_the_wheel_is_small_and_for_every_machine(wheel):
    path = Path(wheel.filename)
    assert path.name == f"skae-{skae.__version__}-py3-none-any.whl"
    assert path.stat().st_size < 370_000


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    sources = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("skae/**/*.py")}
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert found == sources | {"skae/py.typed"}
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_the_wheel_leaves_out_what_is_for_contributors(wheel):
    folders = {name.partition("/")[0] for name in wheel.namelist()}
    assert folders == {"skae", f"skae-{skae.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "test" in name or name.endswith(".md")]


def test_the_wheel_needs_scikit_learn_and_what_that_needs(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Version"] == skae.__version__
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.split(">")[0] for line in needed) == DEPENDENCIES
    assert {"onnx", "plots", "tests"} <= set(metadata.get_all("Provides-Extra"))


def test_importing_brings_nothing_that_pca_does_not():
    code = """
import sys
import sklearn.decomposition
before = set(sys.modules)
import skae
print(sorted(sys.modules.keys() - before))
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    loaded_by_numpy_2 = {"numpy.typing", "numpy._typing._add_docstring"}
    names = set(ast.literal_eval(result.stdout)) - loaded_by_numpy_2
    imported = {name.partition(".")[0] for name in names}
    assert imported - sys.stdlib_module_names == {"skae"}


@cache
def packages_imported_on_top():
    names = []
    for path in ROOT.glob("skae/**/*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names += [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", OPTIONAL)
def test_what_is_optional_is_an_extra_or_the_users_own(package):
    """No file imports it on top, so that its absence is met where it is asked for."""
    assert package not in packages_imported_on_top()


# ---------------------------------------------------------------- files for other programs


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    fields = dict(re.findall(r"^([\w-]+): (.+)$", citation, re.MULTILINE))
    assert fields["version"] == skae.__version__
    assert fields["license"] == "BSD-3-Clause"
    assert fields.keys() >= {"cff-version", "message", "title"}


def test_continuous_integration_runs_what_contributors_run():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8")
    assert re.findall(r"^ *- run: (.+)$", workflow, re.MULTILINE) == ["bash .ci/run"]
    assert "{{ secrets" not in workflow


def test_commands_of_continuous_integration_are_those_of_the_readme():
    """`.ci/run` takes them from there, adds the slow tests, and measures coverage."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert re.search(r"^    .*-m pytest.*$", readme, re.MULTILINE)
    assert re.search(r"^    .*-m sphinx.*$", readme, re.MULTILINE)
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "-m 'slow or not slow' --cov" in run
    assert "--cov" not in readme


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "RELEASING.md"])
def test_paths_that_contributors_are_told_of_exist(page):
    text = (ROOT / page).read_text("utf-8")
    paths = re.findall(r"(?<![\w/.-])((?:skae|tests|docs|\.ci)/[\w./-]*\w)", text)
    assert len(paths) > 2
    for path in paths:
        if not re.search(r"_build|\d\.\d\.\d", path):
            assert (ROOT / path).exists(), path
