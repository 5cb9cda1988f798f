"""Situations of scikit-learn's gallery in which an estimator of this package takes a place.

Each is about one figure, which is computed as in the gallery. Only the class is another one; what
else had to change is said in the test and on the pages for those who come from that class. Training
is cut short: what is tested is that the estimators fit in, not how good they are.
"""

from functools import partial

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_moons,
    make_multilabel_classification,
)
from sklearn.decomposition import PCA, FastICA
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    cross_val_score,
    learning_curve,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import SVC

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder

SHORT = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": False, "random_state": 0}
Reducer = partial(AutoencoderTransformer, **SHORT)
Detector = partial(AutoencoderOutlierDetector, criterion="reconstruction", **SHORT)

IRIS, WINE, DIGITS = load_iris(), load_wine(), load_digits(n_class=6)
IMAGES, LABELS = DIGITS.data[:240] / 16, DIGITS.target[:240]
# What follows a reducer learns in a moment.
logistic = partial(LogisticRegression, max_iter=300)


@pytest.fixture(scope="module")
def reducer_of_images():
    return Reducer(8).fit(IMAGES)


# ---------------------------------------------------------------- in place of PCA


def test_three_columns_of_iris_are_drawn_in_space():
    code = Reducer(n_components=3).fit_transform(IRIS.data)
    centres = np.array([code[IRIS.target == label, 0].mean() for label in range(3)])
    assert code.shape == (150, 3)
    assert len(np.unique(np.sign(np.diff(centres)))) == 1, "the species lie in a row"


def test_share_of_each_component_is_printed():
    ratios = Reducer(n_components=2).fit(IRIS.data).explained_variance_ratio_
    np.testing.assert_allclose(ratios, [0.92, 0.05], atol=0.02)


def test_a_grid_over_code_size_and_the_classifier_behind():
    pipe = Pipeline([("scale", StandardScaler()), ("pca", Reducer()), ("logistic", logistic())])
    search = GridSearchCV(pipe, {"pca__n_components": [1, 4], "logistic__C": [0.1, 1]}, cv=2)
    search.fit(IRIS.data, IRIS.target)
    best = search.best_estimator_.named_steps["pca"]
    assert best.n_components == search.best_params_["pca__n_components"]
    assert best.explained_variance_ratio_.shape == (best.n_components,)
    assert search.best_score_ > 0.9


def test_the_simplest_model_within_one_deviation():
    def fewest_within_one_deviation(results):
        mean, deviation = results["mean_test_score"], results["std_test_score"]
        sizes = np.array([params["reduce__n_components"] for params in results["params"]])
        good = mean >= mean.max() - deviation[mean.argmax()]
        return int(np.flatnonzero(good)[sizes[good].argmin()])

    pipe = Pipeline([("reduce", Reducer()), ("classify", KNeighborsClassifier())])
    grid = {"reduce__n_components": [1, 2, 4]}
    search = GridSearchCV(pipe, grid, cv=3, refit=fewest_within_one_deviation)
    search.fit(IRIS.data, IRIS.target)
    assert search.best_index_ in range(3)
    assert search.cv_results_["mean_test_score"].max() > 0.9


def test_components_of_faces_are_shown_as_images_before_a_whitened_classifier(reducer_of_images):
    """`svd_solver` has no counterpart: the solver suits the shape of X."""
    eigenfaces = reducer_of_images.components_.reshape((8, 8, 8))
    np.testing.assert_allclose(np.square(eigenfaces).sum(axis=(1, 2)), 1)
    pca = Reducer(n_components=8, whiten=True).fit(IMAGES)
    code = pca.transform(IMAGES)
    np.testing.assert_allclose(code.std(axis=0, ddof=1), 1)
    assert SVC().fit(code, LABELS).score(code, LABELS) > 0.9


def test_noise_is_removed_by_projecting_and_back():
    noisy = IMAGES + 0.3 * np.random.default_rng(0).normal(size=IMAGES.shape)
    pca = Reducer(n_components=16).fit(noisy)
    restored = pca.inverse_transform(pca.transform(noisy))
    assert np.mean((restored - IMAGES) ** 2) < 0.6 * np.mean((noisy - IMAGES) ** 2)


def test_a_union_with_selected_features():
    union = FeatureUnion([("pca", Reducer(n_components=2)), ("best", SelectKBest(k=1))])
    pipe = Pipeline([("features", union), ("svm", SVC(kernel="linear"))])
    grid = {"features__pca__n_components": [1, 2], "features__best__k": [1, 2]}
    search = GridSearchCV(pipe, grid, cv=2).fit(IRIS.data, IRIS.target)
    assert search.best_score_ > 0.9
    assert search.best_estimator_[0].transform(IRIS.data).shape[1] in (2, 3, 4)


