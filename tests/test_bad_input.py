"""Bad input: an error that says what is wrong, and a fitted estimator that stays as it was."""

from functools import cache
import math
import pickle

import numpy as np
import pytest
from sklearn.model_selection import KFold

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae.losses import Huber

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
SMALL = {
    "hidden_layer_sizes": (8,),
    "max_iter": 2,
    "early_stopping": False,
    "random_state": 0,
}
N_ROWS, N_FEATURES = 30, 5
ON_ROWS = ["transform", "reconstruct", "score", "score_samples"]
REPORTS = ["score_features", "predict_pvalue", "select", "bound_false_discoveries"]
OF_DETECTOR = ["predict", "decision_function", *REPORTS]


def rows(n_rows=N_ROWS):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, N_FEATURES)) + 2


@cache
def pickled(Estimator):
    return pickle.dumps(Estimator(**SMALL).fit(rows()))


def fitted(Estimator, **parameters):
    """Return a fitted estimator, trained once for all tests: none of the parameters trains it."""
    return pickle.loads(pickled(Estimator)).set_params(**parameters)


def methods(model):
    """Names of the methods that take rows, and of those that train."""
    training = [name for name in ("fit", "partial_fit") if hasattr(model, name)]
    return training + ON_ROWS + [name for name in OF_DETECTOR if hasattr(model, name)]


def assert_refused(model, call, error, match):
    """The call raises, and the model is byte for byte what it was."""
    before = pickle.dumps(model)
    with pytest.raises(error, match=match):
        call()
    assert pickle.dumps(model) == before


# ------------------------------------------------------------ rows


def with_one(value):
    X = rows()
    X[7, 2] = value
    return X


BAD_ROWS = {
    "infinity": (with_one(np.inf), ValueError, "contains infinity"),
    "minus infinity": (with_one(-np.inf), ValueError, "contains infinity"),
    "strings": (np.full((N_ROWS, N_FEATURES), "a"), ValueError, "could not convert string"),
    "objects": (
        np.full((N_ROWS, N_FEATURES), object()),
        TypeError,
        "must be a string or a real number",
    ),
    "complex": (rows() + 1j, ValueError, "Complex data not supported"),
    "one dimension": (rows()[:, 0], ValueError, "Expected 2D array, got 1D"),
    "three dimensions": (rows()[None], ValueError, "Found array with dim 3"),
    "a number": (3.0, ValueError, "Expected 2D array, got scalar"),
    "None": (None, ValueError, "Expected 2D array"),
    "no rows": (rows()[:0], ValueError, r"0 sample\(s\)"),
    "no columns": (rows()[:, :0], ValueError, r"0 feature\(s\)"),
    "ragged": ([[1, 2], [3]], ValueError, "inhomogeneous"),
}


@pytest.mark.parametrize(("X", "error", "match"), BAD_ROWS.values(), ids=BAD_ROWS)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows(Estimator, X, error, match):
    model = fitted(Estimator)
    for name in methods(model):
        if name not in REPORTS or not match.startswith("0 sample"):  # those of none are empty
            assert_refused(model, lambda name=name: getattr(model, name)(X), error, match)
    assert_refused(model, lambda: model.inverse_transform(X), error, match)
    new = Estimator(**SMALL)
    assert_refused(new, lambda: new.fit(X), error, match)
    if X is None:  # which is what these arguments are by default
        return
    assert_refused(model, lambda: model.fit(rows(), X_val=X), error, match)
    if Estimator is DenoisingAutoencoder:
        assert_refused(model, lambda: model.fit(rows(), X_clean=X), error, match)
        assert_refused(model, lambda: model.partial_fit(rows(), X_clean=X), error, match)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_nan(Estimator):
    """A feature needs a value in training, and a code is complete."""
    model, X = fitted(Estimator), rows()
    X[:, 2] = np.nan
    for call in (model.fit, Estimator(**SMALL).partial_fit):
        with pytest.raises(ValueError, match=r"no value but NaN in 1 of 5 features: \[2\]"):
            call(X)
    assert_refused(model, lambda: model.inverse_transform(X[:, 1:3]), ValueError, "contains NaN")


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_one_row(Estimator):
    for model in (Estimator(**SMALL), fitted(Estimator)):
        assert_refused(model, lambda model=model: model.fit(rows()[:1]), ValueError, "minimum of 2")
    new = Estimator(**SMALL)
    assert_refused(new, lambda: new.partial_fit(rows()[:1]), ValueError, "minimum of 2")
    model = fitted(Estimator)
    for name in methods(model)[2:]:
        assert np.all(np.isfinite(getattr(model, name)(rows()[:1])))


