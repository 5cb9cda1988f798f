"""What the three estimators share: dtypes, memory, copies, threads, unusual rows."""

from concurrent.futures import ThreadPoolExecutor
import copy
import io
from itertools import pairwise
import pickle
import re

from curved import curved_rows
import joblib
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae.metrics import reconstruction_score

pytestmark = pytest.mark.filterwarnings("ignore:output_activation='tanh' needs X")

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
SMALL = {
    "hidden_layer_sizes": (8,),
    "max_iter": 5,
    "early_stopping": False,
    "random_state": 0,
}
CONFIGURATIONS = {
    "default path": {},
    "plain": {"linear_path": None},
    "deep": {"hidden_layer_sizes": (6, 5)},
    "early stopping": {"early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
    "kl": {"sparsity": "kl"},
    "bounded output": {"output_activation": "tanh"},
}


PLAIN = (np.ndarray, str, int, float, bool)


def rows(n_rows=60, n_features=5, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_features))
    return (X + 0.3 * rng.normal(size=X.shape) + np.arange(n_features)).astype(dtype)


def outputs(model, X):
    """Everything that a fitted model can say about rows."""
    code = model.transform(X)
    found = [code, model.inverse_transform(code), model.reconstruct(X), model.score_samples(X)]
    if hasattr(model, "predict"):
        found += [model.score_features(X), model.decision_function(X), model.predict(X)]
    return found


def assert_same(model, other, X):
    """Bit for bit."""
    for a, b in zip(outputs(model, X), outputs(other, X), strict=True):
        assert a.dtype == b.dtype
        assert_array_equal(a, b)


def assert_views(model):
    for views in (model.coefs_, model.intercepts_, model.path_coefs_):
        assert all(np.shares_memory(view, model.theta_) for view in views)