def test_scaling_decides_what_the_first_component_is():
    raw = Reducer(n_components=2).fit(WINE.data)
    scaled = Reducer(n_components=2).fit(StandardScaler().fit_transform(WINE.data))
    proline = WINE.feature_names.index("proline")
    assert abs(raw.components_[0, proline]) > 0.99
    assert abs(scaled.components_[0, proline]) < 0.5


def test_scaling_helps_the_classifier_behind():
    def accuracy(*steps):
        pipe = make_pipeline(*steps, Reducer(n_components=2), logistic())
        return cross_val_score(pipe, WINE.data, WINE.target, cv=2).mean()

    assert accuracy(StandardScaler()) > accuracy() + 0.1


def test_regression_on_the_first_component_misses_a_direction_of_low_variance():
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0], [[3, 3], [3, 4]], size=200)
    pca = Reducer(n_components=2).fit(X)
    assert pca.explained_variance_[0] > 5 * pca.explained_variance_[1]
    y = X @ pca.components_[1]
    regression = make_pipeline(StandardScaler(), Reducer(n_components=1), LinearRegression())
    assert regression.fit(X, y).score(X, y) < 0.5
    regression.set_params(autoencodertransformer__n_components=2)
    assert regression.fit(X, y).score(X, y) > 0.95


def test_cluster_centres_start_at_components():
    pca = Reducer(n_components=6).fit(IMAGES)
    means = KMeans(init=pca.components_, n_clusters=6, n_init=1).fit(IMAGES)
    assert means.inertia_ < np.square(IMAGES - IMAGES.mean(axis=0)).sum()


def test_clusters_in_the_plane_are_drawn_with_a_mesh_of_the_plane():
    code = Reducer(n_components=2).fit_transform(IMAGES)
    means = KMeans(init="k-means++", n_clusters=6, n_init=1, random_state=0).fit(code)
    (low, high) = code.min(axis=0) - 1, code.max(axis=0) + 1
    mesh = np.stack(np.meshgrid(*np.linspace(low, high, 20).T), axis=-1).reshape(-1, 2)
    assert len(np.unique(means.predict(mesh))) == 6


def test_reducers_compete_in_a_grid_with_cached_steps(tmp_path):
    pipe = Pipeline([("reduce_dim", "passthrough"), ("classify", logistic())], memory=str(tmp_path))
    candidates = [PCA(2), Reducer(2), SelectKBest(k=2)]
    search = GridSearchCV(pipe, {"reduce_dim": candidates, "classify__C": [1, 10]}, cv=2)
    search.fit(IRIS.data, IRIS.target)
    assert len(search.cv_results_["params"]) == 6
    assert min(search.cv_results_["mean_test_score"]) > 0.85


def test_score_by_number_of_components_has_no_best_one_inside():
    """PCA's `score` is a log-likelihood; here it is the share of the variance."""
    scores = [cross_val_score(Reducer(n), IRIS.data, cv=3).mean() for n in (1, 2, 3)]
    assert scores == sorted(scores)
    assert 0.8 < scores[-1] <= 1


def test_a_variance_to_keep_gives_the_number_of_components():
    reducer = Reducer(n_components=0.9).fit(IMAGES)
    assert reducer.n_components_ <= PCA(n_components=0.9).fit(IMAGES).n_components_
    assert len(Reducer(n_components=None).fit(IRIS.data).explained_variance_ratio_) == 4


def test_new_digits_are_drawn_from_a_density_of_the_code():
    pca = Reducer(n_components=8, whiten=False).fit(IMAGES)
    density = KernelDensity(bandwidth=0.3).fit(pca.transform(IMAGES))
    drawn = pca.inverse_transform(density.sample(20, random_state=0))
    assert drawn.shape == (20, 64)
    assert drawn.min() > -0.2
    assert drawn.max() < 1.2


def test_sources_are_mixed_in_components_and_apart_after_ica():
    t = np.linspace(0, 8, 400)
    sources = np.c_[np.sin(2 * t), np.sign(np.sin(3 * t))]
    mixed = sources @ np.array([[1, 1], [0.5, 2]])

    def alike(estimated):
        found = np.abs(np.corrcoef(sources.T, estimated.T)[:2, 2:])
        return found.max(axis=1).min()

    code = Reducer(n_components=2).fit(mixed).transform(mixed)
    assert alike(FastICA(2, random_state=0, whiten="unit-variance").fit_transform(code)) > 0.95
    assert alike(code) < 0.95


