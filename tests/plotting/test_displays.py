"""The Displays: what all of them have in common."""

import builtins
import inspect
import subprocess
import sys

from matplotlib import colors
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
import matplotlib.pyplot as plt
from matplotlib.text import Text
import numpy as np
from numpy.testing import assert_allclose
from plots import CALLS, SHAPE, autoencoder, detector, frame, rows
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import Normalizer
from test_docstrings import assert_opens_well, assert_parameters_are_documented, entries, sections

from skae import AutoencoderOutlierDetector, plotting

DISPLAYS = [getattr(plotting, name) for name in plotting.__all__]
KINDS = ["code", "denoising", "distortion", "features", "interpolation", "loss", "network"]
KINDS += ["reconstruction", "errors", "traversal", "weights"]


def axes_of(display):
    return list(display.axes_) if hasattr(display, "axes_") else [display.ax_]


# ------------------------------------------------------------ without matplotlib


def test_matplotlib_is_not_imported_before_something_is_drawn():
    code = (
        "import sys, skae; from skae.plotting import LossCurveDisplay, NetworkDisplay\n"
        "LossCurveDisplay([2.0, 1.0])\n"
        "print([name for name in sys.modules if name.startswith('matplotlib')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("name", CALLS)
def test_without_matplotlib_the_error_names_the_extra(name, monkeypatch):
    real_import = builtins.__import__

    def import_all_others(module, *args, **kwargs):
        if module.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {module!r}")
        return real_import(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", import_all_others)
    with pytest.raises(ImportError, match=r'pip install "skae\[plots\]"'):
        CALLS[name]()


# ------------------------------------------------------------ where it is drawn


@pytest.mark.parametrize("name", CALLS)
def test_without_axes_there_is_a_new_figure(name):
    display = CALLS[name]()
    first = axes_of(display)
    assert len(plt.get_fignums()) == 1
    assert isinstance(display.figure_, Figure)
    assert all(ax.figure is display.figure_ for ax in first)
    assert all(ax.has_data() or ax.patches for ax in first)
    assert display.plot() is display
    assert len(plt.get_fignums()) == 2
    assert not set(first) & set(axes_of(display))


@pytest.mark.parametrize("name", CALLS)
def test_axes_are_used_that_are_given(name):
    figure, axes = plt.subplots(1, 2)
    if name == "code":
        display = CALLS[name](axes=axes)
        assert list(display.axes_) == list(axes)
    else:
        display = CALLS[name](ax=axes[1])
        assert display.ax_ is axes[1]
        assert not axes[0].has_data()
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"code"}))
def test_what_is_no_axes_is_named(name):
    with pytest.raises(TypeError, match=r"ax must be a matplotlib Axes, got 'left'"):
        CALLS[name](ax="left")


@pytest.mark.parametrize("n_axes", [1, 3])
def test_a_wrong_number_of_axes_is_named(n_axes):
    axes = plt.subplots(1, n_axes)[1]
    with pytest.raises(ValueError, match="axes must be 2 matplotlib Axes"):
        CALLS["code"](axes=axes)


# ------------------------------------------------------------ styles