@pytest.fixture(params=CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def configuration(request):
    return SMALL | request.param


def configured(Estimator, configuration):
    """Return an estimator with those parameters of a configuration that it has."""
    parameters = Estimator().get_params()
    return Estimator(**{name: configuration[name] for name in configuration if name in parameters})


quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ------------------------------------------------------------ dtypes


@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_dtype_follows_the_rows(Estimator, dtype, configuration):
    X = rows(dtype=dtype)
    model = configured(Estimator, configuration).fit(X)
    for array in (model.theta_, model.mean_, model.scale_, model.code_scale_):
        assert array.dtype == dtype
    assert model.transform(X).dtype == dtype
    assert model.inverse_transform(model.transform(X)).dtype == dtype
    assert model.reconstruct(X).dtype == dtype
    is_detector = Estimator is AutoencoderOutlierDetector
    is_density = Estimator in (AutoencoderOutlierDetector, VariationalAutoencoder)
    assert model.score_samples(X).dtype == (np.float64 if is_density else dtype)
    if is_detector:
        assert model.score_features(X).dtype == np.float64
        assert model.decision_function(X).dtype == np.float64
    for number in (model.score(X), model.reconstruction_err_):
        assert isinstance(number, float)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("dtype", [int, np.int8, np.uint8, bool, np.float16, np.longdouble])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_other_numbers_become_float64(Estimator, dtype):
    X = np.abs(rows() * 3).astype(dtype)
    if dtype is bool:
        X = rows() > np.median(rows(), axis=0)
    model = Estimator(**SMALL).fit(X)
    assert model.theta_.dtype == np.float64
    assert model.transform(X).dtype == np.float64
    assert_same(model, Estimator(**SMALL).fit(X.astype(float)), X)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_float32_and_float64_agree(Estimator):
    X = rows()
    double = Estimator(**SMALL).fit(X)
    single = Estimator(**SMALL).fit(X.astype(np.float32))
    score = reconstruction_score(single, X.astype(np.float32))
    assert abs(reconstruction_score(double, X) - score) < 0.02


# ------------------------------------------------------------ consistency


@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_methods_agree_with_each_other(Estimator, configuration):
    X, unseen = rows(), rows(90)[60:]
    model = configured(Estimator, configuration)
    is_density = Estimator in (AutoencoderOutlierDetector, VariationalAutoencoder)
    assert model.fit(X) is model
    assert_array_equal(model.transform(X), clone(model).fit_transform(X))
    for Z in (X, unseen):
        reconstruction = model.reconstruct(Z)
        assert_allclose(
            model.inverse_transform(model.transform(Z)), reconstruction, rtol=1e-9, atol=1e-12
        )
        error = np.mean((Z - reconstruction) ** 2, axis=1)
        if not is_density:
            assert_allclose(model.score_samples(Z), -error, rtol=1e-12)
        explained = 1 - error.mean() / np.mean((Z - Z.mean(axis=0)) ** 2)
        assert_allclose(reconstruction_score(model, Z), explained, rtol=1e-9)
        if not is_density:
            assert_allclose(model.score(Z), explained, rtol=1e-9)
    assert_allclose(model.reconstruction_err_, np.mean((X - model.reconstruct(X)) ** 2), rtol=1e-9)


def test_of_many_rows_ten_thousand_tell_the_error():
    X = rows(12_000)
    X[::2] *= 3
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    model = AutoencoderTransformer(2, **SMALL | {"max_iter": 0}).fit(X, sample_weight=weights)
    chosen = np.linspace(0, 11_999, 10_000).astype(int)
    errors = np.mean((X - model.reconstruct(X)) ** 2, axis=1)[chosen]
    expected = np.average(errors, weights=weights[chosen])
    assert_allclose(model.reconstruction_err_, expected, rtol=1e-9)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows_are_encoded_one_by_one(Estimator):
    """More rows than inference takes at a time, in blocks of other sizes."""
    X = rows(1300)
    model = Estimator(**SMALL).fit(X[:50])
    for whole, halves in zip(
        outputs(model, X),
        zip(outputs(model, X[:17]), outputs(model, X[17:]), strict=True),
        strict=True,
    ):
        assert_allclose(whole, np.concatenate(halves), rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_parameters_set_after_fit_change_nothing_fitted(Estimator, configuration):
    X = rows()
    model = configured(Estimator, configuration).fit(X)
    before = [array.copy() for array in outputs(model, X)] + [model.score(X)]
    others = {
        "n_components": 4,
        "hidden_layer_sizes": (3, 3),
        "activation": "logistic",
        "latent_activation": "tanh",
        "output_activation": "logistic",
        "loss": "log_loss",
        "linear_path": None,
        "sparsity": "l1",
    }
    model.set_params(**{k: v for k, v in others.items() if k in model.get_params()})
    if "contamination" in model.get_params():
        model.set_params(contamination=0.4)
    for found, expected in zip(outputs(model, X) + [model.score(X)], before, strict=True):
        assert_array_equal(found, expected)
    assert model.get_feature_names_out().shape == (2,)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_fit_twice_is_fit_once(Estimator):
    X = rows()
    once = Estimator(**SMALL).fit(X)
    twice = Estimator(**SMALL | {"early_stopping": True}).fit(rows(40, 3))
    twice.set_params(early_stopping=False).fit(X)
    assert_same(once, twice, X)
    assert set(vars(once)) == set(vars(twice))
    assert once.loss_curve_ == twice.loss_curve_
    assert once.n_samples_seen_ == twice.n_samples_seen_


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("scale", [2.0**40, 2.0**-40])
@pytest.mark.parametrize("shift", [0, 1000])
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, AutoencoderOutlierDetector])
def test_units_do_not_matter(Estimator, scale, shift):
    X = rows()
    model = Estimator(**SMALL).fit(X)
    scaled = Estimator(**SMALL).fit((X + shift) * scale)
    expected = (model.reconstruct(X) + shift) * scale
    assert_allclose(scaled.reconstruct((X + shift) * scale), expected, rtol=1e-7)
    if Estimator is AutoencoderOutlierDetector:
        X = (X + shift) * scale
        assert_allclose(scaled.score_samples(X), model.score_samples(rows()), rtol=1e-6)


# ------------------------------------------------------------ layouts and containers


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_layouts_and_containers(Estimator, tmp_path):
    X = rows()
    kept = X.copy()
    model = Estimator(**SMALL).fit(X)
    np.save(tmp_path / "X.npy", X)
    wide = np.empty((len(X) * 2, X.shape[1] * 2))
    wide[::2, ::-2] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    for other in (
        np.asfortranarray(X),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        wide[::2, ::-2],
        read_only,
        X.tolist(),
        X.astype(">f8"),
        pd.DataFrame(X),
    ):
        assert_same(model, Estimator(**SMALL).fit(other), X)
        for a, b in zip(outputs(model, X), outputs(model, other), strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert_array_equal(X, kept)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_frames(Estimator):
    frame = pd.DataFrame(rows(), columns=list("abcde"), index=np.arange(60)[::-1])
    model = Estimator(**SMALL).set_output(transform="pandas").fit(frame)
    assert_array_equal(model.feature_names_in_, list("abcde"))
    code = model.transform(frame)
    name = Estimator.__name__.lower()
    assert list(code.columns) == [f"{name}0", f"{name}1"]
    assert_array_equal(code.index, frame.index)
    assert_allclose(model.inverse_transform(code), model.reconstruct(frame), rtol=1e-9)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame[list("edcba")])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_sparse_code_is_refused_as_scikit_learn_does(Estimator):
    model = Estimator(**SMALL).fit(rows())
    with pytest.raises(TypeError, match="Sparse data was passed"):
        model.inverse_transform(csr_array(rows(n_features=2)))