@pytest.mark.parametrize("n_features", [N_FEATURES - 1, N_FEATURES + 1])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_another_number_of_columns(Estimator, n_features):
    model = fitted(Estimator)
    X = np.ones((N_ROWS, n_features))
    expected = f"X has {n_features} features, but {Estimator.__name__} is expecting 5 features"
    for name in methods(model)[1:]:
        assert_refused(model, lambda name=name: getattr(model, name)(X), ValueError, expected)
    warm = fitted(Estimator, warm_start=True)
    assert_refused(warm, lambda: warm.fit(X), ValueError, "warm_start=False")


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_code_of_the_wrong_width(Estimator):
    model = fitted(Estimator)
    for width in (1, 3, N_FEATURES):
        code = np.ones((4, width))
        assert_refused(
            model,
            lambda code=code: model.inverse_transform(code),
            ValueError,
            rf"{width} columns.*n_components_=2",
        )


@pytest.mark.parametrize("name", ["X_val", "X_clean"])
def test_rows_beside_others_are_named(name):
    """Which of the two arrays is bad is said."""
    model = fitted(DenoisingAutoencoder)
    for X in (rows()[:, :3], with_one(np.inf)):
        assert_refused(model, lambda X=X: model.fit(rows(), **{name: X}), ValueError, name)


def test_clean_rows_for_other_rows():
    model = fitted(DenoisingAutoencoder)
    for name in ("fit", "partial_fit"):
        assert_refused(
            model,
            lambda name=name: getattr(model, name)(rows(), X_clean=rows()[:9]),
            ValueError,
            "X_clean must have as many samples as X: got 9, expected 30",
        )


