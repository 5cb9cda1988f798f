"""Axes, keyword arguments and colours."""

import warnings

from matplotlib import colors
from matplotlib.lines import Line2D
import matplotlib.pyplot as plt
import numpy as np
import pytest

from skae.plotting._drawing import (
    add_colorbar,
    cycle_colors,
    import_pyplot,
    merge_keywords,
    prepare_axes,
    prepare_axes_row,
    readable_colormap,
    text_color,
)


def test_pyplot_is_imported():
    assert import_pyplot("Display") is plt


def test_new_axes_have_the_size():
    assert tuple(prepare_axes("Display", None, (3, 2)).figure.get_size_inches()) == (3, 2)
    axes = prepare_axes_row("Display", None, 3, (6, 2))
    assert axes.shape == (3,)
    assert tuple(axes[0].figure.get_size_inches()) == (6, 2)


def test_passed_axes_are_returned():
    axes = plt.subplots(2, 2)[1]
    assert prepare_axes("Display", axes[0, 0], (3, 2)) is axes[0, 0]
    assert list(prepare_axes_row("Display", axes, 4, (3, 2))) == list(axes.ravel())
    assert plt.get_fignums() == [axes[0, 0].figure.number]


@pytest.mark.parametrize("axes", ["ab", [None, None], [1]])
def test_invalid_axes_raise(axes):
    with pytest.raises(ValueError, match="axes must be 2 matplotlib Axes"):
        prepare_axes_row("Display", axes, 2, (3, 2))


def test_keywords_of_the_user_replace_the_defaults():
    defaults = {"linewidth": 1, "color": "red"}
    assert merge_keywords("line_kwargs", None, Line2D, **defaults) == defaults
    assert merge_keywords("line_kwargs", {"color": "blue"}, **defaults)["color"] == "blue"


def test_aliases_of_an_artist_are_resolved():
    merged = merge_keywords("line_kwargs", {"lw": 3}, Line2D, linewidth=1)
    assert merged == {"linewidth": 3}
    assert merge_keywords("line_kwargs", {"lw": 3}, linewidth=1) == {"linewidth": 1, "lw": 3}


def test_keywords_of_the_user_are_not_changed():
    mine = {"lw": 3}
    merge_keywords("line_kwargs", mine, Line2D, color="red")["color"] = "blue"
    assert mine == {"lw": 3}


def test_colours_of_the_style():
    with plt.rc_context({"text.color": "#123456", "axes.prop_cycle": plt.cycler(color=["r", "g"])}):
        assert text_color() == "#123456"
        assert cycle_colors(2) == ["r", "g"]
        assert cycle_colors(1) == ["r"]
        assert len({tuple(color) for color in cycle_colors(12)}) == 12


def test_colours_of_a_style_without_colours():
    with plt.rc_context({"axes.prop_cycle": plt.cycler(linestyle=["-", "--"])}):
        assert len(cycle_colors(2)) == 2


@pytest.mark.parametrize("background", ["white", "black"])
def test_colour_map_is_visible_on_the_background(background):
    ax = plt.figure().add_subplot(facecolor=background)
    brightness = readable_colormap(ax)(np.linspace(0, 1, 50))[:, :3].mean(axis=1)
    assert np.abs(brightness - np.mean(colors.to_rgb(background))).min() > 0.2


@pytest.mark.parametrize("layout", ["constrained", "tight", None])
def test_colour_bars_stand_beside_the_axes_and_allow_tight_layout(layout):
    figure, axes = plt.subplots(1, 2, layout=layout)
    images = [ax.imshow([[0, 1]], aspect="auto") for ax in axes]
    bar = add_colorbar(images[1], axes[1:], label="name", shrink=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the layout has changed
        figure.tight_layout()
    figure.canvas.draw()
    box, last = bar.ax.get_window_extent(), axes[1].get_window_extent()
    assert box.x0 > last.x1
    assert box.height < 0.6 * last.height
    assert bar.ax.get_ylabel() == "name"
    plt.close(figure)
