"""What the Displays share: axes to draw on and styles.

Nothing here names a colour of its own for lines or text: they are the style's, so that a plot
is as readable on a dark background as on a light one.
"""

from collections.abc import Mapping

import numpy as np


def import_pyplot(display):
    """Import matplotlib.pyplot, or raise an ImportError that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = f'{display} draws with matplotlib: pip install "skae[plots]".'
        raise ImportError(message) from error
    return plt


def one_axes(display, ax, figsize):
    """Return the user's Axes, or that of a new figure."""
    plt = import_pyplot(display)
    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")[1]
    if not isinstance(ax, plt.Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {ax!r}.")
    return ax


def several_axes(display, axes, n_axes, figsize):
    """Return the user's Axes as an array of shape (n_axes,), or those of a new figure."""
    plt = import_pyplot(display)
    if axes is None:
        return plt.subplots(1, n_axes, figsize=figsize, layout="constrained", squeeze=False)[1][0]
    found = np.ravel(np.asarray(axes, dtype=object))
    if len(found) != n_axes or not all(isinstance(ax, plt.Axes) for ax in found):
        raise ValueError(f"axes must be {n_axes} matplotlib Axes, got {axes!r}.")
    return found


def styled(name, kwargs, artist=None, **defaults):
    """Return the defaults with the user's keywords over them; aliases of the artist's resolved."""
    if kwargs is None:
        return defaults
    if not isinstance(kwargs, Mapping):
        raise TypeError(f"{name} must be a dict of matplotlib's keywords, got {kwargs!r}.")
    if artist is None:
        return defaults | dict(kwargs)
    from matplotlib.cbook import normalize_kwargs

    return defaults | normalize_kwargs(dict(kwargs), artist)


def text_color():
    """The style's colour for text, which is that of neutral lines too."""
    import matplotlib as mpl

    return mpl.rcParams["text.color"]


def cycle_colors(n_colors):
    """The style's colours for data, or an even run through a map where those do not suffice."""
    import matplotlib as mpl

    colors = mpl.rcParams["axes.prop_cycle"].by_key().get("color", [])
    if len(colors) >= n_colors:
        return colors[:n_colors]
    return list(mpl.colormaps["turbo"](np.linspace(0.08, 0.92, n_colors)))


def visible_map(ax):
    """The part of a colour map that stands out from the background of the Axes."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, to_rgb

    is_dark = np.mean(to_rgb(ax.get_facecolor())) < 0.5
    part = np.linspace(0.3, 1, 256) if is_dark else np.linspace(0, 0.85, 256)
    return ListedColormap(mpl.colormaps["viridis"](part))
