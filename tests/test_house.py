"""How the package is built: imports point down, and kernels keep to a small vocabulary."""

import ast
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
import sys

import numpy as np
import pytest

import skae

# A floor knows nothing of those above it, nor modules of one floor of each other in a circle.
FLOORS = [
    ["_kernels", "_parallel", "_parametrized", "_sampling", "_sparse"] + ["_version"],
    ["activations", "corruptions", "losses", "optimizers", "penalties"],
    ["_network"],
    ["_training", "_outliers"],
    ["_compat", "_constraints", "_containers", "_missing", "_onnx", "_persistence", "metrics"],
    ["_sample_density", "_sample_marginals", "_validation"],
    ["_sample_drawing"],
    ["_base", "_denoising", "_fitted_model", "_imputer", "_incomplete", "_outlier"]
    + ["_reporting", "_search", "_search_folds", "_transformer"],
    ["_variational", "export"],
    ["plotting"],
    ["__init__"],
]
NUMPY_ONLY_BELOW = 4
PACKAGES = {"_network", "_training", "_outliers", "_missing", "_onnx", "plotting"}
# Tested by the tests of the estimators, which they are parts of.
NOT_MIRRORED = {"_compat", "_constraints", "_fitted_model"}
ESTIMATORS = {"AutoencoderTransformer", "DenoisingAutoencoder", "AutoencoderOutlierDetector"}
ESTIMATORS |= {"AutoencoderImputer"}
ESTIMATORS |= {"VariationalAutoencoder", "ComponentSearchCV"}
PUBLIC_CALLS = {"__init__", "from_estimator", "from_predictions"}
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


def is_for_type_checkers(node):
    """Return whether a statement is ``if TYPE_CHECKING:``, whose body never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_what_is_optional_is_imported_inside_functions():
    for name, tree in TREES.items():
        inside = ast.ClassDef | ast.FunctionDef
        on_top = [node for node in tree.body if not isinstance(node, inside)]
        at_run_time = [node for node in on_top if not is_for_type_checkers(node)]
        imported = imports(ast.Module(at_run_time, []))
        assert not [i for i in imported if i.startswith(OPTIONAL)], name


def test_every_source_has_its_test():
    """`skae/_network/nested.py` is tested by `tests/network/test_nested.py`."""
    folder = Path(__file__).parent
    for name in SOURCES.keys() - {"__init__", "_version"} - NOT_MIRRORED:
        if not name.endswith("__init__") and name not in PACKAGES:
            *parents, module = (part.lstrip("_") for part in name.split("."))
            test = folder.joinpath(*parents, f"test_{module}.py")
            assert test.is_file(), f"{name} has no {test.relative_to(folder)}"


# ---------------------------------------------------------------- sizes


def functions(tree):
    """Yield the functions of a module, private ones and public ones."""
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def nesting(node, depth=0):
    """Return how deep statements are nested, those of functions inside not counted."""
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        opens = isinstance(child, ast.If | ast.For | ast.While | ast.With | ast.Try)
        deepest = max(deepest, nesting(child, depth + (opens and not is_elif)))
    return deepest


def n_lines_of_code(name):
    """Return the number of lines that are neither empty nor comments nor docstrings."""
    texts = [n for n in ast.walk(TREES[name]) if isinstance(n, ast.Expr)]
    texts = [n for n in texts if isinstance(getattr(n.value, "value", None), str)]
    documented = {i for n in texts for i in range(n.lineno, n.end_lineno + 1)}
    lines = enumerate(SOURCES[name].read_text(encoding="utf-8").splitlines(), start=1)
    code = [i for i, line in lines if line.strip() and not line.strip().startswith("#")]
    return len(set(code) - documented)


def attributes(node):
    """Return the names of the attributes that instances of a class get in its own methods."""
    stored = [n for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    stored = [n for n in stored if isinstance(n.ctx, ast.Store)]
    names = {n.attr for n in stored if ast.unparse(n.value) == "self"}
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        names |= {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    return names


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_sizes(name):
    """No file over 300 lines of code, no nesting deeper than 4, no function that takes too much.

    What users call has as many parameters as they need; estimators have all parameters and
    fitted attributes.
    """
    assert n_lines_of_code(name) <= 300
    for function in functions(TREES[name]):
        assert nesting(function) <= 4, function.name
        given = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        n_parameters = len([a for a in given if a.arg not in ("self", "cls")])
        is_public = floor(name) >= floor("_base") and function.name in PUBLIC_CALLS
        assert n_parameters <= 6 or is_public, function.name
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.ClassDef) and node.name not in ESTIMATORS:
            assert len(attributes(node)) <= 12, node.name


# ---------------------------------------------------------------- calls


def handed_codes(frame, depth=4):
    """Return the code of all callables and generators that a frame was handed."""
    code = frame.f_code
    n_arguments = code.co_argcount + code.co_kwonlyargcount + 2
    names = {*code.co_varnames[:n_arguments], *code.co_freevars}
    values = [frame.f_locals[name] for name in names if name in frame.f_locals]
    codes, seen = set(), set()
    for _ in range(depth):
        values = [value for value in values if not (id(value) in seen or seen.add(id(value)))]
        codes |= {code for value in values for code in codes_of(value)}
        values = [part for value in values for part in parts_of(value)]
    return codes


def codes_of(value):
    """Yield the code of a function, a bound method or a generator."""
    function = getattr(value, "__func__", value)
    for name in ("__code__", "gi_code"):
        if hasattr(function, name):
            yield getattr(function, name)


def parts_of(value):
    """Yield what a container, a partial, a closure or an object holds."""
    if isinstance(value, list | tuple | set):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif getattr(value, "__closure__", None):
        yield from (cell.cell_contents for cell in value.__closure__)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from vars(value).values()


def climbing_calls(work):
    """Run work; return the calls from a lower floor of the package to a higher one.

    Those through a callable that the caller was handed as an argument do not count.
    """
    names = {str(path): name for name, path in SOURCES.items()}
    found = set()

    def look(frame, event, argument):
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        ends = [names.get(f.f_code.co_filename) for f in (caller, frame)]
        if None in ends or floor(ends[1]) <= floor(ends[0]):
            return
        call = f"{ends[0]}.{caller.f_code.co_name} calls {ends[1]}.{frame.f_code.co_name}"
        if call not in found and frame.f_code not in handed_codes(caller):
            found.add(call)

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("Estimator", "parameters"),
    [
        (skae.AutoencoderTransformer, {}),
        (skae.AutoencoderTransformer, {"n_components": 0.8, "max_iter": 2}),
        (skae.AutoencoderTransformer, {"nested": True, "sparsity": "l1"}),
        (skae.DenoisingAutoencoder, {"noise": "swap", "solver": "lbfgs"}),
        (skae.AutoencoderOutlierDetector, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_samples", [600, 100])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_calls_run_down(Estimator, parameters, n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 6)) * np.arange(1, 7)
    model = Estimator(**{"max_iter": 3, "random_state": 0} | parameters)

    def work():
        model.fit(X).transform(X)
        model.score_samples(X[:1])
        model.inverse_transform(model.transform(X[:5]))

    assert not climbing_calls(work)


def test_a_call_that_climbs_is_found(monkeypatch):
    """Were a lower floor to call an estimator by itself, the test above would say so."""
    model = skae.AutoencoderTransformer(2, max_iter=1, random_state=0)
    measure = skae._training.extent.measure
    source = "def measure(*a):\n    is_plain(ones, 2)\n    return measured(*a)"
    path = str(SOURCES["_training.extent"])
    scope = {"is_plain": skae._base.is_plain, "ones": np.ones((1, 2)), "measured": measure}
    exec(compile(source, path, "exec"), scope)
    monkeypatch.setattr("skae._training.extent.measure", scope["measure"])
    X = np.random.default_rng(0).normal(size=(100, 4))
    assert climbing_calls(lambda: model.fit(X)) == {"_training.extent.measure calls _base.is_plain"}


# ---------------------------------------------------------------- kernels

ELEMENTWISE = ["activations", "losses", "optimizers", "penalties"]
GENERATORS = ["activations", "losses", "optimizers"]
KERNELS = [*ELEMENTWISE, "_network.workspace"]
# Where arrays are born, and what is asked once before training starts.
NO_KERNELS = {"__init__", "init", "init_bends", "inverse", "parts", "pieces", "slices"}
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
# What NumPy has no call for, in `_kernels`: the k-th greatest of each row takes a partial sort,
# and NaN a mask.
OWN_CALLS = {"mark_greatest", "clear_missing"}
# `view` for the one kernel that reads the bits of its floats.
METHODS = {"dot", "reshape", "view", "T", "flat", "flags", "dtype", "itemsize", "shape", "size"}


def kernels(name):
    """Yield the functions of a file that run in every step."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef) and node.name not in NO_KERNELS:
            yield node


