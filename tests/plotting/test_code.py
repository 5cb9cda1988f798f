"""CodeDisplay."""

from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
import matplotlib.pyplot as plt
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import SMALL, autoencoder, classes, detector, frame, pca, pipeline, rows
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_score
from skae.plotting import CodeDisplay

pl = pytest.importorskip("polars")


def test_default_pca_is_fitted_to_the_same_samples():
    display = CodeDisplay.from_estimator(autoencoder(), rows(), columns=(2, 0))
    expected = {"AutoencoderTransformer": autoencoder(), "PCA": PCA(3).fit(rows())}
    assert list(display.codes) == list(expected)
    for (name, reducer), ax, (points,) in zip(expected.items(), display.axes_, display.scatters_):
        assert_allclose(display.codes[name], reducer.transform(rows())[:, [2, 0]])
        assert_allclose(points.get_offsets(), display.codes[name])
        assert_allclose(display.scores[name], reconstruction_score(reducer, rows()))
        assert ax.get_title() == f"{name}\n{display.scores[name]:.1%} of the variance"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("component 2", "component 0")


def test_pca_can_be_passed():
    other = PCA(2).fit(rows()[:20])
    display = CodeDisplay.from_estimator(autoencoder(), rows(), pca=other)
    assert_allclose(display.codes["PCA"], other.transform(rows()))
    assert_allclose(display.scores["PCA"], reconstruction_score(other, rows()))
    both = CodeDisplay.from_estimator(pca(), rows(), pca=other)
    assert list(both.codes) == ["PCA (estimator)", "PCA (pca)"]


def test_pca_replaces_the_last_step_of_a_pipeline():
    display = CodeDisplay.from_estimator(pipeline(), frame())
    expected = make_pipeline(StandardScaler(), PCA(3)).fit(frame())
    assert_allclose(display.codes["PCA"], expected.transform(frame())[:, :2])
    assert_allclose(display.scores["PCA"], reconstruction_score(expected, frame()))


def test_pca_receives_frames():
    display = CodeDisplay.from_estimator(detector(), frame())
    assert_allclose(display.codes["PCA"], PCA(2).fit_transform(rows()))
    one_step = make_pipeline(AutoencoderTransformer(2, **SMALL)).set_output(transform="pandas")
    display = CodeDisplay.from_estimator(one_step.fit(frame()), frame())
    assert_allclose(display.codes["PCA"], PCA(2).fit_transform(rows()))
    scaled = clone(pipeline()).set_output(transform="pandas").fit(frame())
    expected = PCA(3).fit_transform(StandardScaler().fit_transform(rows()))
    assert_allclose(CodeDisplay.from_estimator(scaled, frame()).codes["PCA"], expected[:, :2])


def test_classes_have_colours_and_a_legend():
    display = CodeDisplay.from_estimator(autoencoder(), rows(), classes())
    code = autoencoder().transform(rows())[:, :2]
    for j, points in enumerate(display.scatters_[0]):
        assert isinstance(points, PathCollection)
        assert_allclose(points.get_offsets(), code[classes() == j])
    colors = {tuple(points.get_facecolor()[0]) for points in display.scatters_[0]}
    shapes = {points.get_paths()[0].vertices.tobytes() for points in display.scatters_[0]}
    assert len(colors) == len(shapes) == 3
    legend = display.axes_[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]
    assert display.axes_[0].get_legend() is None


@pytest.mark.parametrize("container", [np.asarray, frame().__class__, pl.DataFrame])
def test_pca_gets_missing_cells_as_the_estimator_reconstructs_them(container):
    X = frame().mask(np.random.default_rng(0).random((60, 12)) < 0.1)
    estimator = autoencoder() if container is np.asarray else pipeline()
    given = container(X) if container is not pl.DataFrame else pl.from_pandas(X, nan_to_null=False)
    display = CodeDisplay.from_estimator(estimator, given)
    reconstruction = estimator.inverse_transform(estimator.transform(given))
    filled = X.where(X.notna(), reconstruction)
    steps = [] if container is np.asarray else [StandardScaler().fit(frame())]
    expected = make_pipeline(*steps, PCA(3))
    scaled = steps[0].transform(filled) if steps else filled.to_numpy()
    code = expected[-1].fit_transform(scaled)
    assert_allclose(display.codes["PCA"], code[:, :2])
    errors = np.square(expected.inverse_transform(code) - X).to_numpy()
    variances = np.square(X - X.mean()).to_numpy()
    assert_allclose(display.scores["PCA"], 1 - np.nansum(errors) / np.nansum(variances))


