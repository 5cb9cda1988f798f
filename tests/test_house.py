"""How the package is built: imports point down, and kernels keep to a small vocabulary."""

import ast
from pathlib import Path
import sys

import numpy as np
import pytest

import skae

FLOORS = {
    "_calls": 0,
    "_parameters": 0,
    "_random": 0,
    "_silence": 0,
    "_spread": 0,
    "_threads": 0,
    "_version": 0,
    "_nesting": 1,
    "_scaling": 1,
    "_splitting": 1,
    "_symbol": 1,
    "_stopping": 1,
    "activations": 1,
    "corruptions": 1,
    "optimizers": 1,
    "penalties": 1,
    "_bounds": 2,
    "_feed": 2,
    "_shampoo": 2,
    "losses": 2,
    "_network": 3,
    "_architecture": 4,
    "_initialization": 4,
    "_layer_table": 4,
    "_mixture": 4,
    "_objective": 4,
    "_passes": 4,
    "_robust": 4,
    "_code": 5,
    "_compat": 5,
    "_density": 5,
    "_training": 5,
    "_frames": 6,
    "_model": 6,
    "_onnx": 6,
    "_persistence": 6,
    "_recipe": 6,
    "metrics": 6,
    "_callbacks": 7,
    "_course": 7,
    "_fitted": 7,
    "_sizing": 7,
    "_fitting": 8,
    "_base": 9,
    "_calibration": 9,
    "_denoising": 10,
    "_outlier": 10,
    "_transformer": 10,
    "export": 10,
    "plotting._drawing": 11,
    "plotting._given": 11,
    "plotting._strips": 12,
    "plotting._code": 13,
    "plotting._distortion": 13,
    "plotting._loss_curve": 13,
    "plotting._network": 13,
    "plotting._outliers": 13,
    "plotting._path": 13,
    "plotting._reconstruction": 13,
    "plotting._weights": 13,
    "plotting": 14,
    "__init__": 15,
}
WITH_SCIPY = {"_initialization", "_mixture", "_robust", "_training"}
SCIKIT_LEARN_FROM = 5
OPTIONAL = ("matplotlib", "onnx", "skl2onnx")

