"""Choosing models: Pipelines, grid searches, PCA and autoencoders for the same step."""

import warnings

import numpy as np
from numpy.testing import assert_allclose
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    ValidationCurveDisplay,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from versions import search_hands_weights_to_the_score_of_a_pipeline

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae.metrics import reconstruction_score

QUICK = {
    "hidden_layer_sizes": (8,),
    "max_iter": 3,
    "early_stopping": False,
    "random_state": 0,
}
TRANSFORMERS = [AutoencoderTransformer, DenoisingAutoencoder]
X, y = load_iris(return_X_y=True)


@pytest.fixture
def frame():
    return load_iris(as_frame=True).data


# ------------------------------------------------------------ Pipelines


@pytest.mark.parametrize("Estimator", [*TRANSFORMERS, AutoencoderOutlierDetector])
def test_between_a_scaler_and_a_classifier(Estimator):
    pipeline = make_pipeline(StandardScaler(), Estimator(3, **QUICK), LogisticRegression())
    assert pipeline.fit(X, y).score(X, y) > 0.85
    assert cross_val_score(pipeline, X, y, cv=3).min() > 0.8


def test_there_and_back_through_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, **QUICK)).fit(X)
    back = pipeline.inverse_transform(pipeline.transform(X))
    scaled = pipeline[0].transform(X)
    expected = pipeline[0].inverse_transform(pipeline[1].reconstruct(scaled))
    assert_allclose(back, expected, rtol=1e-9)
    assert_allclose(pipeline.score(X), pipeline[1].score(scaled))


def test_the_same_code_with_pca_and_with_an_autoencoder():
    """A drop-in: what can be done with one can be done with the other."""
    found = []
    short = {"hidden_layer_sizes": (16,), "max_iter": 20, "random_state": 0}
    for reducer in (PCA(2), AutoencoderTransformer(2, **short)):
        pipeline = make_pipeline(StandardScaler(), reducer, LogisticRegression())
        found.append(cross_val_score(pipeline, X, y, cv=3).mean())
        reducer = clone(reducer).fit(X)
        assert reducer.transform(X).shape == (150, 2)
        assert reducer.inverse_transform(reducer.transform(X)).shape == X.shape
        assert reducer.explained_variance_ratio_.sum() > 0.95
        assert reducer.n_components_ == 2
        assert reducer.n_features_in_ == 4
        assert len(reducer.get_feature_names_out()) == 2
        assert reducer.score_samples(X).shape == (150,)
        assert np.isfinite(reducer.score(X))
    assert found[1] > found[0] - 0.05


def test_beside_other_columns(frame):
    frame = frame.assign(kind=np.where(y == 0, "a", "b"))
    columns = ColumnTransformer(
        [
            ("sepal", AutoencoderTransformer(1, **QUICK), list(frame.columns[:2])),
            ("petal", DenoisingAutoencoder(1, **QUICK), list(frame.columns[2:4])),
            ("kind", OneHotEncoder(sparse_output=False), ["kind"]),
        ]
    ).set_output(transform="pandas")
    found = columns.fit_transform(frame)
    assert list(found.columns) == [
        "sepal__autoencodertransformer0",
        "petal__denoisingautoencoder0",
        "kind__kind_a",
        "kind__kind_b",
    ]
    union = FeatureUnion([("pca", PCA(1)), ("autoencoder", AutoencoderTransformer(2, **QUICK))])
    assert union.fit_transform(X).shape == (150, 3)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_through_a_pipeline(frame, library):
    pytest.importorskip(library)
    with config_context(transform_output=library):
        pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, **QUICK))
        found, again = pipeline.fit_transform(frame), pipeline.transform(frame)
    assert type(found).__module__.startswith(library)
    assert list(found.columns) == ["autoencodertransformer0", "autoencodertransformer1"]
    assert_allclose(again, found)


def test_trained_without_labels_and_frozen():
    encoder = AutoencoderTransformer(3, **QUICK).fit(X)
    pipeline = make_pipeline(FrozenEstimator(encoder), LogisticRegression(max_iter=1000))
    assert pipeline.fit(X[::5], y[::5]).score(X, y) > 0.85


# ------------------------------------------------------------ searches


def test_supervised_search_over_the_number_of_components():
    steps = [
        ("scale", StandardScaler()),
        ("encode", AutoencoderTransformer(**QUICK)),
        ("classify", LogisticRegression()),
    ]
    grid = {"encode__n_components": [1, 3], "encode__alpha": [1e-4, 1.0]}
    search = GridSearchCV(Pipeline(steps), grid, cv=3).fit(X, y)
    assert search.best_params_["encode__n_components"] == 3
    assert search.best_score_ > 0.85
    assert search.predict(X).shape == (150,)


def test_unsupervised_search_by_the_default_score():
    grid = {"n_components": [1, 2, 3]}
    search = GridSearchCV(AutoencoderTransformer(**QUICK), grid, cv=3).fit(X)
    assert search.best_params_ == {"n_components": 3}
    assert np.all(np.diff(search.cv_results_["mean_test_score"]) > 0)
    assert search.transform(X).shape == (150, 3)
    assert_allclose(search.score(X), search.best_estimator_.score(X))


def test_processes_and_threads_find_the_same():
    grid = {"n_components": [1, 2], "early_stopping": [False, True]}
    model = AutoencoderTransformer(**QUICK)
    found = [
        GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(X).cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*found)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations")  # of NMF
