"""Docstrings of estimators, skae.export and metrics: complete, correct and consistent."""

import ast
import inspect
import re

import numpy as np
import pandas as pd
import pytest

import skae
from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
    export,
    metrics,
)

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
PARTS = [getattr(export, name) for name in export.__all__]
SECTIONS = [
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
]
# Attributes and methods of the same name that differ between the estimators: a detector
# standardises each feature and has other scores.
DIFFERENT_ATTRIBUTES = {"mean_", "scale_", "code_scale_", "gaussian_"}
# Parameters of a variational autoencoder that say more, or less, than those of the others.
DIFFERENT_PARAMETERS = {
    "activation",
    "early_stopping",
    "linear_path",
    "loss",
    "max_iter",
    "n_components",
    "n_iter_no_change",
    "random_state",
}
DIFFERENT_METHODS = {"fit", "partial_fit", "score", "score_samples"}


def sections(thing):
    """Return the sections of a docstring by heading; the text before the first is under ""."""
    found, heading, lines = {}, "", inspect.getdoc(thing).splitlines()
    text = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line in SECTIONS and following == "-" * len(line):
            found[heading] = text
            heading, text = line, []
        elif not (line and set(line) == {"-"}):
            text.append(line)
    found[heading] = text
    return {name: "\n".join(text).strip("\n") for name, text in found.items()}


def entries(section):
    """Return the entries of a section as {name: (type, description)}."""
    found = {}
    for entry in re.split(r"\n(?=\S)", section) if section else []:
        head, _, description = entry.partition("\n")
        name, _, kind = head.partition(" : ")
        found[name] = (" ".join(kind.split()), inspect.cleandoc("\n" + description))
    return found


def public_methods(Estimator):
    """Yield name and function of each public method that skae defines."""
    for name, method in inspect.getmembers(Estimator, callable):
        function = inspect.unwrap(method)
        if not name.startswith("_") and getattr(function, "__module__", "").startswith("skae"):
            yield name, function


def public_functions():
    public = getattr(metrics, "__all__", None)
    for name, function in inspect.getmembers(metrics, inspect.isfunction):
        is_ours = function.__module__ == metrics.__name__ and not name.startswith("_")
        if is_ours and (public is None or name in public):
            yield pytest.param(function, id=name)


METHODS = [
    pytest.param(method, id=f"{Estimator.__name__}.{name}")
    for Estimator in ESTIMATORS + PARTS
    for name, method in public_methods(Estimator)
]


def assert_parameters_are_documented(documented, signature):
    parameters = dict(signature.parameters)
    parameters.pop("self", None)
    if "params" in parameters:
        parameters["**params"] = parameters.pop("params")
    assert list(documented) == list(parameters)
    for name, (kind, description) in documented.items():
        assert description.rstrip().endswith((".", ")")), name
        default = parameters[name].default
        stated = re.search(r", default=(.*)$", kind)
        if kind == "Ignored":
            assert default is None
        elif default is inspect.Parameter.empty:
            assert stated is None, name
            assert kind, name
        else:
            value = ast.literal_eval(stated[1])
            assert value == default, name
            assert type(value) is type(default), name


def assert_opens_well(thing):
    summary = sections(thing)[""]
    first, _, rest = summary.partition("\n")
    assert first.endswith("."), first
    assert not rest or rest.startswith("\n")


# ------------------------------------------------------------ each


def test_public_names():
    assert set(skae.__all__) >= {Estimator.__name__ for Estimator in ESTIMATORS} | {"metrics"}
    for name in skae.__all__:
        assert inspect.getdoc(getattr(skae, name))


@pytest.mark.parametrize("Estimator", ESTIMATORS + PARTS)
def test_classes(Estimator):
    found = sections(Estimator)
    assert_opens_well(Estimator)
    names = [name for name in found if name]
    assert names == sorted(names, key=SECTIONS.index)
    assert {"Parameters", "Attributes", "See Also", "Examples"} <= set(names)
    assert_parameters_are_documented(entries(found["Parameters"]), inspect.signature(Estimator))


@pytest.mark.parametrize("method", METHODS)
def test_methods(method):
    assert_opens_well(method)
    found = sections(method)
    signature = inspect.signature(method)
    assert_parameters_are_documented(entries(found.get("Parameters", "")), signature)
    for name, (kind, description) in entries(found["Returns"]).items():
        assert kind, name
        assert description.endswith("."), name


@pytest.mark.parametrize("function", list(public_functions()))
def test_functions(function):
    assert_opens_well(function)
    found = sections(function)
    assert {"Parameters", "Returns", "Examples"} <= set(found)
    assert_parameters_are_documented(entries(found["Parameters"]), inspect.signature(function))