def test_several_labels_a_sample_in_the_plane():
    X, Y = make_multilabel_classification(n_classes=2, n_labels=1, random_state=1)
    code = Reducer(n_components=2).fit_transform(X)
    classifier = OneVsRestClassifier(SVC(kernel="linear")).fit(code, Y)
    assert classifier.predict(code).shape == Y.shape


def test_neighbours_in_a_plane_found_without_labels():
    X, X_test, y, y_test = train_test_split(IMAGES, LABELS, random_state=0, stratify=LABELS)
    pipe = make_pipeline(StandardScaler(), Reducer(n_components=8)).fit(X, y)
    neighbours = KNeighborsClassifier(3).fit(pipe.transform(X), y)
    assert neighbours.score(pipe.transform(X_test), y_test) > 0.8


def test_columns_of_a_frame_go_different_ways():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(IRIS.data, columns=["a", "b", "c", "d"])
    columns = make_column_transformer(
        (Reducer(n_components=2), ["a", "b", "c"]), remainder="passthrough"
    ).set_output(transform="pandas")
    result = columns.fit_transform(frame)
    assert list(result) == [
        "autoencodertransformer__autoencodertransformer0",
        "autoencodertransformer__autoencodertransformer1",
        "remainder__d",
    ]


# ---------------------------------------------------------------- in place of other reducers


def test_a_reducer_learns_batch_by_batch():
    """In place of IncrementalPCA; `fit` goes over X in epochs instead of once in batches."""
    reducer = Reducer(n_components=2)
    for batch in np.array_split(IRIS.data, 3):
        reducer.partial_fit(batch)
    whole = PCA(2).fit_transform(IRIS.data)
    alike = np.corrcoef(reducer.transform(IRIS.data)[:, 0], whole[:, 0])[0, 1]
    assert abs(alike) > 0.99
    assert reducer.n_samples_seen_ == 150


def test_latent_semantic_analysis_of_texts():
    """In place of TruncatedSVD: unlike it, the reducer centres the columns."""
    texts = ["the cat and the dog", "a dog and a cat ran", "stocks and bonds fell"]
    texts += ["bonds rose as stocks fell", "the dog ran", "the market for bonds"]
    dense = FunctionTransformer(lambda X: X.toarray(), accept_sparse=True)
    lsa = make_pipeline(TfidfVectorizer(), dense, Reducer(n_components=2), Normalizer(copy=False))
    code = lsa.fit_transform(texts)
    means = KMeans(2, n_init=5, random_state=0).fit(code)
    assert 0 < lsa[2].explained_variance_ratio_.sum() < 1
    terms = lsa[2].inverse_transform(means.cluster_centers_)
    assert terms.shape == (2, len(lsa[0].get_feature_names_out()))


def test_embeddings_of_digits_side_by_side(reducer_of_images):
    """In place of TruncatedSVD among the manifold learners."""
    code = reducer_of_images.transform(IMAGES)[:, :2]
    scaled = (code - code.min(axis=0)) / np.ptp(code, axis=0)
    assert scaled.min() == 0
    assert scaled.max() == 1
    assert KNeighborsClassifier(5).fit(scaled, LABELS).score(scaled, LABELS) > 0.6


# ---------------------------------------------------------------- in place of IsolationForest


def test_detectors_on_toy_sets_are_called_in_one_loop():
    """All are called by `fit(X).predict(X)` or `fit_predict(X)`."""
    rng = np.random.default_rng(42)
    outliers = rng.uniform(-6, 6, size=(15, 2))
    for X in (
        make_blobs(85, centers=[[0, 0], [0, 0]], cluster_std=0.5, random_state=0)[0],
        4 * (make_moons(85, noise=0.05, random_state=0)[0] - [0.5, 0.25]),
    ):
        X = np.r_[X, outliers]
        algorithm = Detector(contamination=0.15)
        flagged = algorithm.fit(X).predict(X) == -1
        assert 0.1 < flagged.mean() < 0.2


def test_the_border_of_normal_samples_is_drawn():
    rng = np.random.RandomState(0)
    inliers = np.r_[0.4 * rng.randn(60, 2) @ [[0.5, -0.1], [0.7, 0.4]] + 2, 0.3 * rng.randn(60, 2)]
    clf = AutoencoderOutlierDetector(**SHORT).fit(inliers)
    xx, yy = np.meshgrid(np.linspace(-4, 4, 15), np.linspace(-4, 4, 15))
    grid = np.c_[xx.ravel(), yy.ravel()]
    decision = clf.decision_function(grid)
    np.testing.assert_array_equal(decision < 0, clf.predict(grid) == -1)
    assert clf.predict(inliers).mean() > 0.7
    assert clf.predict([[-4, 4]]) == -1


