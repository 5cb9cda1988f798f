"""How the package is built: imports point down, and kernels keep to a small vocabulary."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path
import sys

import numpy as np
import pytest

import skae

# A floor knows nothing of those above it, nor modules of one floor of each other in a circle.
FLOORS = [
    ["_kernels", "_parallel", "_parametrized", "_random", "_sampling", "_version"],
    ["activations", "corruptions", "losses", "optimizers", "penalties"],
    ["_network"],
    ["_compat", "_training", "_outliers"],
    ["_constraints", "_containers", "_onnx", "_persistence", "metrics"],
    ["_base", "_denoising", "_fitted_model", "_outlier", "_transformer", "export"],
    ["plotting"],
    ["__init__"],
]
NUMPY_ONLY_BELOW = 3
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


def floor(name):
    """Return the number of the floor that a module is on."""
    folder = name.partition(".")[0]
    found = [number for number, rooms in enumerate(FLOORS) if folder in rooms]
    assert len(found) == 1, f"{name} has no floor in the house"
    return found[0]


def modules_imported(name):
    """Yield the modules of the package that a module imports."""
    for imported in imports(TREES[name]):
        package, _, rest = imported.partition(".")
        if package == "skae":
            yield rest if rest in SOURCES else rest.rpartition(".")[0]


def test_imports_never_point_up():
    for name in SOURCES:
        for below in modules_imported(name):
            assert floor(below) <= floor(name), f"{name} imports {below}"


def test_imports_make_no_circle():
    graph = {name: set(modules_imported(name)) - {name} for name in SOURCES}
    TopologicalSorter(graph).prepare()  # raises CycleError, with the circle


def test_other_packages_are_imported_where_they_belong():
    for name in SOURCES:
        for imported in imports(TREES[name]):
            package = imported.partition(".")[0]
            if package == "sklearn":
                assert floor(name) >= NUMPY_ONLY_BELOW, name
            elif package == "matplotlib":
                assert name.startswith("plotting")
            elif package == "threadpoolctl":  # which comes with scikit-learn
                assert name == "_parallel"
            elif package in {"onnx", "skl2onnx"}:
                assert name.startswith("_onnx.")
            else:
                assert package in sys.stdlib_module_names | {"numpy", "scipy", "skae"}


def test_folders_are_one_deep():
    assert max(name.count(".") for name in SOURCES) == 1


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
KERNELS = [*ELEMENTWISE, "_network.workspace"]
# Where arrays are born, and what is asked once before training starts.
NO_KERNELS = {"__init__", "init", "inverse", "parts", "pieces", "slices"}
NO_KERNELS |= {"_sides", "is_wide", "views"}  # of Shampoo: views of matrices, by their shapes
# Of Shampoo: in every fifth step at most, eigenvectors that LAPACK has to allocate.
NO_KERNELS |= {"prepare", "update_root"}

# fmt: off
VOCABULARY = {
    "matmul", "dot", "add", "subtract", "multiply", "divide", "negative", "exp", "expm1", "log",
    "log1p", "logaddexp", "tanh", "sqrt", "square", "abs", "sign", "maximum", "minimum", "sum",
    "vdot", "take", "copyto", "greater",
}
# fmt: on
BIRTHS = {}
# What NumPy has no call for, in `_kernels`: the k-th greatest of each row takes a partial sort.
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
    passes = {"forward", "encode", "decode", "decode_backward", "encode_backward", "product"}
    assert passes <= {kernel.name for kernel in kernels("_network.workspace")}


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
