"""The parts of a fitted autoencoder as transformers; export to ONNX is tested beside it."""

import copy
import doctest
import inspect
from pathlib import Path
import pickle
import sys

import numpy as np
from numpy.testing import assert_array_equal
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted
import test_docstrings

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder, export
from skae.export import Decoder, Encoder, Reconstructor, SampleScorer

SMALL = {"hidden_layer_sizes": (7,), "max_iter": 3, "early_stopping": False, "random_state": 0}
PARTS = [Encoder, Decoder, Reconstructor, SampleScorer]
MODELS = [
    AutoencoderTransformer(**SMALL),
    DenoisingAutoencoder(**SMALL),
    AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL),
]


def rows(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 5)) + 0.3 * rng.normal(size=(60, 5))
    return X.astype(dtype)


@pytest.fixture(params=MODELS, ids=lambda model: type(model).__name__)
def model(request):
    return clone(request.param).fit(rows())


def given_to(part, X):
    """What a part takes: codes or rows."""
    return part.estimator.transform(X) if isinstance(part, Decoder) else X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_are_methods_of_the_estimator(model, dtype):
    X = rows(dtype)
    code = model.transform(X)
    for part, given, expected in (
        (Encoder(model), X, code),
        (Decoder(model), code, model.inverse_transform(code)),
        (Reconstructor(model), X, model.reconstruct(X)),
        (SampleScorer(model), X, model.score_samples(X)[:, np.newaxis]),
    ):
        for found in (part.transform(given), part.fit_transform(given)):
            assert found.dtype == expected.dtype
            assert_array_equal(found, expected)
        assert part.n_features_in_ == given.shape[1]
        assert len(part.get_feature_names_out()) == expected.shape[1]
        with pytest.raises(ValueError, match=r"column|feature"):
            part.transform(given[:, 1:])


@pytest.mark.parametrize("Part", PARTS)
def test_fit_clone_and_copies_leave_the_estimator_as_it_is(Part, model):
    part, X = Part(model), rows()
    before = pickle.dumps(model)
    assert part.fit(X + 1) is part
    assert part.fit() is part
    assert clone(part) is part
    assert part.estimator is model
    assert pickle.dumps(model) == before
    given = given_to(part, X)
    for other in (pickle.loads(pickle.dumps(part)), copy.deepcopy(part)):
        assert other.estimator is not model
        assert_array_equal(other.transform(given), part.transform(given))


@pytest.mark.parametrize("Part", PARTS)
def test_what_is_not_a_fitted_estimator_of_the_package(Part):
    unfitted = Part(AutoencoderTransformer())
    for call in (unfitted.fit, unfitted.transform):
        with pytest.raises(NotFittedError):
            call(rows())
    with pytest.raises(NotFittedError):
        check_is_fitted(unfitted)
    check_is_fitted(Part(AutoencoderTransformer(**SMALL).fit(rows())))
    with pytest.raises(TypeError, match=f"{Part.__name__} takes a fitted estimator of skae"):
        Part(PCA()).fit(rows())


@pytest.mark.parametrize("Part", PARTS)
def test_the_only_parameter_is_the_estimator(Part, model):
    part = Part(model)
    assert part.get_params(deep=True) == {"estimator": model}
    other = clone(model).fit(rows() + 1)
    assert part.set_params(estimator=other).estimator is other
    for name in ("estimator__alpha", "alpha"):
        with pytest.raises(ValueError, match=f"no parameter '{name}'"):
            part.set_params(**{name: 1})


def test_names_of_columns():
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    named = AutoencoderTransformer(**SMALL).fit(frame)
    plain = AutoencoderTransformer(**SMALL).fit(rows())
    for part, names in (
        (Encoder(named), ["encoder0", "encoder1"]),
        (Decoder(named), list("abcde")),
        (Decoder(plain), ["x0", "x1", "x2", "x3", "x4"]),
        (Reconstructor(named), list("abcde")),
        (Reconstructor(plain), ["x0", "x1", "x2", "x3", "x4"]),
        (SampleScorer(named), ["score_samples"]),
    ):
        assert list(part.get_feature_names_out()) == names
        X = frame if part.estimator is named else rows()
        found = part.set_output(transform="pandas").transform(given_to(part, X))
        assert list(found.columns) == names
    assert list(Reconstructor(named).feature_names_in_) == list("abcde")
    for part in (Reconstructor(plain), Decoder(named)):
        assert not hasattr(part, "feature_names_in_")


def test_parts_in_a_pipeline_under_a_grid_search():
    X, y = rows(), np.arange(60) % 2
    denoiser = DenoisingAutoencoder(**SMALL).fit(X)
    pipeline = make_pipeline(Reconstructor(denoiser), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1]}, cv=2).fit(X, y)
    assert search.best_estimator_[0].estimator is denoiser
    assert_array_equal(search.best_estimator_[0].transform(X), denoiser.reconstruct(X))


def test_a_missing_package_is_named(monkeypatch):
    for name in ("skl2onnx", "skl2onnx.common"):
        monkeypatch.setitem(sys.modules, name, None)
    model = AutoencoderTransformer(**SMALL).fit(rows())
    for hook in (model.onnx_parser, model.onnx_shape_calculator, model.onnx_converter):
        with pytest.raises(ImportError, match="pip install skl2onnx"):
            hook()


# ------------------------------------------------------------ docstrings


@pytest.mark.parametrize("name", export.__all__)
def test_docstrings_of_parts(name):
    Part = getattr(export, name)
    found = test_docstrings.sections(Part)
    test_docstrings.assert_opens_well(Part)
    assert {"Parameters", "Attributes", "See Also", "Examples"} <= set(found)
    documented = test_docstrings.entries(found["Parameters"])
    test_docstrings.assert_parameters_are_documented(documented, inspect.signature(Part))
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    part = Part(AutoencoderTransformer(**SMALL).fit(frame))
    attributes = {a for a in dir(part) if a.endswith("_") and a[0] != "_" and hasattr(part, a)}
    assert set(test_docstrings.entries(found["Attributes"])) == attributes
    for _, method in test_docstrings.public_methods(Part):
        test_docstrings.assert_opens_well(method)
        assert test_docstrings.sections(method)["Returns"]


@pytest.mark.slow
def test_the_guide():
    for package in ("onnxruntime", "skl2onnx", "skops"):
        pytest.importorskip(package)
    guide = Path(__file__).parents[1] / "docs" / "export.rst"
    found = doctest.testfile(str(guide), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0
