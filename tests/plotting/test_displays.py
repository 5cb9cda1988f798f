"""What all Displays share: optional matplotlib, Axes, keyword arguments, errors, docstrings."""

import builtins
import inspect
import subprocess
import sys

from matplotlib import colors
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
import matplotlib.pyplot as plt
from matplotlib.text import Text
from plots import CALLS, SHAPE, autoencoder, rows
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import Normalizer
from test_docstrings import assert_opens_well, assert_parameters_are_documented, entries, sections

from skae import AutoencoderOutlierDetector, plotting

DISPLAYS = [getattr(plotting, name) for name in plotting.__all__]
# Names of `plots.CALLS` in the order of `plotting.__all__`.
NAMES_OF_CALLS = ["code", "components", "denoising", "distortion", "features", "interpolation"]
NAMES_OF_CALLS += ["grid", "loss", "network", "rate", "reconstruction", "errors", "samples"]
NAMES_OF_CALLS += ["traversal", "weights"]


def axes_of(display):
    return list(display.axes_) if hasattr(display, "axes_") else [display.ax_]


# ------------------------------------------------------------ matplotlib is optional


@pytest.mark.slow
def test_matplotlib_is_not_imported_before_drawing():
    code = (
        "import sys, skae; from skae.plotting import LossCurveDisplay, NetworkDisplay\n"
        "LossCurveDisplay([2.0, 1.0])\n"
        "print([name for name in sys.modules if name.startswith('matplotlib')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("name", CALLS)
def test_missing_matplotlib_raises_with_its_name(name, monkeypatch):
    real_import = builtins.__import__

    def import_all_others(module, *args, **kwargs):
        if module.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {module!r}")
        return real_import(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", import_all_others)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        CALLS[name]()


# ------------------------------------------------------------ axes


@pytest.mark.parametrize("name", CALLS)
def test_default_axes_are_those_of_a_new_figure(name):
    display = CALLS[name]()
    axes = axes_of(display)
    assert len(plt.get_fignums()) == 1
    assert isinstance(display.figure_, Figure)
    assert all(ax.figure is display.figure_ for ax in axes)
    assert all(ax.has_data() or ax.patches for ax in axes)
    assert display.plot() is display
    assert len(plt.get_fignums()) == 2
    assert not set(axes) & set(axes_of(display))


@pytest.mark.parametrize("name", CALLS)
def test_passed_axes_are_used(name):
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
def test_invalid_ax_raises(name):
    with pytest.raises(TypeError, match=r"ax must be a matplotlib Axes, got 'left'"):
        CALLS[name](ax="left")


@pytest.mark.parametrize("n_axes", [1, 3])
def test_wrong_number_of_axes_raises(n_axes):
    axes = plt.subplots(1, n_axes)[1]
    with pytest.raises(ValueError, match="axes must be 2 matplotlib Axes"):
        CALLS["code"](axes=axes)


# ------------------------------------------------------------ keyword arguments

# Name of a call, name of a parameter, its value, and what reads the 5 from the Display.
KEYWORDS = [
    ("loss", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("loss", "validation_kwargs", {"lw": 5}, lambda d: d.validation_line_.get_linewidth()),
    ("loss", "best_kwargs", {"mew": 5}, lambda d: d.best_line_.get_markeredgewidth()),
    ("reconstruction", "im_kwargs", {"vmax": 5}, lambda d: d.images_[1][0].norm.vmax),
    ("reconstruction", "residual_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("reconstruction heatmap", "im_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("reconstruction heatmap", "residual_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("reconstruction computed", "im_kwargs", {"vmax": 5}, lambda d: d.images_[0][0].norm.vmax),
    (
        "reconstruction computed",
        "residual_kwargs",
        {"vmax": 5},
        lambda d: d.images_[2][0].norm.vmax,
    ),
    ("denoising", "im_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("code", "scatter_kwargs", {"lw": 5}, lambda d: d.scatters_[1][2].get_linewidth()[0]),
    ("code", "legend_kwargs", {"ncols": 5}, lambda d: d.axes_[1].get_legend()._ncols),
    ("errors", "hist_kwargs", {"lw": 5}, lambda d: d.bars_[0][0].get_linewidth()),
    ("errors", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("errors computed", "hist_kwargs", {"lw": 5}, lambda d: d.bars_[0][0].get_linewidth()),
    ("errors computed", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("features", "bar_kwargs", {"lw": 5}, lambda d: d.bars_[0].get_linewidth()),
    ("components", "line_kwargs", {"lw": 5}, lambda d: d.scores_[0].get_linewidth()),
    ("components", "chosen_kwargs", {"mew": 5}, lambda d: d.chosen_.get_markeredgewidth()),
    ("distortion", "line_kwargs", {"lw": 5}, lambda d: next(iter(d.lines_.values()))[0].get_lw()),
    (
        "distortion computed",
        "line_kwargs",
        {"lw": 5},
        lambda d: d.lines_["autoencoder"][0].get_lw(),
    ),
    ("distortion computed", "pca_kwargs", {"lw": 5}, lambda d: d.lines_["PCA"][0].get_lw()),
    ("traversal", "im_kwargs", {"vmax": 5}, lambda d: d.images_[2][0].norm.vmax),
    ("interpolation", "im_kwargs", {"vmax": 5}, lambda d: d.images_[1][0].norm.vmax),
    ("samples", "im_kwargs", {"vmax": 5}, lambda d: d.images_[1][0].norm.vmax),
    ("grid", "im_kwargs", {"vmax": 5}, lambda d: d.images_[1][0].norm.vmax),
    ("rate", "line_kwargs", {"lw": 5}, lambda d: d.line_.get_linewidth()),
    ("weights", "im_kwargs", {"vmax": 5}, lambda d: d.images_[3].norm.vmax),
    ("network", "layer_kwargs", {"lw": 5}, lambda d: d.layers_[1].get_linewidth()),
    ("network", "path_kwargs", {"lw": 5}, lambda d: d.paths_[1].get_linewidth()),
]


@pytest.mark.parametrize("name", dict.fromkeys(name for name, *_ in KEYWORDS))
def test_keywords_reach_the_artists(name):
    cases = [case for case in KEYWORDS if case[0] == name]
    display = CALLS[name](**{parameter: value for _, parameter, value, _ in cases})
    assert [read(display) for *_, read in cases] == [5] * len(cases)


def test_keywords_reach_no_other_artists():
    plain = {name: CALLS[name]() for name in ("loss", "reconstruction", "network")}
    for name, *_, read in KEYWORDS:
        assert name not in plain or read(plain[name]) != 5
    display = CALLS["loss"](line_kwargs={"lw": 5})
    assert display.validation_line_.get_linewidth() != 5


@pytest.mark.parametrize(("name", "parameter"), [case[:2] for case in KEYWORDS])
def test_keywords_that_are_not_a_dict_raise(name, parameter):
    with pytest.raises(TypeError, match=rf"{parameter} must be a dict .* got 'red'"):
        CALLS[name](**{parameter: "red"})


def test_every_keyword_parameter_is_tested():
    tested = {(name.partition(" ")[0], parameter) for name, parameter, *_ in KEYWORDS}
    for name, Display in zip(NAMES_OF_CALLS, DISPLAYS, strict=True):
        for parameter in inspect.signature(Display.plot).parameters:
            assert not parameter.endswith("_kwargs") or (name, parameter) in tested


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_lines_and_text_take_the_colours_of_the_style(name):
    """Plots are readable on a dark background."""
    keys = ["text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color"]
    cycle = plt.cycler(color=["#654321", "#563412", "#341256"])
    style = dict.fromkeys(keys, "#123456") | {"axes.prop_cycle": cycle}
    with plt.rc_context(style):
        figure = CALLS[name]().figure_
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
    allowed = {colors.to_rgb(color) for color in ("#123456", "#654321", "#563412", "#341256")}
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    assert texts or name == "weights"
    for text in texts:
        assert colors.to_rgb(text.get_color()) == colors.to_rgb("#123456"), text.get_text()
    for ax in figure.axes:
        for line in [line for line in ax.lines if isinstance(line, Line2D)]:
            assert colors.to_rgb(line.get_color()) in allowed


# ------------------------------------------------------------ invalid input

FROM_SAMPLES = {
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
FROM_ATTRIBUTES = {
    "loss": plotting.LossCurveDisplay.from_estimator,
    "features": lambda e: plotting.FeatureScoreDisplay.from_estimator(e, rows()[0]),
    "weights": lambda e: plotting.WeightsDisplay.from_estimator(e, SHAPE),
    "network": plotting.NetworkDisplay.from_estimator,
}


@pytest.mark.parametrize("name", FROM_SAMPLES)
def test_estimator_that_cannot_reconstruct_raises(name):
    with pytest.raises(TypeError, match="Normalizer has no inverse_transform"):
        FROM_SAMPLES[name](Normalizer())


@pytest.mark.parametrize("name", FROM_SAMPLES)
def test_estimator_that_is_not_fitted_raises(name):
    with pytest.raises(NotFittedError, match="PCA instance is not fitted"):
        FROM_SAMPLES[name](PCA())


@pytest.mark.parametrize("name", FROM_SAMPLES)
def test_wrong_number_of_features_raises(name):
    with pytest.raises(ValueError, match=r"12 features, but .* expecting 5 features"):
        FROM_SAMPLES[name](PCA(2).fit(rows()[:, :5]))


@pytest.mark.parametrize("name", FROM_ATTRIBUTES)
def test_other_displays_need_fitted_estimators(name):
    estimator = AutoencoderOutlierDetector()
    with pytest.raises(NotFittedError, match="not fitted"):
        FROM_ATTRIBUTES[name](estimator)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("loss", "loss_curve_; KMeans has none"),
        ("features", "score_features; KMeans has none"),
        ("weights", "coefs_; KMeans has none"),
        ("network", "autoencoder of skae, got KMeans"),
    ],
)
def test_other_displays_need_the_attribute_they_show(name, message):
    with pytest.raises(TypeError, match=message):
        FROM_ATTRIBUTES[name](KMeans(2, n_init=1).fit(rows()))


# ------------------------------------------------------------ documentation


@pytest.mark.parametrize("Display", DISPLAYS)
def test_displays_are_documented(Display):
    headings = sections(Display)
    assert_opens_well(Display)
    assert {"Parameters", "Attributes", "See Also", "Examples"} <= set(headings)
    documented = entries(headings["Parameters"])
    assert_parameters_are_documented(documented, inspect.signature(Display))


@pytest.mark.parametrize("Display", DISPLAYS)
def test_methods_of_displays_are_documented(Display):
    methods = {
        name: method
        for name, method in inspect.getmembers(Display, callable)
        if not name.startswith("_")
    }
    assert "plot" in methods
    for method in methods.values():
        assert_opens_well(method)
        headings = sections(method)
        documented = entries(headings.get("Parameters", ""))
        assert_parameters_are_documented(documented, inspect.signature(method))
        kind, description = entries(headings["Returns"])["display"]
        assert kind == Display.__name__
        assert description.endswith(".")
        assert "Raises" in headings


@pytest.mark.parametrize("name", [name for name in CALLS if " " not in name])
def test_attributes_of_displays_are_documented(name):
    display = CALLS[name]()
    documented = set(entries(sections(type(display))["Attributes"]))
    documented |= set(entries(sections(type(display))["Parameters"]))
    properties = inspect.getmembers(type(display), lambda member: isinstance(member, property))
    assert set(vars(display)) | {name for name, _ in properties} == documented


def test_all_public_names_are_displays():
    assert plotting.__all__ == sorted(plotting.__all__)
    assert all(name.endswith("Display") for name in plotting.__all__)