def test_pca_and_autoencoders_compete_for_the_same_step():
    """One ruler: the share of the variance of unseen rows, in the units of X."""
    steps = [("scale", MinMaxScaler(clip=True)), ("reduce", PCA())]
    reducers = [
        PCA(),
        AutoencoderTransformer(**QUICK),
        DenoisingAutoencoder(noise_level=0.01, **QUICK),
        NMF(max_iter=500),
        KernelPCA(kernel="rbf", fit_inverse_transform=True),
    ]
    grid = {"reduce": reducers, "reduce__n_components": [1, 3]}
    search = GridSearchCV(Pipeline(steps), grid, scoring=reconstruction_score, cv=3)
    order = np.random.default_rng(0).permutation(len(X))
    search.fit(X[order])
    scores = search.cv_results_["mean_test_score"].reshape(5, 2)
    assert np.isfinite(scores).all()
    assert np.all(scores <= 1)
    assert np.all(scores[:3, 1] > scores[:3, 0])
    assert abs(scores[0, 1] - scores[1, 1]) < 0.05
    assert search.best_params_["reduce__n_components"] == 3
    best = search.best_estimator_
    assert_allclose(search.score(X), reconstruction_score(best, X))


@pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
def test_an_autoencoder_wins_where_rows_lie_on_a_curve():
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, 300)
    curve = np.column_stack([t, t**2, np.sin(3 * t)]) + 0.01 * rng.normal(size=(300, 3))
    steps = [("scale", StandardScaler()), ("reduce", PCA())]
    model = AutoencoderTransformer(
        hidden_layer_sizes=(32,), learning_rate_init=1e-2, max_iter=60, random_state=0
    )
    grid = {"reduce": [PCA(), model], "reduce__n_components": [1]}
    search = GridSearchCV(Pipeline(steps), grid, scoring=reconstruction_score, cv=2).fit(curve)
    assert isinstance(search.best_params_["reduce"], AutoencoderTransformer)


def test_search_over_what_a_network_is():
    grid = {
        "hidden_layer_sizes": [(), 4, (8, 4)],
        "activation": ["tanh", "relu", "gelu"],
        "linear_path": ["pca", None],
        "solver": ["adam", "sgd", "lbfgs"],
        "sparsity": [None, "l1", "kl"],
        "batch_size": ["auto", 32],
    }
    model = AutoencoderTransformer(max_iter=3, early_stopping=False, random_state=0)
    search = RandomizedSearchCV(model, grid, n_iter=12, cv=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # three iterations of L-BFGS
        search.fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def mean_of_rows(model, X, y=None):
    return model.score_samples(X).mean()


def test_several_scores_at_once():
    found = cross_validate(
        AutoencoderTransformer(2, **QUICK),
        X,
        scoring={
            "share": reconstruction_score,
            "rows": lambda m, X, y=None: m.score_samples(X).mean(),
        },
        cv=3,
        return_estimator=True,
    )
    assert np.all(found["test_share"] < 1)
    assert np.all(found["test_rows"] < 0)
    assert all(model.n_iter_ == 3 for model in found["estimator"])


def test_curves():
    sizes, _, scores = learning_curve(
        AutoencoderTransformer(2, **QUICK), X, None, cv=3, train_sizes=[0.3, 1.0], shuffle=True
    )
    assert len(sizes) == 2
    assert np.isfinite(scores).all()
    _, _, scores = learning_curve(
        AutoencoderTransformer(2, **QUICK),
        X,
        y,
        cv=3,
        train_sizes=[0.3, 1.0],
        shuffle=True,
        exploit_incremental_learning=True,
        scoring=reconstruction_score,
    )
    assert np.isfinite(scores).all()
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    display = ValidationCurveDisplay.from_estimator(
        AutoencoderTransformer(**QUICK),
        X,
        None,
        param_name="n_components",
        param_range=[1, 2],
        cv=2,
    )
    assert np.all(np.diff(display.test_scores.mean(axis=1)) > 0)
    pyplot.close("all")


@search_hands_weights_to_the_score_of_a_pipeline
def test_sample_weights_are_routed_through_a_search():
    weights = np.linspace(0.1, 1, len(X))
    with config_context(enable_metadata_routing=True):
        model = AutoencoderTransformer(**QUICK)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        pipeline = Pipeline([("scale", scaler), ("encode", model)])
        grid = {"encode__n_components": [1, 2]}
        search = GridSearchCV(pipeline, grid, cv=2).fit(X, sample_weight=weights)
        by_hand = clone(pipeline).set_params(**search.best_params_)
        by_hand.fit(X, sample_weight=weights)
    assert_allclose(
        search.best_estimator_.transform(X), by_hand.transform(X), rtol=1e-9, atol=1e-12
    )


def test_rows_to_watch_pass_the_same_steps():
    """Early stopping on X_val in a Pipeline that scales it as it scales X."""
    rows = pd.DataFrame(load_digits().data[:200])
    rows.columns = [f"pixel{i}" for i in range(64)]
    with config_context(enable_metadata_routing=True):
        model = AutoencoderTransformer(4, **QUICK).set_fit_request(X_val=True)
        pipeline = Pipeline(
            [("scale", MinMaxScaler()), ("encode", model)], transform_input=["X_val"]
        )
        pipeline.fit(rows[:150], X_val=rows[150:])
    by_hand = clone(model).fit(
        pipeline[0].transform(rows[:150]), X_val=pipeline[0].transform(rows[150:])
    )
    assert pipeline[-1].validation_loss_curve_ == by_hand.validation_loss_curve_
    np.testing.assert_array_equal(pipeline[-1].theta_, by_hand.theta_)