STYLES = [
    ("loss", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("loss", "validation_kwargs", {"lw": 5}, lambda d: d.validation_line_.get_linewidth()),
    ("loss", "best_kwargs", {"mew": 5}, lambda d: d.best_line_.get_markeredgewidth()),
    ("reconstruction", "im_kwargs", {"vmax": 5}, lambda d: d.images_[1][0].norm.vmax),
    ("reconstruction", "residual_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("reconstruction table", "im_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("reconstruction table", "residual_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("reconstruction given", "im_kwargs", {"vmax": 5}, lambda d: d.images_[0][0].norm.vmax),
    ("reconstruction given", "residual_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("denoising", "im_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("code", "scatter_kwargs", {"lw": 5}, lambda d: d.scatters_[1][2].get_linewidth()[0]),
    ("code", "legend_kwargs", {"ncols": 5}, lambda d: d.axes_[1].get_legend()._ncols),
    ("errors", "hist_kwargs", {"lw": 5}, lambda d: d.bars_[0][0].get_linewidth()),
    ("errors", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("errors given", "hist_kwargs", {"lw": 5}, lambda d: d.bars_[0][0].get_linewidth()),
    ("errors given", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("features", "bar_kwargs", {"lw": 5}, lambda d: d.bars_[0].get_linewidth()),
    ("distortion", "line_kwargs", {"lw": 5}, lambda d: next(iter(d.lines_.values()))[0].get_lw()),
    ("distortion given", "line_kwargs", {"lw": 5}, lambda d: d.lines_["autoencoder"][0].get_lw()),
    ("distortion given", "pca_kwargs", {"lw": 5}, lambda d: d.lines_["PCA"][0].get_lw()),
    ("traversal", "im_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("interpolation", "im_kwargs", {"vmax": 5}, lambda d: d.images_[1][0].norm.vmax),
    ("weights", "im_kwargs", {"vmax": 5}, lambda d: d.images_[3].norm.vmax),
    ("network", "layer_kwargs", {"lw": 5}, lambda d: d.layers_[1].get_linewidth()),
    ("network", "path_kwargs", {"lw": 5}, lambda d: d.paths_[1].get_linewidth()),
]


@pytest.mark.parametrize("name", dict.fromkeys(style[0] for style in STYLES))
def test_keywords_reach_the_artists(name):
    mine = [style[1:] for style in STYLES if style[0] == name]
    display = CALLS[name](**{keyword: style for keyword, style, _ in mine})
    assert [found(display) for *_, found in mine] == [5] * len(mine)


def test_keywords_are_for_their_own_artists():
    plain = {name: CALLS[name]() for name in ("loss", "reconstruction", "network")}
    for name, *_, found in STYLES:
        assert name not in plain or found(plain[name]) != 5
    display = CALLS["loss"](line_kwargs={"lw": 5})
    assert display.validation_line_.get_linewidth() != 5


@pytest.mark.parametrize(("name", "keyword"), [style[:2] for style in STYLES])
def test_keywords_that_are_no_dict_are_named(name, keyword):
    with pytest.raises(TypeError, match=rf"{keyword} must be a dict .* got 'red'"):
        CALLS[name](**{keyword: "red"})


def test_every_style_keyword_is_tried():
    tried = {(name.partition(" ")[0], keyword) for name, keyword, *_ in STYLES}
    for name, Display in zip(KINDS, DISPLAYS):
        for keyword in inspect.signature(Display.plot).parameters:
            assert not keyword.endswith("_kwargs") or (name, keyword) in tried


@pytest.mark.parametrize("name", CALLS)
def test_lines_and_text_take_the_colours_of_the_style(name):
    """So that they can be read on a dark background."""
    keys = ["text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"]
    cycle = plt.cycler(color=["#654321", "#563412", "#341256"])
    style = dict.fromkeys(keys, "#123456") | {"axes.prop_cycle": cycle}
    with plt.rc_context(style):
        figure = CALLS[name]().figure_
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
    ours = {colors.to_rgb(color) for color in ("#123456", "#654321", "#563412", "#341256")}
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert texts or name == "weights"
    for text in texts:
        assert colors.to_rgb(text.get_color()) == colors.to_rgb("#123456"), text.get_text()
    for ax in figure.axes:
        for line in [line for line in ax.lines if isinstance(line, Line2D)]:
            assert colors.to_rgb(line.get_color()) in ours


# ------------------------------------------------------------ bad input

FROM_ROWS = {
    "reconstruction": lambda e: plotting.ReconstructionDisplay.from_estimator(e, rows()),
    "denoising": lambda e: plotting.DenoisingDisplay.from_estimator(e, rows(), rows()),
    "code": lambda e: plotting.CodeDisplay.from_estimator(e, rows()),
    "pca of the code": lambda e: plotting.CodeDisplay.from_estimator(autoencoder(), rows(), pca=e),
    "errors": lambda e: plotting.ReconstructionErrorDisplay.from_estimator(e, rows()),
    "traversal": lambda e: plotting.TraversalDisplay.from_estimator(e, rows()),
    "interpolation": lambda e: plotting.InterpolationDisplay.from_estimator(
        e, rows()[0], rows()[1]
    ),
}
OTHERS = {
    "loss": plotting.LossCurveDisplay.from_estimator,
    "features": lambda e: plotting.FeatureScoreDisplay.from_estimator(e, rows()[0]),
    "weights": lambda e: plotting.WeightsDisplay.from_estimator(e, SHAPE),
    "network": plotting.NetworkDisplay.from_estimator,
}


@pytest.mark.parametrize("name", FROM_ROWS)
def test_an_estimator_that_cannot_reconstruct_is_named(name):
    with pytest.raises(TypeError, match="Normalizer has no inverse_transform"):
        FROM_ROWS[name](Normalizer())


@pytest.mark.parametrize("name", FROM_ROWS)
def test_an_estimator_that_is_not_fitted_is_named(name):
    with pytest.raises(NotFittedError, match="PCA instance is not fitted"):
        FROM_ROWS[name](PCA())


@pytest.mark.parametrize("name", FROM_ROWS)
def test_rows_that_the_estimator_does_not_know_are_named(name):
    with pytest.raises(ValueError, match=r"12 features, but .* expecting 5 features"):
        FROM_ROWS[name](PCA(2).fit(rows()[:, :5]))


@pytest.mark.parametrize("name", OTHERS)
def test_other_displays_want_fitted_estimators_too(name):
    estimator = AutoencoderOutlierDetector()
    with pytest.raises(NotFittedError, match="not fitted"):
        OTHERS[name](estimator)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loss", "loss_curve_; KMeans has none"),
        ("features", "score_features; KMeans has none"),
        ("weights", "coefs_; KMeans has none"),
        ("network", "autoencoder of skae, got KMeans"),
    ],
)
def test_other_displays_want_what_they_show(name, message):
    with pytest.raises(TypeError, match=message):
        OTHERS[name](KMeans(2, n_init=1).fit(rows()))


@pytest.mark.parametrize("name", ["reconstruction", "denoising", "traversal", "interpolation"])
@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((4, 4), r"image_shape=\(4, 4\) is an image of 16 values, but a sample has 12 features"),
        (12, r"image_shape must be \(height, width\)"),
        ((3, 2, 2), r"image_shape must be \(height, width\)"),
        ((3.0, 4.0), r"image_shape must be \(height, width\)"),
        ((-3, -4), r"image_shape must be \(height, width\)"),
    ],
)
def test_an_image_shape_that_does_not_fit_is_named(name, image_shape, message):
    calls = {
        "reconstruction": lambda: plotting.ReconstructionDisplay.from_estimator(
            autoencoder(), rows(), image_shape=image_shape
        ),
        "denoising": lambda: plotting.DenoisingDisplay.from_estimator(
            autoencoder(), rows(), rows(), image_shape=image_shape
        ),
        "traversal": lambda: plotting.TraversalDisplay.from_estimator(
            autoencoder(), rows(), image_shape=image_shape
        ),
        "interpolation": lambda: plotting.InterpolationDisplay.from_estimator(
            autoencoder(), rows()[0], rows()[1], image_shape=image_shape
        ),
    }
    with pytest.raises(ValueError, match=message):
        calls[name]()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: plotting.FeatureScoreDisplay.from_estimator(detector(), x),
        lambda x: plotting.TraversalDisplay.from_estimator(autoencoder(), rows(), x=x),
        lambda x: plotting.InterpolationDisplay.from_estimator(autoencoder(), x, rows()[0]),
        lambda x: plotting.InterpolationDisplay.from_estimator(autoencoder(), rows()[0], x),
    ],
)
@pytest.mark.parametrize("x", [rows()[:2], rows()[:0], rows()[None, :1], 3.0])
def test_what_is_not_one_row_is_named(call, x):
    with pytest.raises(
        ValueError, match=r"x(_from|_to)? must be a single sample, got an array of shape"
    ):
        call(x)


@pytest.mark.parametrize("n", [0, 2.5, True])
@pytest.mark.parametrize(
    ("name", "keyword"),
    [
        ("reconstruction", "samples"),
        ("denoising", "samples"),
        ("features", "n_features"),
        ("weights", "n_units"),
        ("traversal", "n_steps"),
        ("interpolation", "n_steps"),
        ("errors", "bins"),
    ],
)
def test_numbers_that_are_none_are_named(name, keyword, n):
    with pytest.raises(ValueError, match=f"{keyword} must be a positive int"):
        CALLS[name](**{keyword: n})


@pytest.mark.parametrize("name", ["reconstruction", "denoising", "traversal", "interpolation"])
def test_too_few_feature_names_are_named(name):
    with pytest.raises(ValueError, match="got 2 names for 12 features"):
        CALLS[name](feature_names=["a", "b"])


# ------------------------------------------------------------ one row in all its forms


@pytest.mark.parametrize(
    "x",
    [rows()[7].tolist(), rows()[7], rows()[7:8], frame().iloc[7], frame().iloc[[7]]],
    ids=["list", "array", "table", "series", "frame"],
)
def test_a_row_may_be_given_in_any_form(x):
    is_named = hasattr(x, "iloc")
    estimator = detector() if is_named else autoencoder()
    display = plotting.InterpolationDisplay.from_estimator(estimator, x, x, n_steps=2)
    assert_allclose(display.paths["input space"], rows()[[7, 7]])
    names = frame().columns if is_named else [str(j) for j in range(12)]
    assert display.feature_names == list(names)


# ------------------------------------------------------------ documentation


@pytest.mark.parametrize("Display", DISPLAYS)
def test_displays_are_documented(Display):
    found = sections(Display)
    assert_opens_well(Display)
    assert {"Parameters", "Attributes", "See Also", "Examples"} <= set(found)
    assert_parameters_are_documented(entries(found["Parameters"]), inspect.signature(Display))


@pytest.mark.parametrize("Display", DISPLAYS)
def test_methods_of_displays_are_documented(Display):
    methods = {
        name: method
        for name, method in inspect.getmembers(Display, callable)
        if not name.startswith("_")
    }
    assert "plot" in methods
    for name, method in methods.items():
        assert_opens_well(method)
        found = sections(method)
        assert_parameters_are_documented(
            entries(found.get("Parameters", "")), inspect.signature(method)
        )
        kind, description = entries(found["Returns"])["display"]
        assert kind == Display.__name__
        assert description.endswith(".")
        assert "Raises" in found or name == "plot"


@pytest.mark.parametrize("name", [name for name in CALLS if " " not in name])
def test_attributes_of_displays_are_documented(name):
    display = CALLS[name]()
    documented = set(entries(sections(type(display))["Attributes"]))
    documented |= set(entries(sections(type(display))["Parameters"]))
    properties = inspect.getmembers(type(display), lambda member: isinstance(member, property))
    assert set(vars(display)) | {name for name, _ in properties} == documented


def test_the_displays_are_all_of_the_module():
    assert plotting.__all__ == sorted(plotting.__all__)
    assert np.all([name.endswith("Display") for name in plotting.__all__])
