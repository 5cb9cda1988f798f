"""NetworkDisplay."""

import math

from sklearn.utils.validation import check_is_fitted

from skae._network.summary import layer_table
from skae.plotting._drawing import cycle_colors, one_axes, styled, text_color
from skae.plotting._validation import final_step


class NetworkDisplay:
    """The network as a table of its layers, and as a drawing.

    `str` gives the table as text, and notebooks show it as HTML; nothing is drawn before `plot` is
    called.

    Use `from_estimator` to make one.

    Parameters
    ----------
    architecture : dict
        Widths and activations of the layers, as `architecture_` of an autoencoder has them.
    name : str, default="Network"
        What the network belongs to.

    Attributes
    ----------
    n_parameters : int
        Number of parameters, those of the linear path counted, which are not trained.
    layers_ : list of matplotlib Polygon
        The layers, from the first to the output.
    paths_ : list of matplotlib FancyArrowPatch
        The linear path, or an empty list.
    ax_ : matplotlib Axes
        Axes with the drawing.
    figure_ : matplotlib Figure
        Figure that contains it.

    See Also
    --------
    WeightsDisplay : The weights of the first layer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import NetworkDisplay
    >>> autoencoder = AutoencoderTransformer(2, hidden_layer_sizes=(16,), random_state=0)
    >>> print(NetworkDisplay.from_estimator(autoencoder.fit(load_iris().data)))
    AutoencoderTransformer: 4 features, code of 2 columns
    <BLANKLINE>
    layer                  inputs  outputs  activation  parameters
    --------------------------------------------------------------
    encoder 1                   4       16  relu                80
    code                       16        2  identity            34
    decoder 1                   2       16  relu                48
    output                     16        4  identity            68
    linear path to code         4        2  identity             8
    linear path to output       2        4  identity             8
    --------------------------------------------------------------
    total                                                      246
    trained                                                    230
    """

    def __init__(self, architecture, *, name="Network"):
        self.architecture = architecture
        self.name = name

    @property
    def n_parameters(self):
        """Number of parameters: int."""
        return self._table().n_parameters

    def _table(self):
        return layer_table(self.architecture, self.name)

    def __str__(self):
        return str(self._table())

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return self._table().to_html()

    @classmethod
    def from_estimator(cls, estimator):
        """Describe the network of a fitted autoencoder.

        Parameters
        ----------
        estimator : object
            Fitted autoencoder of this package, or a Pipeline that ends in one.

        Returns
        -------
        display : NetworkDisplay
            The description; it draws when `plot` is called.

        Raises
        ------
        TypeError
            If the estimator is no autoencoder of this package.
        """
        model = final_step(estimator)
        check_is_fitted(model)
        if not hasattr(model, "architecture_"):
            raise TypeError(
                f"{cls.__name__} needs a fitted autoencoder of skae, got {type(model).__name__}."
            )
        return cls(model.architecture_, name=type(model).__name__)

    def plot(self, ax=None, *, layer_kwargs=None, path_kwargs=None):
        """Draw the layers from left to right, and the linear path around them.

        Heights grow with the root of the widths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        layer_kwargs : dict, default=None
            Keywords for the `Polygon` of each layer.
        path_kwargs : dict, default=None
            Keywords for the `FancyArrowPatch` of the linear path.

        Returns
        -------
        display : NetworkDisplay
            The display itself.
        """
        widths, activations = self.architecture["widths"], self.architecture["activations"]
        code = self.architecture["n_encoder_layers"]
        ax = one_axes(type(self).__name__, ax, (min(2 + 1.3 * len(widths), 10), 3.6))
        from matplotlib.patches import FancyArrowPatch, Polygon
        from matplotlib.path import Path

        largest = math.sqrt(max(widths))
        heights = [max(math.sqrt(width) / largest, 0.04) for width in widths]
        encoder_color, decoder_color = cycle_colors(2)
        self.layers_, self.paths_ = [], []
        for i, activation in enumerate(activations):
            left, right = heights[i] / 2, heights[i + 1] / 2
            corners = [(i + 0.06, -left), (i + 0.06, left), (i + 0.94, right), (i + 0.94, -right)]
            color = encoder_color if i < code else decoder_color
            defaults = {"facecolor": color, "alpha": 0.45, "linewidth": 0}
            style = styled("layer_kwargs", layer_kwargs, Polygon, **defaults)
            self.layers_.append(ax.add_patch(Polygon(corners, **style)))
            ax.text(i + 0.5, 0, activation, ha="center", va="center", fontsize="small")
        for i, (width, height) in enumerate(zip(widths, heights)):
            ax.plot([i, i], [-height / 2, height / 2], color=text_color(), linewidth=3)
            ax.text(i, -height / 2 - 0.04, f"{width:,}", ha="center", va="top")
        highest = max(heights) / 2
        if self.architecture["linear_path"]:
            defaults = {"color": text_color(), "linestyle": "--", "arrowstyle": "->"}
            defaults |= {"mutation_scale": 14, "fill": False}
            style = styled("path_kwargs", path_kwargs, FancyArrowPatch, **defaults)
            for start, end in ((0, code), (code, len(activations))):
                peak = max(heights[start : end + 1]) / 2 + 0.12
                ends = heights[start] / 2 + 0.03, heights[end] / 2 + 0.03
                bend = 2 * peak - sum(ends) / 2
                curve = [(start, ends[0]), ((start + end) / 2, bend), (end, ends[1])]
                curve = Path(curve, [Path.MOVETO, Path.CURVE3, Path.CURVE3])
                self.paths_.append(ax.add_patch(FancyArrowPatch(path=curve, **style)))
                place = ((start + end) / 2, peak + 0.02)
                ax.text(*place, "linear path", ha="center", va="bottom", fontsize="small")
                highest = max(highest, peak + 0.1)
        ax.set(xlim=(-0.4, len(activations) + 0.4), xticks=[], yticks=[])
        ax.set_ylim(-max(heights) / 2 - 0.15, highest + 0.02)
        ax.spines[:].set_visible(False)
        ax.set_title(self._table().title, fontsize="medium")
        self.ax_, self.figure_ = ax, ax.figure
        return self
