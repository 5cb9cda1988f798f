"""Export to ONNX: onnxruntime finds what scikit-learn finds, in every configuration."""

import subprocess
import sys

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae.activations import ACTIVATIONS, OUTPUT_ACTIVATIONS
from skae.export import Decoder, Encoder, Reconstructor, SampleScorer
from skae.losses import LOSSES

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

LOWEST, HIGHEST = 15, skl2onnx.__max_supported_opset__
OPSETS = [LOWEST, HIGHEST]
DTYPES = [np.float32, np.float64]
# The largest difference allowed, as a share of the largest number of the output.
TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-13}
SMALL = {
    "hidden_layer_sizes": (7,),
    "max_iter": 3,
    "early_stopping": False,
    "learning_rate_init": 1e-4,
    "random_state": 0,
}
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pytestmark = pytest.mark.usefixtures("two_calibration_folds")


def rows(n_rows=60, n_features=5, dtype=np.float64):
    """Correlated columns far from zero, in units of several sizes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_features))
    X += 0.3 * rng.normal(size=X.shape) + 5 * np.arange(n_features)
    return (X * np.logspace(-1, 1, n_features)).astype(dtype)


def convert(model, X, opset=HIGHEST, **options):
    """The graph, for these opsets; that of classical models is older than some files allow."""
    opsets = {"": opset, "ai.onnx.ml": 3}
    return skl2onnx.to_onnx(model, X[:1], target_opset=opsets, **options)


def run(graph, X):
    """What onnxruntime finds, output by output."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    columns = [X] if isinstance(X, np.ndarray) else [X[[name]].to_numpy() for name in X]
    names = [one.name for one in session.get_inputs()]
    return session.run(None, dict(zip(names, columns, strict=True)))