def fitted_attributes(Estimator):
    """Return the names of the fitted attributes after fits with different parameters."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    found = set()
    options = [{}, {"early_stopping": False}, {"linear_path": None}]
    if Estimator is not VariationalAutoencoder:
        options.append({"sparsity": "kl"})
    for more in options:
        model = Estimator(**parameters, **more).fit(frame)
        names = [name for name in dir(model) if re.fullmatch(r"[a-zA-Z]\w*(?<!_)_", name)]
        found |= {name for name in names if hasattr(model, name)}
    return found


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_attributes(Estimator):
    documented = entries(sections(Estimator)["Attributes"])
    assert set(documented) == fitted_attributes(Estimator)
    for name, (kind, description) in documented.items():
        assert kind, name
        assert description.endswith((".", "`")), name


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_attributes_have_the_documented_type_and_shape(Estimator):
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = Estimator(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X)
    sizes = {"n_features": 3, "n_components": 2}
    sizes["n_parameters"] = model.theta_.size
    for name, (kind, _) in entries(sections(Estimator)["Attributes"]).items():
        value = getattr(model, name, None)
        shape = re.match(r"ndarray of shape \((.*)\)", kind)
        if value is None:
            continue
        if kind.startswith("ndarray"):
            assert isinstance(value, np.ndarray), name
            stated = [size for size in shape[1].replace(" ", "").split(",") if size]
            assert value.ndim == len(stated), name
            for found, size in zip(value.shape, stated, strict=True):
                assert found == sizes.get(size, found), name
        else:
            kinds = {"int": int, "float": float, "list": list, "dict": dict}
            expected = kinds[kind.split()[0]]
            assert isinstance(value, expected), name


# ------------------------------------------------------------ all


def assert_same_words(found, different=frozenset()):
    """Check that equal names have equal texts; `found` has {name: text} for each estimator."""
    for name in set().union(*found) - set(different):
        texts = {one[name] for one in found if name in one}
        assert len(texts) == 1, name


def test_shared_parameters_have_the_same_descriptions():
    found = []
    for Estimator in ESTIMATORS:
        documented = entries(sections(Estimator)["Parameters"])
        is_variational = Estimator is VariationalAutoencoder
        found.append(
            {
                name: (kind.partition(", default=")[0], description)
                for name, (kind, description) in documented.items()
                if not (is_variational and name in DIFFERENT_PARAMETERS)
            }
        )
    assert_same_words(found)


def test_shared_attributes_have_the_same_descriptions():
    found = [entries(sections(Estimator)["Attributes"]) for Estimator in ESTIMATORS]
    for name in ("bounds_", "gain_over_pca_", "gain_over_pca_bound_"):
        found[-1].pop(name)  # a variational autoencoder has none
    assert_same_words(found, DIFFERENT_ATTRIBUTES)


def test_shared_parameters_have_the_same_order():
    orders = [list(inspect.signature(Estimator).parameters) for Estimator in ESTIMATORS]
    shared = [name for name in orders[0] if all(name in order for order in orders)]
    for order in orders:
        assert [name for name in order if name in shared] == shared
    shared = [name for name in orders[0] if all(name in order for order in orders[:3])]
    for order in orders[:3]:
        assert order[: len(shared)] == shared


def test_transformers_have_the_same_defaults():
    one, two = (
        inspect.signature(Estimator).parameters
        for Estimator in (AutoencoderTransformer, DenoisingAutoencoder)
    )
    assert all(parameter == two[name] for name, parameter in one.items())


def test_shared_methods_have_the_same_descriptions():
    assert_same_words(
        [
            {name: sections(method)[""] for name, method in public_methods(Estimator)}
            for Estimator in ESTIMATORS
        ],
        DIFFERENT_METHODS,
    )


@pytest.mark.parametrize("section", ["Parameters", "Returns", "Raises"])
def test_sections_of_shared_methods_have_the_same_entries(section):
    found = []
    for Estimator in ESTIMATORS:
        found.append({})
        for name, method in public_methods(Estimator):
            if name in {"score", "score_samples"} and section == "Returns":
                continue
            for argument, text in entries(sections(method).get(section, "")).items():
                found[-1][name, argument] = text
    assert_same_words(found)


def test_quoted_names_exist():
    """Names in backquotes that contain an underscore are parameters, attributes or methods."""
    for Estimator in ESTIMATORS:
        names = set(dir(Estimator)) | fitted_attributes(Estimator)
        names |= set(Estimator().get_params())
        documentation = [inspect.getdoc(Estimator)]
        documentation += [inspect.getdoc(method) for _, method in public_methods(Estimator)]
        text = "\n".join(documentation)
        for quoted in re.findall(r"(?<!`)(?<!:)`(\w+_\w*)`(?!`)", text):
            assert quoted in names, f"{Estimator.__name__}: {quoted}"
        for quoted in re.findall(r"``(\w+)=", text):
            assert quoted in names, f"{Estimator.__name__}: {quoted}"


@pytest.mark.parametrize("Estimator", ESTIMATORS, ids=lambda E: E.__name__)
def test_signatures_name_types_instead_of_spelling_them_out(Estimator):
    for function in (Estimator.__init__, Estimator.fit):
        assert "numpy._typing" not in str(inspect.signature(function))
