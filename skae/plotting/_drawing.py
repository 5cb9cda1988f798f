"""What Displays share when they draw: Axes, keyword arguments and colours.

Lines and text take their colours from matplotlib's style, so that plots are readable on dark and
light backgrounds.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP_COLOR = (0.94, 0.78, 0.0)  # yellow, of missing cells in an image
BAR_INCHES, GEOMETRY = 0.15, ("shrink", "aspect")  # of colour bars
DARK_BRIGHTNESS = 0.5  # mean of red, green and blue below which a background counts as dark


def import_pyplot(display):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = f"{display} draws with matplotlib: pip install matplotlib"
        raise ImportError(message) from error
    return plt


def prepare_axes(display, ax, figsize):
    plt = import_pyplot(display)
    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")[1]
    if not isinstance(ax, plt.Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {ax!r}.")
    return ax


class OnAxes:
    """Display that is drawn on one Axes."""

    ax_: "Axes"
    figure_: "Figure"

    def _prepare(self, ax, figsize):
        """Return the user's Axes, or the Axes of a new figure, and keep them."""
        self.ax_ = ax = prepare_axes(type(self).__name__, ax, figsize)
        self.figure_ = ax.figure
        return ax


def prepare_axes_row(display, axes, n_axes, figsize):
    """Return the user's Axes as an array of shape (n_axes,), or those of a new figure."""
    plt = import_pyplot(display)
    if axes is None:
        return plt.subplots(1, n_axes, figsize=figsize, layout="constrained", squeeze=False)[1][0]
    flat_axes = np.ravel(np.asarray(axes, dtype=object))
    if len(flat_axes) != n_axes or not all(isinstance(ax, plt.Axes) for ax in flat_axes):
        raise ValueError(f"axes must be {n_axes} matplotlib Axes, got {axes!r}.")
    return flat_axes


def add_colorbar(mappable, axes, **keywords):
    """Draw a colour bar beside some Axes, of which the last ones are on the right.

    In a figure with constrained layout it is an inset: Matplotlib allows no later `tight_layout`
    after any other colour bar.
    """
    figure, shrink = axes[0].figure, keywords.get("shrink", 1.0)
    layout = figure.get_layout_engine()
    if layout is None or layout.colorbar_gridspec:
        beside = axes[0] if len(axes) == 1 else list(axes)  # a list is unknown to tight_layout
        return figure.colorbar(mappable, ax=beside, **keywords)
    box = [1.02, (1 - shrink) / 2, BAR_INCHES / axes[-1].get_position().width, shrink]
    box[2] /= figure.get_figwidth()
    keywords = {name: value for name, value in keywords.items() if name not in GEOMETRY}
    return figure.colorbar(mappable, cax=axes[-1].inset_axes(box), **keywords)


def merge_keywords(name, kwargs, artist=None, **defaults):
    """Return the defaults, updated by the user's keyword arguments.

    With an artist class, its aliases, such as `lw` for `linewidth`, are resolved.
    """
    if kwargs is None:
        return defaults
    if not isinstance(kwargs, Mapping):
        raise TypeError(f"{name} must be a dict of matplotlib keyword arguments, got {kwargs!r}.")
    if artist is None:
        return defaults | dict(kwargs)
    from matplotlib.cbook import normalize_kwargs

    return defaults | normalize_kwargs(dict(kwargs), artist)


def mark_gaps(keywords):
    """Return the keywords of `imshow` with a colour for NaN, unless the colour map is an object."""
    if not isinstance(keywords["cmap"], str):
        return keywords
    import matplotlib as mpl

    colormap = mpl.colormaps.get_cmap(keywords["cmap"]).with_extremes(bad=GAP_COLOR)
    return keywords | {"cmap": colormap}


def text_color():
    """Return the style's text colour, also used for neutral lines."""
    import matplotlib as mpl

    return mpl.rcParams["text.color"]


def cycle_colors(n_colors):
    """Return the first colours of the style's cycle; if it is too short, those of a colour map."""
    import matplotlib as mpl

    colors = mpl.rcParams["axes.prop_cycle"].by_key().get("color", [])
    if len(colors) >= n_colors:
        return colors[:n_colors]
    return list(mpl.colormaps["turbo"](np.linspace(0.08, 0.92, n_colors)))


def readable_colormap(ax):
    """Return viridis without the end that is close to the background colour of the Axes."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, to_rgb

    is_dark = np.mean(to_rgb(ax.get_facecolor())) < DARK_BRIGHTNESS
    positions = np.linspace(0.3, 1, 256) if is_dark else np.linspace(0, 0.85, 256)
    return ListedColormap(mpl.colormaps["viridis"](positions))
