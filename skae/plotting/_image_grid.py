"""Rows drawn as images or as a table, strip by strip."""

from dataclasses import dataclass

import numpy as np

from skae.plotting._drawing import one_axes, styled
from skae.plotting._validation import check_feature_names, check_image_shape

MAX_NAMED_FEATURES = 40
MAX_DEVIATIONS = 3


@dataclass(frozen=True)
class Strip:
    """Rows that are shown beside one another under one name."""

    name: str
    rows: np.ndarray
    is_residual: bool = False


@dataclass(frozen=True)
class Images:
    """Every row as an image: a strip is a line of images, and all share one scale of grey.

    The scale is the range of `reference`; residuals have half of it to either side of zero.
    """

    image_shape: tuple
    reference: np.ndarray
    labels: list | None = None
    label_title: str = ""

    def figsize(self, strips):
        """Width and height that suit the strips, in inches."""
        height, width = self.image_shape[:2]
        n_images = max(len(strip.rows) for strip in strips)
        cell = min(0.85, 7.4 / n_images) if n_images else 0.85
        label = 0.085 * max(len(line) for strip in strips for line in strip.name.split("\n"))
        top = 0.8 if self.labels else 0.35
        return label + 0.4 + n_images * cell, top + len(strips) * cell * height / width

    def draw(self, ax, strips, colorbar, im_kwargs, residual_kwargs):
        """Draw the strips; return a list of AxesImage for each."""
        lowest, highest = self._limits()
        half = (highest - lowest) / 2
        styles = {
            False: styled("im_kwargs", im_kwargs, cmap="gray", vmin=lowest, vmax=highest),
            True: styled("residual_kwargs", residual_kwargs, cmap="RdBu", vmin=-half, vmax=half),
        }
        height, width = self.image_shape[:2]
        gap = 0.08 * max(height, width)
        drawn = []
        for i, strip in enumerate(strips):
            images = []
            top = i * (height + gap)
            for j, row in enumerate(strip.rows):
                left = j * (width + gap)
                pixels = self._pixels(row, strip.is_residual)
                box = (left, left + width, top + height, top)
                images.append(ax.imshow(pixels, **styles[strip.is_residual] | {"extent": box}))
            drawn.append(images)
        n_images = max(len(strip.rows) for strip in strips)
        ax.set_xlim(-gap / 2, n_images * (width + gap) - gap / 2)
        ax.set_ylim(len(strips) * (height + gap) - gap / 2, -gap / 2)
        ax.set_aspect("equal", anchor="W")  # with the room for the names, whatever the height
        middles = np.arange(len(strips)) * (height + gap) + height / 2
        ax.set_yticks(middles, [strip.name for strip in strips])
        middles = np.arange(n_images) * (width + gap) + width / 2
        ax.set_xticks(middles if self.labels else [], self.labels or [])
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_xlabel(self.label_title)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        residuals = [images[0] for strip, images in zip(strips, drawn) if strip.is_residual]
        if residuals and colorbar:
            ax.figure.colorbar(residuals[0], ax=ax, label="residual", shrink=0.8, aspect=12)
        return drawn

    def _limits(self):
        lowest, highest = float(self.reference.min()), float(self.reference.max())
        return (lowest, highest) if lowest < highest else (lowest - 0.5, lowest + 0.5)

    def _pixels(self, row, is_residual):
        image = row.reshape(self.image_shape)
        if image.ndim == 2:
            return image
        if is_residual:
            return image.mean(axis=2)
        lowest, highest = self._limits()
        return np.clip((image - lowest) / (highest - lowest), 0, 1)


@dataclass(frozen=True)
class Table:
    """Every row as a line of a table, its numbers as colours; a strip is a block of lines.

    Numbers are shown as standard deviations of their column in `reference`, from its mean;
    residuals from zero. Of labels the first and the last are written.
    """

    feature_names: list
    reference: np.ndarray
    labels: list | None = None
    label_title: str = ""

    def figsize(self, strips):
        """Width and height that suit the strips, in inches."""
        n_lines = sum(len(strip.rows) for strip in strips) + len(strips)
        label = 0.085 * max(len(line) for strip in strips for line in strip.name.split("\n"))
        names = 0.085 * max(len(name) for name in self.feature_names) if self._names_all() else 0.3
        width = label + 1.2 + min(0.35 * max(len(self.feature_names), 6), 7)
        return width, min(0.4 + names + 0.16 * n_lines, 10)

    def _names_all(self):
        return len(self.feature_names) <= MAX_NAMED_FEATURES

    def draw(self, ax, strips, colorbar, im_kwargs, residual_kwargs):
        """Draw the strips; return a list with one AxesImage for each."""
        center = self.reference.mean(axis=0, dtype=np.float64)
        spread = self.reference.std(axis=0, dtype=np.float64)
        spread = np.where(spread > 0, spread, 1)
        tables = [(s.rows - (0 if s.is_residual else center)) / spread for s in strips]
        limit = min(max(np.abs(table).max() for table in tables), MAX_DEVIATIONS) or 1.0
        style = styled("im_kwargs", im_kwargs, cmap="RdBu_r", vmin=-limit, vmax=limit)
        styles = {False: style, True: style | styled("residual_kwargs", residual_kwargs)}
        n_features = len(self.feature_names)
        gap = max(0.06 * max(len(table) for table in tables), 0.3)
        top, ticks, drawn = 0.0, {}, []
        for strip, table in zip(strips, tables):
            bottom = top + len(table)
            keywords = {"aspect": "auto"} | styles[strip.is_residual]
            box = (-0.5, n_features - 0.5, bottom, top)
            drawn.append([ax.imshow(table, **keywords | {"extent": box})])
            ticks[(top + bottom) / 2] = strip.name
            if self.labels and len(table) > 2 + 2 * strip.name.count("\n"):
                ticks[top + 0.5], ticks[bottom - 0.5] = self.labels[0], self.labels[-1]
            top = bottom + gap
        ax.set_xlim(-0.5, n_features - 0.5)
        ax.set_ylim(top - gap, 0)
        ax.set_yticks(list(ticks), list(ticks.values()))
        if self._names_all():
            ax.set_xticks(np.arange(n_features), self.feature_names)
            if max(len(name) for name in self.feature_names) > 2:
                ax.tick_params(axis="x", rotation=90)
        else:
            ax.set_xlabel("feature")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        if colorbar:
            ax.figure.colorbar(drawn[0][0], ax=ax, label="standard deviations of the column")
        return drawn


def row_format(reference, image_shape, feature_names, labels=None, label_title=""):
    """How rows are shown: as images where a shape is given, else as a table."""
    n_features = reference.shape[1]
    image_shape = check_image_shape(image_shape, n_features)
    if image_shape is not None:
        return Images(image_shape, reference, labels, label_title)
    return Table(check_feature_names(feature_names, n_features), reference, labels, label_title)


def draw_strips(display, look, strips, ax, colorbar, im_kwargs, residual_kwargs=None):
    """Draw strips for a Display and set its `ax_`, `figure_` and `images_`."""
    ax = one_axes(type(display).__name__, ax, look.figsize(strips))
    display.images_ = look.draw(ax, strips, colorbar, im_kwargs, residual_kwargs)
    display.ax_, display.figure_ = ax, ax.figure
    return display