def test_detectors_are_compared_by_their_roc():
    X, y = load_breast_cancer(return_X_y=True)
    keep = np.r_[np.flatnonzero(y == 1)[:90], np.flatnonzero(y == 0)[:15]]
    X, y = X[keep, :10], y[keep]
    model = make_pipeline(StandardScaler(), AutoencoderOutlierDetector(**SHORT))
    scores = model.fit(X).decision_function(X)
    assert roc_auc_score(y, scores) > 0.85


# ---------------------------------------------------------------- in place of MLPRegressor


def test_weights_of_the_first_layer_are_shown_as_images(reducer_of_images):
    """`fit(X, X)` becomes `fit(X)`; `y` is ignored, so that the former runs too."""
    model = Reducer(n_components=8).fit(IMAGES, IMAGES)
    np.testing.assert_array_equal(model.theta_, reducer_of_images.theta_)
    assert model.coefs_[0].T.reshape(-1, 8, 8).shape == (8, 8, 8)
    assert len(model.loss_curve_) == model.n_iter_
    assert model.loss_ == model.loss_curve_[-1]


def test_solvers_are_compared_by_their_loss_curves():
    curves = {
        solver: Reducer(2, solver=solver, learning_rate=schedule).fit(IRIS.data).loss_curve_
        for solver, schedule in [("sgd", "invscaling"), ("sgd", "constant"), ("adam", "constant")]
    }
    assert all(curve[-1] <= curve[0] for curve in curves.values())


def test_strength_of_the_decay_changes_the_size_of_the_weights():
    norms = [
        np.linalg.norm(Reducer(2, alpha=alpha, solver="sgd").fit(IMAGES).coefs_[0])
        for alpha in (0.0, 100.0)
    ]
    assert norms[1] < norms[0]


def test_predictions_of_noisy_inputs():
    noisy = IMAGES + 0.3 * np.random.default_rng(0).normal(size=IMAGES.shape)
    model = DenoisingAutoencoder(8, noise=None, **SHORT).fit(noisy, X_clean=IMAGES)
    assert np.mean((model.reconstruct(noisy) - IMAGES) ** 2) < np.mean((noisy - IMAGES) ** 2)


# ---------------------------------------------------------------- inside meta-estimators


def test_a_stack_of_pipelines():
    pipes = [("few", make_pipeline(Reducer(1), logistic())), ("more", make_pipeline(Reducer(2)))]
    pipes[1][1].steps.append(("classify", KNeighborsClassifier()))
    stack = StackingClassifier(pipes, cv=2).fit(IRIS.data, IRIS.target)
    assert stack.score(IRIS.data, IRIS.target) > 0.9


def test_halving_search():
    pipe = Pipeline([("reduce", Reducer()), ("classify", logistic())])
    grid = {"reduce__n_components": [1, 2, 3]}
    search = HalvingGridSearchCV(pipe, grid, cv=2, min_resources=40, factor=3, random_state=0)
    assert search.fit(IRIS.data, IRIS.target).best_score_ > 0.8


def test_bagging_and_calibration():
    pipe = make_pipeline(Reducer(2), logistic())
    bagged = BaggingClassifier(pipe, n_estimators=2, random_state=0).fit(IRIS.data, IRIS.target)
    calibrated = CalibratedClassifierCV(pipe, cv=2).fit(IRIS.data, IRIS.target)
    for model in (bagged, calibrated):
        np.testing.assert_allclose(model.predict_proba(IRIS.data).sum(axis=1), 1)
        assert model.score(IRIS.data, IRIS.target) > 0.9


def test_features_are_selected_and_their_importance_permuted():
    pipe = make_pipeline(Reducer(1), logistic())
    selector = SequentialFeatureSelector(pipe, n_features_to_select=2, cv=2)
    assert selector.fit(IRIS.data, IRIS.target).get_support().sum() == 2
    pipe.fit(IRIS.data, IRIS.target)
    importance = permutation_importance(pipe, IRIS.data, IRIS.target, n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() == 2, "the length of the petal"


def test_groups_stay_together_and_learning_curves_are_drawn():
    pipe = make_pipeline(Reducer(2), Ridge())
    X, y, groups = IRIS.data[:, :3], IRIS.data[:, 3], np.arange(150) % 6
    _sizes, _, scores = learning_curve(
        pipe, X, y, groups=groups, cv=GroupKFold(2), train_sizes=[0.5, 1.0]
    )
    assert scores.shape == (2, 2)
    assert scores[-1].mean() > 0.7