def test_more_classes_than_colours_in_the_cycle():
    display = CodeDisplay.from_estimator(autoencoder(), rows(), np.arange(60) % 15)
    colors = {tuple(points.get_facecolor()[0]) for points in display.scatters_[0]}
    assert len(colors) == 15


@pytest.mark.parametrize("background", ["white", "black"])
def test_colours_of_numbers_are_visible_on_the_background(background):
    with plt.rc_context({"axes.facecolor": background}):
        display = CodeDisplay.from_estimator(autoencoder(), rows(), rows()[:, 0])
    (points,) = display.scatters_[0]
    assert_array_equal(points.get_array(), rows()[:, 0])
    assert display.scatters_[1][0].colorbar.ax.get_ylabel() == "y"
    brightness = points.get_cmap()(np.linspace(0, 1, 50))[:, :3].mean(axis=1)
    assert np.abs(brightness - np.mean(to_rgb(background))).min() > 0.2


@pytest.mark.parametrize(("subsample", "n_shown"), [(7, 7), (0.5, 30), (None, 60), (1000, 60)])
def test_subsample_is_random_and_scores_use_all_samples(subsample, n_shown):
    display, again = (
        CodeDisplay.from_estimator(
            autoencoder(), rows(), classes(), pca=pca(), subsample=subsample, random_state=0
        )
        for _ in range(2)
    )
    assert len(display.codes["PCA"]) == len(display.y) == n_shown
    assert_array_equal(display.codes["PCA"], again.codes["PCA"])
    assert_allclose(display.scores["PCA"], reconstruction_score(pca(), rows()))
    code = pca().transform(rows())[:, :2]
    indices = [
        int(np.flatnonzero((code == point).all(axis=1))[0]) for point in display.codes["PCA"]
    ]
    assert indices == sorted(set(indices))
    assert_array_equal(display.y, classes()[indices])


@pytest.mark.parametrize("subsample", [0, -3, 1.5, "all", True])
def test_invalid_subsample_raises(subsample):
    with pytest.raises(ValueError, match=f"subsample must be .* got {subsample!r}"):
        CodeDisplay.from_estimator(autoencoder(), rows(), pca=pca(), subsample=subsample)


def test_components_that_do_not_exist_raise():
    with pytest.raises(ValueError, match=r"of the latent code, from 0 to 2, got \(0, 3\)"):
        CodeDisplay.from_estimator(autoencoder(), rows(), columns=(0, 3))
    with pytest.raises(ValueError, match=r"of PCA's code, from 0 to 1, got \[0, 2\]"):
        CodeDisplay.from_estimator(autoencoder(), rows(), columns=(0, 2), pca=PCA(2).fit(rows()))
    with pytest.raises(
        ValueError, match="columns must be indices of one or two components of the latent code"
    ):
        CodeDisplay.from_estimator(autoencoder(), rows(), columns=(0, 1, 2))
    one = AutoencoderTransformer(1, **SMALL).fit(rows())
    with pytest.raises(ValueError, match=r"from 0 to 0, got \(0, 2\)"):
        CodeDisplay.from_estimator(one, rows(), columns=(0, 2))


def test_too_many_classes_raise():
    y = np.array([f"class {i % 21}" for i in range(60)])
    with pytest.raises(ValueError, match="y has 21 classes, but colours distinguish at most 20"):
        CodeDisplay.from_estimator(autoencoder(), rows(), y)


def test_wrong_length_of_y_raises():
    with pytest.raises(ValueError, match="y must have one value per sample, got 59 values for 60"):
        CodeDisplay.from_estimator(autoencoder(), rows(), classes()[1:])


def test_a_code_with_one_component_has_a_row_for_each_class():
    display = CodeDisplay.from_estimator(autoencoder(), rows(), classes(), columns=(2,))
    code = autoencoder().transform(rows())[:, 2]
    for k, points in enumerate(display.scatters_[0]):
        across, up = points.get_offsets().T
        assert_allclose(across, code[classes() == k])
        assert np.abs(up - k).max() < 0.5
    model = AutoencoderTransformer(1, **SMALL).fit(rows())
    display = CodeDisplay.from_estimator(model, rows())
    assert display.columns == (0,)
    assert_allclose(display.scatters_[0][0].get_offsets()[:, :1], model.transform(rows()))
    plt.close("all")
