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


def test_codes_beside_a_pca_of_the_same_rows():
    display = CodeDisplay.from_estimator(autoencoder(), rows(), columns=(2, 0))
    expected = {"AutoencoderTransformer": autoencoder(), "PCA": PCA(3).fit(rows())}
    assert list(display.codes) == list(expected)
    for (name, reducer), ax, (points,) in zip(expected.items(), display.axes_, display.scatters_):
        assert_allclose(display.codes[name], reducer.transform(rows())[:, [2, 0]])
        assert_allclose(points.get_offsets(), display.codes[name])
        assert_allclose(display.scores[name], reconstruction_score(reducer, rows()))
        assert ax.get_title() == f"{name}: {display.scores[name]:.1%} of the variance"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("column 2", "column 0")


def test_codes_beside_a_pca_that_is_given():
    other = PCA(2).fit(rows()[:20])
    display = CodeDisplay.from_estimator(autoencoder(), rows(), pca=other)
    assert_allclose(display.codes["PCA"], other.transform(rows()))
    assert_allclose(display.scores["PCA"], reconstruction_score(other, rows()))
    both = CodeDisplay.from_estimator(pca(), rows(), pca=other)
    assert list(both.codes) == ["PCA (estimator)", "PCA (pca)"]


def test_pca_takes_the_last_place_in_a_pipeline():
    display = CodeDisplay.from_estimator(pipeline(), frame())
    expected = make_pipeline(StandardScaler(), PCA(3)).fit(frame())
    assert_allclose(display.codes["PCA"], expected.transform(frame())[:, :2])
    assert_allclose(display.scores["PCA"], reconstruction_score(expected, frame()))


def test_frames_stay_frames_on_their_way_to_pca():
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
    assert len(colors) == 3
    legend = display.axes_[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]
    assert display.axes_[0].get_legend() is None


def test_more_classes_than_the_cycle_has_colours():
    display = CodeDisplay.from_estimator(autoencoder(), rows(), np.arange(60) % 15)
    colors = {tuple(points.get_facecolor()[0]) for points in display.scatters_[0]}
    assert len(colors) == 15


@pytest.mark.parametrize("background", ["white", "black"])
def test_numbers_have_a_scale_that_is_seen_on_the_background(background):
    with plt.rc_context({"axes.facecolor": background}):
        display = CodeDisplay.from_estimator(autoencoder(), rows(), rows()[:, 0])
    (points,) = display.scatters_[0]
    assert_array_equal(points.get_array(), rows()[:, 0])
    assert len(display.figure_.axes) == 3
    brightness = points.get_cmap()(np.linspace(0, 1, 50))[:, :3].mean(axis=1)
    assert np.abs(brightness - np.mean(to_rgb(background))).min() > 0.2


@pytest.mark.parametrize(("subsample", "n_shown"), [(7, 7), (0.5, 30), (None, 60), (1000, 60)])
def test_a_subsample_is_drawn(subsample, n_shown):
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
    found = [int(np.flatnonzero((code == row).all(axis=1))[0]) for row in display.codes["PCA"]]
    assert found == sorted(set(found))
    assert_array_equal(display.y, classes()[found])


@pytest.mark.parametrize("subsample", [0, -3, 1.5, "all", True])
def test_subsamples_that_are_none_are_named(subsample):
    with pytest.raises(ValueError, match=f"subsample must be .* got {subsample!r}"):
        CodeDisplay.from_estimator(autoencoder(), rows(), pca=pca(), subsample=subsample)


def test_columns_that_do_not_exist_are_named():
    with pytest.raises(ValueError, match=r"columns=\(0, 3\) .* of the code, from 0 to 2: it has 3"):
        CodeDisplay.from_estimator(autoencoder(), rows(), columns=(0, 3))
    with pytest.raises(ValueError, match=r"columns of PCA's code, from 0 to 1: it has 2"):
        CodeDisplay.from_estimator(autoencoder(), rows(), columns=(0, 2), pca=PCA(2).fit(rows()))
    with pytest.raises(ValueError, match="columns must be two columns of the code"):
        CodeDisplay.from_estimator(autoencoder(), rows(), columns=(0, 1, 2))
    one = AutoencoderTransformer(1, **SMALL).fit(rows())
    with pytest.raises(ValueError, match=r"columns=\(0, 1\) .* from 0 to 0: it has 1"):
        CodeDisplay.from_estimator(one, rows())


def test_too_many_classes_are_named():
    y = np.array([f"class {i % 21}" for i in range(60)])
    with pytest.raises(ValueError, match="y has 21 classes; more than 20 cannot be told apart"):
        CodeDisplay.from_estimator(autoencoder(), rows(), y)


def test_too_few_classes_are_named():
    with pytest.raises(ValueError, match="y must have a value for each row: got 59 for 60"):
        CodeDisplay.from_estimator(autoencoder(), rows(), classes()[1:])