@pytest.mark.parametrize(
    ("loss", "low", "high", "match"),
    [
        ("log_loss", -0.1, 1, "between 0 and 1"),
        ("log_loss", 0, 1.1, "between 0 and 1"),
        ("poisson", -0.1, 9, "loss='poisson' needs"),
    ],
)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows_out_of_the_range_of_the_loss(Estimator, loss, low, high, match):
    X = np.random.default_rng(0).uniform(size=(N_ROWS, N_FEATURES))
    outside = X.copy()
    outside[0, 0], outside[1, 1] = low, high
    model = Estimator(**SMALL, loss=loss).fit(X)
    for name in ("fit", "partial_fit"):
        assert_refused(model, lambda name=name: getattr(model, name)(outside), ValueError, match)
    assert_refused(model, lambda: model.fit(X, X_val=outside), ValueError, match)
    with pytest.raises(ValueError, match="got values from") as caught:
        model.fit(outside)
    assert "inf" not in str(caught.value)
    assert np.isfinite(model.reconstruct(outside)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_takes_no_row_out_of_range(dtype):
    X = np.random.default_rng(0).uniform(size=(N_ROWS, N_FEATURES)).astype(dtype)
    X[0, 0], X[1, 1] = np.nextafter(dtype(1), dtype(2)), -np.finfo(dtype).tiny
    for loss in ("log_loss", "poisson"):
        model = AutoencoderTransformer(**SMALL, loss=loss).fit(X)
        assert np.isfinite(model.reconstruct(X)).all()


# ------------------------------------------------------------ weights

BAD_WEIGHTS = {
    "too few": (np.ones(N_ROWS - 1), ValueError, r"sample_weight.*\(29,\), expected \(30,\)"),
    "two dimensions": (np.ones((N_ROWS, 1)), ValueError, "weights must be 1D"),
    "negative": (-np.ones(N_ROWS), ValueError, "Negative values.*sample_weight"),
    "one negative": (np.r_[-1e-9, np.ones(N_ROWS - 1)], ValueError, "Negative.*sample_weight"),
    "all zero": (np.zeros(N_ROWS), ValueError, "at least one non-zero"),
    "NaN": (np.full(N_ROWS, np.nan), ValueError, "sample_weight contains NaN"),
    "infinity": (np.full(N_ROWS, np.inf), ValueError, "sample_weight contains infinity"),
    "strings": (["heavy"] * N_ROWS, ValueError, "could not convert string"),
    "complex": (np.ones(N_ROWS) * 1j, ValueError, "Complex data not supported"),
}


@pytest.mark.parametrize(("weights", "error", "match"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_weights(Estimator, weights, error, match):
    for model in (Estimator(**SMALL), fitted(Estimator)):
        names = ["fit", "partial_fit"] + ["score"] * hasattr(model, "theta_")
        for name in names:
            assert_refused(
                model,
                lambda model=model, name=name: getattr(model, name)(rows(), sample_weight=weights),
                error,
                match,
            )


@pytest.mark.filterwarnings("ignore:All 2 components have collapsed")
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_one_row_that_weighs(Estimator):
    """Two rows are needed; one with weight and many without are as good as one."""
    weights = np.r_[1, np.zeros(N_ROWS - 1)]
    model = fitted(Estimator)
    try:
        model.fit(rows(), sample_weight=weights)
    except ValueError as error:
        assert "weight" in str(error) or "sample" in str(error)  # noqa: PT017
    else:
        assert np.isfinite(model.reconstruct(rows())).all()


# ------------------------------------------------------------ parameters

NOT_A_NUMBER = [np.nan, None, "a lot", [1], 1j]
BAD_PARAMETERS = {
    "n_components": [0, -1, 1.0, 1.5, 0.0, "mle", np.nan, [2], np.array([2, 3])],
    "hidden_layer_sizes": [0, -1, 3.5, "8", None, (0,), (3, -2), (3.0,), ("3",), [[3, 2]], (True,)],
    "activation": ["Relu", "softmax", None, np.tanh, 1],
    "solver": ["lbgfs", "Adam", None],
    "alpha": [-1e-9, np.inf, *NOT_A_NUMBER],
    "batch_size": [0, -5, 1.5, "full", None],
    "learning_rate": ["adaptive", 0.1, None],
    "learning_rate_init": [0, -1, np.inf, *NOT_A_NUMBER],
    "power_t": [-1, *NOT_A_NUMBER],
    "max_iter": [-1, 1.5, *NOT_A_NUMBER],
    "shuffle": ["yes", None, 1],
    "random_state": [-1, 1.5, "seed", [1]],
    "tol": [-1e-9, *NOT_A_NUMBER],
    "verbose": [-1, "very", None],
    "warm_start": ["yes", None, 1],
    "momentum": [-0.1, 1.1, *NOT_A_NUMBER],
    "nesterovs_momentum": ["yes", None, 1],
    "early_stopping": ["auto", None, 1],
    "validation_fraction": [0, 1, -0.1, 1.1, *NOT_A_NUMBER],
    "validation_split": ["abc", b"abc", 3, 0.2, True, KFold, KFold(3).split],
    "beta_1": [-0.1, 1, *NOT_A_NUMBER],
    "beta_2": [-0.1, 1, *NOT_A_NUMBER],
    "epsilon": [0, -1, *NOT_A_NUMBER],
    "n_iter_no_change": [0, -1, 1.5, *NOT_A_NUMBER],
    "averaging": [-0.1, 1, *NOT_A_NUMBER],
    "max_fun": [0, -1, 1.5, *NOT_A_NUMBER],
    "latent_activation": ["softmax", None],
    "output_activation": ["softmax", None],
    "loss": ["mse", "squared", None],
    "linear_path": ["none", True, 1],
    "sparsity": ["l2", True, 1],
    "sparsity_target": [0, 1, -0.1, *NOT_A_NUMBER],
    "sparsity_weight": [-1, *NOT_A_NUMBER],
}
BAD_OF_BENT = {"linear_weight": [-0.1, math.nan, "1", None]}
BAD_OF_TRANSFORMERS = {"nested": ["yes", None, 1], "whiten": ["yes", None, 1]}
BAD_OF_VARIATIONAL = {
    "kl_weight": [-0.1, *NOT_A_NUMBER],
    "kl_warm_up": [-1, 1.5, *NOT_A_NUMBER],
    "free_bits": [-0.1, *NOT_A_NUMBER],
    "n_samples": [0, 1.5, *NOT_A_NUMBER],
    "noise_variance": ["full", 0.1, None],
    "n_samples_bound": [0, 1.5, *NOT_A_NUMBER],
    "activation": ["top_k", "Relu", None],
    "loss": ["huber", "absolute_error", Huber()],
}
BAD_OF_DENOISING = {
    "noise": ["Gaussian", "dropout", 0.3, True],
    "noise_level": [-1e-9, np.inf, *NOT_A_NUMBER],
}
BAD_OF_DETECTOR = {
    "contamination": [0, -0.1, 0.51, 1, "no", None, np.nan],
    "criterion": ["error", None, 1],
    "novelty": ["yes", None, 1],
    "max_samples": [0, 1, 1.5, *NOT_A_NUMBER],
}


def bad_parameters():
    for Estimator in ESTIMATORS:
        bad = BAD_PARAMETERS.copy()
        bad |= {} if Estimator is AutoencoderOutlierDetector else BAD_OF_TRANSFORMERS
        bad |= {} if Estimator is VariationalAutoencoder else BAD_OF_BENT
        bad |= BAD_OF_VARIATIONAL if Estimator is VariationalAutoencoder else {}
        bad |= BAD_OF_DENOISING if Estimator is DenoisingAutoencoder else {}
        bad |= BAD_OF_DETECTOR if Estimator is AutoencoderOutlierDetector else {}
        parameters = Estimator().get_params()
        bad = {name: values for name, values in bad.items() if name in parameters}
        for name, values in bad.items():
            yield pytest.param(Estimator, name, values, id=f"{Estimator.__name__}-{name}")


@pytest.mark.parametrize(("Estimator", "name", "values"), list(bad_parameters()))
def test_parameters(Estimator, name, values):
    """The error names the parameter, also where a model goes on with the next chunk."""
    X = rows()
    new, model = Estimator(**SMALL), fitted(Estimator)
    good = model.get_params()[name]
    before = pickle.dumps(model)
    for value in values:
        for estimator in (new, model):
            estimator.set_params(**{name: value})
            for method in ("fit", "partial_fit", "fit_transform"):
                if hasattr(estimator, method):
                    with pytest.raises((ValueError, TypeError), match=name):
                        getattr(estimator, method)(X)
        assert not hasattr(new, "theta_")
        assert pickle.dumps(model.set_params(**{name: good})) == before


def test_every_parameter_is_tested():
    tested = {(Estimator, name) for Estimator, name, _ in (p.values for p in bad_parameters())}
    everything = {(E, name) for E in ESTIMATORS for name in E().get_params()}
    assert tested == everything


@pytest.mark.parametrize("noise", ["masking", "salt_pepper", "swap"])
def test_a_probability_above_one(noise):
    model = fitted(DenoisingAutoencoder)
    model.set_params(noise=noise, noise_level=1.5)
    assert_refused(model, lambda: model.fit(rows()), ValueError, "noise_level")


CONTRADICTIONS = [
    ({"sparsity": "kl", "latent_activation": "relu"}, "latent_activation='logistic'"),
    ({"sparsity": "kl", "latent_activation": "identity"}, "latent_activation='logistic'"),
    ({"loss": "log_loss", "output_activation": "identity"}, "output_activation='logistic'"),
    ({"loss": "poisson", "output_activation": "relu"}, "output_activation='exponential'"),
]


@pytest.mark.parametrize(
    ("Estimator", "parameters", "match"),
    [
        *((Estimator, *case) for Estimator in ESTIMATORS[:3] for case in CONTRADICTIONS),
        (VariationalAutoencoder, {"free_bits": 0.1, "n_samples": 2}, "free_bits=0.1 needs"),
    ],
    ids=str,
)
def test_parameters_that_contradict_each_other(Estimator, parameters, match):
    X = np.random.default_rng(0).uniform(size=(N_ROWS, N_FEATURES))
    model = Estimator(**SMALL).fit(X).set_params(**parameters)
    for name in ("fit", "partial_fit"):
        assert_refused(model, lambda name=name: getattr(model, name)(X), ValueError, match)


BAD_NOISE = {
    "fewer columns": lambda X, rng: X[:, :2],
    "fewer rows": lambda X, rng: X[:2],
    "one row": lambda X, rng: X[0],
    "a number": lambda X, rng: 0.0,
    "nothing": lambda X, rng: None,
    "strings": lambda X, rng: np.full(X.shape, "a"),
    "complex": lambda X, rng: X + 1j,
    "NaN": lambda X, rng: X * np.nan,
}


@pytest.mark.parametrize("noise", BAD_NOISE.values(), ids=BAD_NOISE)
def test_noise_that_is_no_noise(noise):
    model = fitted(DenoisingAutoencoder)
    theta = model.theta_.copy()
    model.set_params(noise=noise)
    for method in (model.fit, model.partial_fit):
        with pytest.raises((ValueError, TypeError), match="noise"):
            method(rows())
    np.testing.assert_array_equal(model.theta_, theta)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_unknown_parameters_and_missing_arguments(Estimator):
    with pytest.raises(TypeError, match="n_hidden"):
        Estimator(n_hidden=3)
    with pytest.raises(ValueError, match="Invalid parameter 'n_hidden'"):
        Estimator().set_params(n_hidden=3)
    with pytest.raises(TypeError, match="positional"):
        Estimator(2, (8,))
    with pytest.raises(TypeError, match="'X'"):
        Estimator().fit()