HOUSE = Path(skae.__file__).parent
SOURCES = {
    ".".join(path.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in HOUSE.rglob("*.py")
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}


def imports(tree):
    """Yield the full name of every module, or name in a package, that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "skae":
                yield from (f"skae.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_imports_point_strictly_down(name):
    assert name in FLOORS, f"{name}.py has no floor in the house"
    for imported in imports(TREES[name]):
        package, _, rest = imported.partition(".")
        if package == "skae":
            below = rest if rest in FLOORS else rest.rpartition(".")[0]
            assert FLOORS[below] < FLOORS[name], f"{name} imports {below}"


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_other_packages_are_imported_where_they_belong(name):
    for imported in imports(TREES[name]):
        package = imported.partition(".")[0]
        if package == "scipy":
            assert name in WITH_SCIPY
        elif package == "sklearn":
            assert FLOORS[name] >= SCIKIT_LEARN_FROM
        elif package == "matplotlib":
            assert name.startswith("plotting")
        elif package == "threadpoolctl":  # which comes with scikit-learn
            assert name == "_threads"
        elif package in {"onnx", "skl2onnx"}:
            assert name in {"_onnx", "_symbol"}
        else:
            assert package in sys.stdlib_module_names | {"numpy", "skae"}


def test_what_is_private_in_scikit_learn_is_imported_in_one_file():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sklearn"):
                parts = node.module.split(".") + [alias.name for alias in node.names]
                private = any(part.startswith("_") for part in parts)
                assert name == "_compat" or not private, f"{name} imports {parts}"


def test_what_is_optional_is_imported_inside_functions():
    for name, tree in TREES.items():
        inside = ast.ClassDef | ast.FunctionDef
        on_top = ast.Module([node for node in tree.body if not isinstance(node, inside)], [])
        assert not [i for i in imports(on_top) if i.startswith(OPTIONAL)], name


# ---------------------------------------------------------------- kernels

ELEMENTWISE = ["activations", "losses", "optimizers", "penalties"]
GENERATORS = ["activations", "losses", "optimizers"]
KERNELS = [*ELEMENTWISE, "_network", "_passes"]
# Where arrays are born, and what is asked once before training starts.
NO_KERNELS = {"__init__", "init", "inverse", "parts", "pieces", "slices"}

# fmt: off
VOCABULARY = {
    "matmul", "dot", "add", "subtract", "multiply", "divide", "negative", "exp", "expm1", "log",
    "log1p", "logaddexp", "tanh", "sqrt", "square", "abs", "sign", "maximum", "minimum", "sum",
    "vdot", "take", "copyto", "greater",
}
# fmt: on
BIRTHS = {"_bias": {"tile"}}
# What NumPy has no call for, in `_calls`: the k-th greatest of each row takes a partial sort.
OWN_CALLS = {"mark_greatest"}
# `view` for the one kernel that reads the bits of its floats.
METHODS = {"dot", "reshape", "view", "T", "flat", "flags", "dtype", "itemsize", "shape", "size"}


def kernels(name):
    """Yield the functions of a file that run in every step."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef) and node.name not in NO_KERNELS:
            yield node


def test_the_registries_are_looked_at():
    assert {"forward", "backward"} <= {kernel.name for kernel in kernels("activations")}
    assert "errors_and_delta" in {kernel.name for kernel in kernels("losses")}
    assert "step" in {kernel.name for kernel in kernels("optimizers")}
    assert "value_and_add_gradient" in {kernel.name for kernel in kernels("penalties")}
    passes = {"forward", "encode", "read", "read_backward", "encode_backward", "product"}
    assert passes <= {kernel.name for kernel in kernels("_network")}
    assert "blocks" in {kernel.name for kernel in kernels("_passes")}


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_use_the_permitted_functions_of_numpy(name):
    for kernel in kernels(name):
        permitted = VOCABULARY | BIRTHS.get(kernel.name, set())
        for node in ast.walk(kernel):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np":
                assert node.attr in permitted, f"{kernel.name}, line {node.lineno}"


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_use_the_permitted_methods_of_arrays(name):
    methods_of_arrays = {a for a in dir(np.ndarray) if not a.startswith("_")}
    for kernel in kernels(name):
        for node in ast.walk(kernel):
            if isinstance(node, ast.Attribute) and not ast.unparse(node).startswith("np."):
                permitted = node.attr in METHODS or node.attr not in methods_of_arrays
                assert permitted, f"{kernel.name}, line {node.lineno}: {node.attr}"


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_index_by_slices_and_make_no_masks(name):
    for kernel in kernels(name):
        for node in ast.walk(kernel):
            where = f"{kernel.name}, line {getattr(node, 'lineno', '?')}"
            assert not isinstance(node, ast.Compare), f"{where}: a mask"
            assert not isinstance(getattr(node, "op", None), ast.MatMult), f"{where}: allocates"
            if isinstance(node, ast.Subscript):
                assert isinstance(node.slice, ast.Slice | ast.Constant), where


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_compute_nothing_themselves(name):
    """They yield calls, each with its function first, and leave it to others to make them."""
    for kernel in kernels(name):
        for node in ast.walk(kernel):
            where = f"{kernel.name}, line {getattr(node, 'lineno', '?')}"
            assert not isinstance(node, ast.AugAssign) or kernel.name == "factors", where
            if isinstance(node, ast.Call):
                assert not ast.unparse(node.func).startswith("np."), where
            if isinstance(node, ast.Yield):
                assert isinstance(node.value, ast.Tuple), where
                function = ast.unparse(node.value.elts[0])
                is_dot = function.endswith(".dot")  # of an array: half the time of np.matmul
                assert function.startswith("np.") or is_dot or function in OWN_CALLS, where


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_of_numpy_write_into_memory_that_exists(name):
    """Every call says where its result goes, but for those that return one number."""
    numbers = {"sum", "vdot"}
    for kernel in kernels(name):
        for node in ast.walk(kernel):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("np."):
                function = ast.unparse(node.func).removeprefix("np.")
                born = function in BIRTHS.get(kernel.name, set())
                has_out = any(keyword.arg == "out" for keyword in node.keywords)
                assert has_out or born or function in numbers | {"copyto"}, (
                    f"{kernel.name}, line {node.lineno}: {ast.unparse(node)}"
                )