# ------------------------------------------------------------ copies


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_copies_are_the_same_model(Estimator, configuration):
    X = rows()
    model = configured(Estimator, configuration).fit(X)
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    for other in (
        pickle.loads(pickle.dumps(model)),
        pickle.loads(pickle.dumps(model, protocol=2)),
        copy.deepcopy(model),
        joblib.load(buffer),
    ):
        assert_same(model, other, X)
        assert_views(other)
        assert not np.shares_memory(other.theta_, model.theta_)
        other.coefs_[0][...] = 0
        other.path_coefs_ and other.path_coefs_[0].fill(0)
        assert not np.array_equal(other.transform(X), model.transform(X))
    fresh = clone(model)
    assert not hasattr(fresh, "theta_")
    assert_same(model, fresh.fit(X), X)


@pytest.mark.usefixtures("two_calibration_folds")
def test_fitted_state_is_plain():
    """Arrays, lists, dicts and scalars need no code of ours to be saved."""

    def check(value):
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            value = list(value.values())
        if isinstance(value, list | tuple):
            for item in value:
                check(item)
        else:
            assert isinstance(value, np.generic | None) or type(value) in PLAIN, value

    for Estimator in ESTIMATORS:
        for parameters in ({}, {"early_stopping": True}, {"solver": "sgd"}):
            check(vars(Estimator(**SMALL | parameters).fit(rows())))
        check(vars(Estimator(**SMALL).partial_fit(rows())))


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@quiet
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_coefs_are_views_of_theta(Estimator, configuration):
    X = rows()
    model = configured(Estimator, configuration).fit(X)
    widths = model.architecture_["widths"]
    assert [W.shape for W in model.coefs_] == list(pairwise(widths))
    assert [b.shape for b in model.intercepts_] == [(width,) for width in widths[1:]]
    assert model.n_layers_ == len(widths)
    assert_views(model)
    size = sum(view.size for view in model.coefs_ + model.intercepts_ + model.path_coefs_)
    if Estimator is VariationalAutoencoder:  # the head of the log variance, and a noise variance
        size += (model.coefs_[model.architecture_["n_encoder_layers"] - 1].shape[0] + 1) * 2 + 1
    assert size == model.theta_.size
    assert_views(model.set_params(warm_start=True).fit(X))
    if hasattr(model, "partial_fit"):
        assert_views(model.partial_fit(X))


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_threads_may_share_a_model(Estimator):
    X = rows(4000)
    model = Estimator(**SMALL | {"hidden_layer_sizes": (64,)}).fit(X[:100])
    expected = outputs(model, X)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: outputs(model, X), range(12)):
            for a, b in zip(found, expected, strict=True):
                assert_array_equal(a, b)


# ------------------------------------------------------------ before fit


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_before_fit(Estimator):
    X, model = rows(), Estimator()
    names = ["transform", "inverse_transform", "reconstruct", "score", "score_samples"]
    if Estimator is AutoencoderOutlierDetector:
        names += ["predict", "decision_function", "score_features"]
    for name in names:
        with pytest.raises(NotFittedError, match=f"{Estimator.__name__} instance is not fitted"):
            getattr(model, name)(X)
    with pytest.raises(NotFittedError):
        model.get_feature_names_out()
    for name in ("coefs_", "intercepts_", "path_coefs_", "theta_", "explained_variance_ratio_"):
        assert not hasattr(model, name)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_partial_fit_is_there_where_it_can_be(Estimator):
    assert hasattr(Estimator(early_stopping=False), "partial_fit")
    assert hasattr(Estimator(solver="sgd", early_stopping=False), "partial_fit")
    assert not hasattr(Estimator(solver="lbfgs"), "partial_fit")


# ------------------------------------------------------------ unusual rows