def assert_near(found, expected, dtype=np.float64):
    """Of the same shape and dtype, and as near as the least precise dtype on the way allows."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    tolerance = max(TOLERANCES[np.dtype(dtype)], TOLERANCES[found.dtype])
    assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def assert_exported(model, X, opsets=(HIGHEST,)):
    """Code, decoded code, reconstruction and scores are those of scikit-learn.

    All in one graph: most of the time of a conversion does not depend on what is converted.
    """
    code = model.transform(X)
    expected = {
        Encoder(model): code,
        make_pipeline(Encoder(model), Decoder(model)): model.inverse_transform(code),
        Reconstructor(model): model.reconstruct(X),
        SampleScorer(model): model.score_samples(X)[:, np.newaxis],
    }
    union = make_union(*expected).fit(X)
    for opset in opsets:
        (found,) = run(convert(union, X, opset), X)
        ends = np.cumsum([part.shape[1] for part in expected.values()])[:-1]
        for part, values in zip(np.split(found, ends, axis=1), expected.values(), strict=True):
            assert_near(part, values, model.theta_.dtype)


def assert_detector_exported(model, X, opsets=(HIGHEST,)):
    scores = model.score_samples(X)[:, np.newaxis]
    for opset in opsets:
        labels, decision = run(convert(model, X, opset), X)
        assert labels.dtype == np.int64
        assert_array_equal(labels[:, 0], model.predict(X))
        expected = model.decision_function(X)[:, np.newaxis].astype(X.dtype)
        assert_near(decision, expected, model.theta_.dtype)
        (found,) = run(convert(SampleScorer(model), X, opset), X)
        assert_near(found, scores.astype(X.dtype), model.theta_.dtype)
        (found,) = run(convert(Encoder(model), X, opset), X)
        assert_near(found, model.transform(X), model.theta_.dtype)


# ------------------------------------------------------------ transformers


@pytest.mark.slow
@quiet
@pytest.mark.parametrize(("dtype", "linear_path"), [(np.float32, None), (np.float64, "pca")])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation, dtype, linear_path):
    X = rows(dtype=dtype)
    latent_activation = "identity" if linear_path else "tanh"  # exp(exp(x)) is soon infinite
    model = AutoencoderTransformer(
        activation=activation,
        latent_activation=latent_activation,
        linear_path=linear_path,
        **SMALL,
    )
    assert_exported(model.fit(X), X, OPSETS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_with_bounds(dtype):
    X = rows(dtype=dtype)
    X[:, 1] = np.maximum(X[:, 1], np.median(X[:, 1]))
    X[:, 3] = np.minimum(X[:, 3], np.median(X[:, 3]))
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    assert np.isfinite(model.bounds_).sum() == 2
    assert_exported(model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_beyond_the_reach_of_the_layers(dtype):
    X = rows(dtype=dtype)
    model = AutoencoderTransformer(**SMALL).fit(X)
    assert_exported(model, 30 * X, OPSETS)


@pytest.mark.slow
@pytest.mark.parametrize("latent_activation", ACTIVATIONS)
def test_every_latent_activation(latent_activation):
    X = rows()
    model = AutoencoderTransformer(latent_activation=latent_activation, **SMALL)
    assert_exported(model.fit(X), X)


@pytest.mark.slow
@quiet
@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("output_activation", sorted(OUTPUT_ACTIVATIONS))
def test_every_output_activation(output_activation, linear_path):
    X = MinMaxScaler(clip=True).fit_transform(rows())
    model = AutoencoderTransformer(
        output_activation=output_activation, linear_path=linear_path, **SMALL
    )
    assert_exported(model.fit(X), X)


@quiet
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss):
    X = MinMaxScaler(clip=True).fit_transform(rows())
    assert_exported(AutoencoderTransformer(loss=loss, **SMALL).fit(X), X)


@pytest.mark.slow
@quiet
@pytest.mark.parametrize(
    "more",
    [
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (8, 6, 4)},
        # With the default rate the errors are rounding alone.
        {"n_components": 9, "sparsity": "l1", "learning_rate_init": 0.01},
        {"n_components": 0.9},
        {"max_iter": 0},
        {"sparsity": "kl"},
        {"latent_activation": "top_k", "n_components": 6, "sparsity_target": 0.4},
        {"solver": "lbfgs"},
    ],
    ids=str,
)
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
def test_configurations(Estimator, more):
    X = rows()
    assert_exported(Estimator(**SMALL | more).fit(X), X)


@quiet
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "more", [{}, {"hidden_layer_sizes": ()}, {"linear_path": None, "loss": "log_loss"}], ids=str
)
def test_means_and_reconstructions_of_variational_codes(more, dtype):
    X = MinMaxScaler().fit_transform(rows()).astype(dtype)
    model = VariationalAutoencoder(**SMALL | more).fit(X)
    code = model.transform(X)
    (found,) = run(convert(Encoder(model), X), X)
    assert_near(found, code, dtype)
    (found,) = run(convert(Decoder(model), code), code)
    assert_near(found, model.inverse_transform(code), dtype)
    (found,) = run(convert(Reconstructor(model), X), X)
    assert_near(found, model.reconstruct(X), dtype)
    with pytest.raises(TypeError, match="cannot be exported"):
        convert(SampleScorer(model), X)


@pytest.mark.parametrize("noise", ["masking", lambda X, rng: X + rng.normal(size=X.shape)])
def test_denoisers(noise):
    X = rows()
    assert_exported(DenoisingAutoencoder(noise=noise, **SMALL).fit(X), X)


@pytest.mark.parametrize("given", DTYPES)
@pytest.mark.parametrize("fitted", DTYPES)
def test_a_graph_computes_in_the_dtype_that_the_model_does(fitted, given):
    """Rows of float32 given to a model of float64 lose nothing on the way, as in scikit-learn."""
    model = AutoencoderTransformer(**SMALL).fit(rows(dtype=fitted))
    X = rows(dtype=given)
    assert_exported(model, X)
    graph = convert(Reconstructor(model), X)
    stored = sum(len(constant.raw_data) for constant in graph.graph.initializer)
    n_bytes = model.theta_.nbytes + model._box.nbytes
    assert n_bytes <= stored < 1.5 * n_bytes  # scalings and numbers besides
    if fitted == np.float64:
        round_off(model)
        X = np.round(X)
        (found,) = run(convert(Reconstructor(model), X), X)
        assert_allclose(found, model.reconstruct(X), rtol=2 * np.finfo(given).eps)


def round_off(model):
    """Let all sums be exact, in whatever order a library adds them up."""
    model.theta_[...] = np.round(64 * model.theta_) / 64
    model.mean_ = np.round(model.mean_)
    model.scale_ = np.exp2(np.round(np.log2(model.scale_)))
    model.code_scale_ = np.exp2(np.round(np.log2(model.code_scale_)))


def test_far_from_zero_and_far_from_the_training_rows():
    X = rows() + 1e5
    model = AutoencoderTransformer(activation="softplus", **SMALL).fit(X)
    assert_exported(model, X)
    assert_exported(model, 1e5 + 100 * rows())


def test_a_small_softplus_keeps_its_digits():
    """log(1 + exp(-40)) is zero by the formula and exp(-40) in truth."""
    model = AutoencoderTransformer(latent_activation="softplus", **SMALL).fit(rows())
    X = rows() - 250 * model.path_coefs_[0][:, 0] * model.scale_
    code = model.transform(X)
    assert 0 < code[:, 0].min() < code[:, 0].max() < 1e-20
    (found,) = run(convert(model, X), X)
    assert_allclose(found, code, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, bool])
def test_other_numbers_are_taken_as_float64(dtype):
    X = np.abs(rows()).astype(dtype)
    if dtype is bool:
        X = rows() > np.median(rows(), axis=0)
    model = AutoencoderTransformer(**SMALL).fit(X)
    (found,) = run(convert(model, X), X)
    assert_near(found, model.transform(X))


@pytest.mark.parametrize("dtype", DTYPES)
def test_frames_are_given_column_by_column(dtype):
    X = pd.DataFrame(rows(dtype=dtype), columns=list("abcde"))
    model = AutoencoderTransformer(**SMALL).fit(X)
    (found,) = run(convert(model, X), X)
    assert_near(found, model.transform(X))


def test_outputs_have_names():
    X = rows()
    model = AutoencoderTransformer(**SMALL).fit(X)
    detector = AutoencoderOutlierDetector(criterion="reconstruction", **SMALL).fit(X)
    for part, names in (
        (model, ["code"]),
        (Encoder(model), ["code"]),
        (Decoder(model), ["reconstruction"]),
        (Reconstructor(model), ["reconstruction"]),
        (SampleScorer(model), ["score_samples"]),
        (detector, ["label", "scores"]),
    ):
        given = model.transform(X) if isinstance(part, Decoder) else X
        assert [one.name for one in convert(part, given).graph.output] == names


# ------------------------------------------------------------ detectors


@pytest.fixture(scope="module")
def detectors():
    """Detectors by criterion and dtype, of as many rows as several components need."""
    found = {}

    def fitted(criterion, dtype, linear_path="pca"):
        key = criterion, np.dtype(dtype), linear_path
        if key not in found:
            X = rows(400, dtype=dtype)
            X[:200] += 30
            detector = AutoencoderOutlierDetector(
                2, criterion=criterion, linear_path=linear_path, **SMALL
            )
            found[key] = detector.fit(X), X
        return found[key]

    return fitted


@pytest.mark.slow
@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("criterion", ["likelihood", "reconstruction"])
def test_detectors(detectors, criterion, dtype, linear_path):
    detector, X = detectors(criterion, dtype, linear_path)
    if criterion == "likelihood":
        assert [len(m["counts"]) for m in detector.density_["mixtures"]] == [6, 7, 19]
    far = X[:20] * 5
    assert {-1, 1} == set(detector.predict(np.vstack([X, far])))
    assert_detector_exported(detector, np.vstack([X, far]), OPSETS if linear_path else [HIGHEST])


@pytest.mark.parametrize("criterion", ["likelihood", "reconstruction"])
def test_rows_of_float32_given_to_a_detector_of_float64(detectors, criterion):
    detector, X = detectors(criterion, np.float64)
    assert_detector_exported(detector, X.astype(np.float32))


def test_a_detector_of_more_columns_than_it_has_axes():
    X = rows(120, 60)
    X[:, 7] = 3
    detector = AutoencoderOutlierDetector(2, **SMALL).fit(X)
    assert detector.density_["axes"].shape == (60, 50)
    assert_detector_exported(detector, X)


@pytest.mark.parametrize("n_columns", [3, 60])
def test_a_detector_of_clean_samples(n_columns):
    X = np.random.default_rng(0).standard_normal((120, n_columns))
    detector = AutoencoderOutlierDetector(2, novelty=True, **SMALL).fit(X)
    assert "variances" in detector.density_["mixtures"][-1]
    assert_detector_exported(detector, X)


def test_a_detector_that_was_fitted_in_parts():
    X = rows(300)
    detector = AutoencoderOutlierDetector(2, **SMALL)
    for start in range(0, 300, 100):
        detector.partial_fit(X[start : start + 100])
    assert_detector_exported(detector, X)


def test_a_row_that_is_not_a_number_is_an_outlier(detectors):
    """scikit-learn refuses it; a graph refuses nothing."""
    detector, X = detectors("likelihood", np.float64)
    labels, scores = run(convert(detector, X), np.full_like(X[:1], np.nan))
    assert labels == [[-1]]
    assert np.isnan(scores)


# ------------------------------------------------------------ pipelines

Y = np.arange(60) % 2


def pipelines():
    code = AutoencoderTransformer(**SMALL)
    detector = AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL)
    classifier = LogisticRegression()
    yield "scaled", make_pipeline(StandardScaler(), code), "transform"
    yield "first", make_pipeline(code, MinMaxScaler()), "transform"
    yield "classifier", make_pipeline(StandardScaler(), code, classifier), "predict"
    yield "denoised", make_pipeline(DenoisingAutoencoder(**SMALL), classifier), "predict"
    yield "detector", make_pipeline(StandardScaler(), detector), "predict"
    yield "union", make_union(code, StandardScaler()), "transform"
    columns = [("code", code, [0, 1, 2]), ("rest", "passthrough", [3, 4])]
    yield "columns", make_pipeline(ColumnTransformer(columns), classifier), "predict"
    grid = {"autoencodertransformer__n_components": [1, 2]}
    search = GridSearchCV(make_pipeline(StandardScaler(), code), grid, cv=2)
    yield "search", search, "transform"


PIPELINES = [pytest.param(pipe, method, id=name) for name, pipe, method in pipelines()]


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize(("pipeline", "method"), PIPELINES)
def test_pipelines(pipeline, method, framed):
    X = rows(dtype=np.float32)
    X = pd.DataFrame(X, columns=list("abcde")) if framed else X
    pipeline = clone(pipeline).fit(X, Y)
    for opset in OPSETS:
        found = run(convert(pipeline, X, opset), X)[0]
        expected = getattr(pipeline, method)(X)
        if method == "predict":
            assert_array_equal(found.ravel(), expected)
        else:
            assert_near(found, expected)


@pytest.mark.parametrize("wrap", [FrozenEstimator, Encoder, Reconstructor])
def test_fitted_parts_in_pipelines(wrap):
    X = rows()
    model = DenoisingAutoencoder(**SMALL).fit(X)
    pipeline = make_pipeline(wrap(model), StandardScaler()).fit(X)
    (found,) = run(convert(pipeline, X), X)
    assert_near(found, pipeline.transform(X))


@pytest.mark.parametrize(
    "make",
    [
        lambda detector: make_pipeline(detector, StandardScaler()),
        lambda detector: make_union(detector, StandardScaler()),
    ],
)
def test_labels_are_not_handed_to_a_step_that_takes_codes(make):
    X = rows()
    detector = AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL).fit(X)
    with pytest.raises(ValueError, match=r"put skae\.export\.Encoder"):
        convert(make(detector).fit(X), X)
    pipeline = make(Encoder(detector)).fit(X)
    assert_near(run(convert(pipeline, X), X)[0], pipeline.transform(X))


def test_outputs_may_be_renamed():
    X = rows()
    detector = AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL).fit(X)
    graph = convert(detector, X, final_types=[("verdict", None), ("margin", None)])
    assert [one.name for one in graph.graph.output] == ["verdict", "margin"]
    assert_array_equal(run(graph, X)[0][:, 0], detector.predict(X))


# ------------------------------------------------------------ files, errors


def test_a_file_needs_neither_skae_nor_scikit_learn(tmp_path):
    X = rows()
    detector = AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL)
    pipeline = make_pipeline(StandardScaler(), detector).fit(X)
    (tmp_path / "model.onnx").write_bytes(convert(pipeline, X).SerializeToString())
    np.save(tmp_path / "X.npy", X)
    code = """
import sys
sys.modules |= dict.fromkeys(["skae", "sklearn", "skl2onnx", "onnx"])
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
labels, scores = session.run(None, {"X": np.load("X.npy")})
np.savez("found.npz", labels=labels, scores=scores)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with np.load(tmp_path / "found.npz") as found:
        assert_array_equal(found["labels"][:, 0], pipeline.predict(X))
        assert_near(found["scores"][:, 0], pipeline.decision_function(X))


def test_a_graph_of_other_columns():
    model = AutoencoderTransformer(**SMALL).fit(rows())
    with pytest.raises(ValueError, match="has 4 columns, but AutoencoderTransformer expects 5"):
        convert(model, rows(n_features=4))
    with pytest.raises(ValueError, match="has 5 columns, but Decoder expects 2"):
        convert(Decoder(model), rows())


@pytest.mark.parametrize("model", [AutoencoderTransformer(), Decoder(AutoencoderTransformer())])
def test_a_model_that_is_not_fitted(model):
    with pytest.raises(NotFittedError):
        convert(model, rows())
