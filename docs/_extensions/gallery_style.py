"""The style of the examples' figures, with colours that all readers tell apart.

Each method has one colour: the autoencoder is blue, the first one, and PCA is black. The figures of
the guide name the same colours.
"""

import matplotlib as mpl

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
COLORS += ["#56B4E9", "#7F7F7F", "#5D3A9B", "#8C6D1F", "#A6D854"]


def reset(gallery_conf, example):
    """Give every example this style, whatever those before it have changed."""
    mpl.rcdefaults()
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=COLORS)