def unusual_rows():
    X = rows()
    constant = X.copy()
    constant[:, 1] = 7
    awkward = X.copy()
    awkward[:, 1] = 0.1
    many = np.tile(awkward, (40, 1)) + 1e-3 * np.arange(2400)[:, None]
    many[:, 1] = 0.1
    return {
        "two rows": X[:2],
        "three rows": X[:3],
        "fewer rows than columns": X[:4],
        "one feature": X[:, :1],
        "constant column": constant,
        "constant column that is no binary fraction": awkward,
        "many rows with a constant column": many,
        "huge constant column": np.where(np.arange(5) == 1, 1e12, X),
        "repeated rows": np.repeat(X[:10], 6, axis=0),
        "two distinct rows": np.repeat(X[:2], 20, axis=0),
        "huge": X * 1e12,
        "tiny": X * 1e-12,
        "far from the origin": X + 1e6,
        "outlier": np.vstack([X, X[:1] + 1e6]),
        "counts": np.round(X * 10),
        "columns that are copies": X[:, [0, 0, 0, 1, 1]],
        "float32 huge": (X * 1e12).astype(np.float32),
        "float32 tiny": (X * 1e-12).astype(np.float32),
        "float32 very tiny": (X * 1e-25).astype(np.float32),
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:All . components have collapsed")
@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("X", unusual_rows().values(), ids=unusual_rows())
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_unusual_rows(Estimator, X, linear_path):
    if Estimator is AutoencoderOutlierDetector and linear_path is None:
        pytest.skip("shown by the others")
    n_components = {"n_components": 1} if X.shape[1] == 1 else {}
    model = Estimator(**SMALL | {"linear_path": linear_path} | n_components)
    if Estimator is DenoisingAutoencoder:
        model.set_params(noise="swap")  # which is as large as the rows are
    model.fit(X)
    for found in outputs(model, X):
        assert np.isfinite(found).all()
    assert np.isfinite(model.theta_).all()
    assert np.isfinite(model.explained_variance_ratio_).all()
    assert np.isfinite(model.loss_curve_).all()
    assert np.isfinite(model.score(X))
    assert reconstruction_score(model, X) > -10
    if linear_path == "pca" and Estimator is AutoencoderTransformer:
        scaled = (X - X.mean(axis=0, dtype=float)) / X.std(dtype=float)
        pca = PCA(min(2, *X.shape)).fit(scaled)
        assert model.score(X) > pca.explained_variance_ratio_.sum() - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("value", [0.0, 0.1, 1e12, -1e-12])
@pytest.mark.parametrize("n_rows", [2, 30, 3000])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows_that_are_all_equal(Estimator, n_rows, value):
    X = np.full((n_rows, 3), value)
    model = Estimator(**SMALL).fit(X)
    for found in outputs(model, X):
        assert np.isfinite(found).all()
    assert_allclose(model.reconstruct(X), X, rtol=1e-6, atol=1e-12)
    assert_array_equal(model.scale_, 1)
    assert_array_equal(model.explained_variance_ratio_, 0)


@pytest.mark.parametrize("n_rows", [50, 3000])
def test_a_constant_column_has_scale_one(n_rows):
    """However many rows a rounding error in the mean comes from."""
    X = np.column_stack([rows(n_rows)[:, 0], np.full(n_rows, 0.1), np.full(n_rows, 1e9 / 3)])
    model = AutoencoderOutlierDetector(1, **SMALL).fit(X)
    assert_array_equal(model.scale_[1:], 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_too_large_to_square(Estimator, dtype):
    """Right results or a clear error, never NaN nor infinity."""
    X = rows() * float(np.sqrt(np.finfo(dtype).max)) * 100
    X = X.astype(dtype)
    try:
        model = Estimator(**SMALL).fit(X)
    except ValueError as error:
        assert "too large" in str(error) or "scale" in str(error).lower()  # noqa: PT017
        return
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.reconstruct(X)).all()
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_html_and_text(Estimator):
    model = Estimator(**SMALL).fit(rows())
    assert repr(model).startswith(Estimator.__name__)
    assert Estimator.__name__ in model._repr_html_()


# ------------------------------------------------------------ gain over PCA

CURVED = {"hidden_layer_sizes": (16,), "learning_rate_init": 1e-2, "max_iter": 40}
CURVED |= {"averaging": 0.9, "alpha": 0.01, "n_iter_no_change": 40, "random_state": 0}


def has_gain(model):
    found = [model.gain_over_pca_, model.gain_over_pca_bound_]
    assert (found[0] is None) == (found[1] is None)
    return found[0] is not None


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("n_rows", [120, 600])
@pytest.mark.parametrize("Estimator", ESTIMATORS[:3])  # a bound has no share that is gained
def test_the_gain_is_that_of_held_out_samples(Estimator, n_rows):
    X = curved_rows(n_rows)
    model = Estimator(2, **CURVED).fit(X, X_val=curved_rows(300, seed=1))
    assert has_gain(model)
    model = Estimator(2, **CURVED).fit(X)
    assert has_gain(model)
    assert type(model.gain_over_pca_) is type(model.gain_over_pca_bound_) is float
    assert model.gain_over_pca_bound_ <= model.gain_over_pca_ < 1
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.gain_over_pca_bound_ == model.gain_over_pca_bound_
    assert not has_gain(model.partial_fit(X))


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_the_gain_on_a_validation_set_is_relative_to_pca(loss):
    """In the loss that was trained: squared errors are those that users can measure."""
    X, X_val = curved_rows(600), curved_rows(300, seed=1)
    model = AutoencoderTransformer(2, loss=loss, **CURVED).fit(X, X_val=X_val)
    pca = AutoencoderTransformer(2, loss=loss, **CURVED | {"max_iter": 0}).fit(X)
    ratio = model.score_samples(X_val).mean() / pca.score_samples(X_val).mean()
    assert model.gain_over_pca_bound_ > 0.1
    if loss == "squared_error":
        assert model.gain_over_pca_ == pytest.approx(1 - ratio)
    else:
        assert model.gain_over_pca_ == pytest.approx(1 - ratio, abs=0.2)


@pytest.mark.parametrize(
    "parameters",
    [{"early_stopping": False}, {"max_iter": 0}, {"linear_path": None}],
    ids=str,
)
def test_without_samples_held_out_or_pca_there_is_no_gain_to_state(parameters):
    assert not has_gain(AutoencoderTransformer(2, **CURVED | parameters).fit(curved_rows(120)))


def test_after_a_warm_start_the_gain_is_not_that_over_pca():
    model = AutoencoderTransformer(2, warm_start=True, **CURVED).fit(curved_rows(120))
    assert has_gain(model)
    assert not has_gain(model.fit(curved_rows(120)))


def test_gains_are_those_of_the_sizes_that_a_nested_code_has():
    options = CURVED | {"activation": "tanh", "nested": True}
    model = AutoencoderTransformer(0.9, **options).fit(curved_rows(300, 0.3))
    larger = AutoencoderTransformer(7, **options).fit(curved_rows(300, 0.3))
    assert list(model.gain_over_pca_) == list(range(1, model.n_components_ + 1))
    assert list(larger.gain_over_pca_) == list(range(1, 8))


def test_where_pca_is_best_the_gain_is_zero():
    X = np.random.default_rng(0).normal(size=(600, 5))
    model = AutoencoderTransformer(2, **CURVED | {"n_iter_no_change": 3}).fit(X)
    assert model.best_iter_ == 0
    assert model.gain_over_pca_ == model.gain_over_pca_bound_ == 0


def test_summaries_and_verbose_state_the_gain(capsys):
    X = curved_rows(300)
    options = CURVED | {"activation": "tanh", "verbose": 1}
    model = AutoencoderTransformer(2, nested=True, **options).fit(X)
    assert list(model.gain_over_pca_) == list(model.gain_over_pca_bound_) == [1, 2]
    line = f"Gain over PCA, 2 components: {100 * model.gain_over_pca_[2]:.1f} % less error"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith(line)
    assert re.fullmatch(r"Time: [\d.]+ s\.", lines[-1])
    assert model.summary().endswith("\n".join(lines[model.n_iter_ :]))
    for text in (model.summary(), model._repr_html_()):
        assert text.count("Gain over PCA") == 2
        assert line in text
    model = DenoisingAutoencoder(2, loss="huber", verbose=1, **CURVED).fit(X)
    line = f"Gain over the linear path: {100 * model.gain_over_pca_:.1f} % less huber loss"
    assert line in capsys.readouterr().out
    assert line in model.summary()
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    assert "Gain" not in model.summary() + model._repr_html_()
    del model.gain_over_pca_, model._record  # files of version 0.2 lack both
    assert "Training" not in model._repr_html_()
    assert model.summary().startswith("AutoencoderTransformer: 8 features")
    with pytest.raises(NotFittedError):
        AutoencoderTransformer(2).summary()