def statements(kernel):
    """Yield what a kernel executes: the nodes of its body, not the types in its signature."""
    for statement in kernel.body:
        yield from ast.walk(statement)


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
        for node in statements(kernel):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np":
                assert node.attr in permitted, f"{kernel.name}, line {node.lineno}"


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_use_the_permitted_methods_of_arrays(name):
    methods_of_arrays = {a for a in dir(np.ndarray) if not a.startswith("_")}
    for kernel in kernels(name):
        for node in statements(kernel):
            if isinstance(node, ast.Attribute) and not ast.unparse(node).startswith("np."):
                permitted = node.attr in METHODS or node.attr not in methods_of_arrays
                assert permitted, f"{kernel.name}, line {node.lineno}: {node.attr}"


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_index_by_slices_and_make_no_masks(name):
    for kernel in kernels(name):
        for node in statements(kernel):
            where = f"{kernel.name}, line {getattr(node, 'lineno', '?')}"
            assert not isinstance(node, ast.Compare), f"{where}: a mask"
            assert not isinstance(getattr(node, "op", None), ast.MatMult), f"{where}: allocates"
            if isinstance(node, ast.Subscript):
                assert isinstance(node.slice, ast.Slice | ast.Constant), where


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_compute_nothing_themselves(name):
    """They yield calls, each with its function first, and leave it to others to make them."""
    for kernel in kernels(name):
        for node in statements(kernel):
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
        for node in statements(kernel):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("np."):
                function = ast.unparse(node.func).removeprefix("np.")
                born = function in BIRTHS.get(kernel.name, set())
                has_out = any(keyword.arg == "out" for keyword in node.keywords)
                assert has_out or born or function in numbers | {"copyto"}, (
                    f"{kernel.name}, line {node.lineno}: {ast.unparse(node)}"
                )
