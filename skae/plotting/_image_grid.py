"""Samples drawn as a grid of images or as a heatmap, one group below the other."""

from dataclasses import dataclass
import math
from typing import TYPE_CHECKING

import numpy as np

from skae.plotting._drawing import (
    GAP_COLOR,
    OnAxes,
    add_colorbar,
    mark_gaps,
    merge_keywords,
)
from skae.plotting._validation import check_feature_names, check_image_shape

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

MAX_NAMED_FEATURES = 40  # in a heatmap
MIN_IMAGE_SIDE = 5  # of square images that a hint suggests
MAX_COLOR_DEVIATIONS = 3  # ends of a heatmap's colour scale, in standard deviations
MAX_IMAGE_INCHES = 0.85
MAX_GRID_INCHES = 7.4
MAX_HEATMAP_INCHES = 10
INCHES_PER_CHARACTER = 0.085
GAP_SHARE = 0.08  # of the longer side of an image


@dataclass(frozen=True)
class SampleGroup:
    """Samples drawn together under one name."""

    name: str
    samples: np.ndarray
    is_residual: bool = False

    @property
    def label(self):
        """Name, and what the colour of gaps means if there are any."""
        is_marked = self.name and np.isnan(self.samples).any()
        return f"{self.name}\n(yellow: missing)" if is_marked else self.name

    @property
    def label_inches(self):
        """Width of the label, in inches."""
        return INCHES_PER_CHARACTER * max(len(line) for line in self.label.split("\n"))


@dataclass(frozen=True)
class ImageStyle:
    """What the user may choose: a colour bar, and keyword arguments for `imshow`."""

    colorbar: bool
    im_kwargs: dict | None
    residual_kwargs: dict | None = None


@dataclass(frozen=True)
class Tiles:
    """Places of images of one shape in lines and columns with gaps."""

    image_shape: tuple

    @property
    def steps(self):
        """Height and width of an image, with the gap beside it."""
        gap = GAP_SHARE * max(self.image_shape[:2])
        return self.image_shape[0] + gap, self.image_shape[1] + gap

    def extent(self, line, column):
        """Return left, right, bottom and top of an image."""
        height, width = self.steps
        left, top = column * width, line * height
        return left, left + self.image_shape[1], top + self.image_shape[0], top

    def fit(self, ax, n_lines, n_columns):
        """Set the limits of the Axes, without a frame."""
        height, width = self.steps
        margin = (width - self.image_shape[1]) / 2
        ax.set_xlim(-margin, n_columns * width - margin)
        ax.set_ylim(n_lines * height - margin, -margin)
        ax.set_aspect("equal")
        hide_frame(ax)


@dataclass(frozen=True)
class ImageGrid:
    """One image per sample, one line per group.

    All images share a grey scale, which covers the range of `reference`. Residuals have a colour
    scale of the same width, centred at zero. `sample_labels` are written above the columns.
    """

    image_shape: tuple
    reference: np.ndarray
    sample_labels: list | None = None
    labels_title: str = ""

    def figsize(self, groups):
        """Return a suitable width and height in inches."""
        height, width = self.image_shape[:2]
        n_columns = max(len(group.samples) for group in groups)
        image_inches = min(MAX_IMAGE_INCHES, MAX_GRID_INCHES / n_columns)
        left = 0.4 + max(group.label_inches for group in groups)
        top = 0.8 if self.sample_labels else 0.35
        return left + n_columns * image_inches, top + len(groups) * image_inches * height / width

    def draw(self, ax, groups, style):
        """Draw the groups; return a list of AxesImage for each."""
        keywords, tiles = self._keywords(style), Tiles(self.image_shape)
        images = []
        for i, group in enumerate(groups):
            line = []
            for j, sample in enumerate(group.samples):
                extent = {"extent": tiles.extent(i, j)}
                pixels = self._pixels(sample, group.is_residual)
                line.append(ax.imshow(pixels, **keywords[group.is_residual] | extent))
            images.append(line)
        self._label_axes(ax, groups, tiles)
        residuals = [line[0] for group, line in zip(groups, images) if group.is_residual]
        if residuals and style.colorbar:
            add_colorbar(residuals[0], [ax], label="residual", shrink=0.8, aspect=12)
        return images

    def _keywords(self, style):
        """Return keyword arguments for `imshow`: {is_residual: keywords}."""
        lowest, highest = self._grey_range()
        half = (highest - lowest) / 2
        images = merge_keywords(
            "im_kwargs", style.im_kwargs, cmap="gray", vmin=lowest, vmax=highest
        )
        residuals = merge_keywords(
            "residual_kwargs", style.residual_kwargs, cmap="RdBu", vmin=-half, vmax=half
        )
        return {False: mark_gaps(images), True: mark_gaps(residuals)}

    def _grey_range(self):
        """Return the lowest and the highest value of the grey scale."""
        lowest, highest = float(np.nanmin(self.reference)), float(np.nanmax(self.reference))
        return (lowest, highest) if lowest < highest else (lowest - 0.5, lowest + 0.5)

    def _pixels(self, sample, is_residual):
        """Return the pixels of a sample.

        Colour images are scaled to [0, 1]; their residuals are averaged over the channels.
        """
        image = sample.reshape(self.image_shape)
        if image.ndim == 2:
            return image
        if is_residual:
            return image.mean(axis=2)
        lowest, highest = self._grey_range()
        pixels = np.clip((image - lowest) / (highest - lowest), 0, 1)
        return np.where(np.isnan(image).any(axis=2, keepdims=True), GAP_COLOR, pixels)

    def _label_axes(self, ax, groups, tiles):
        """Write the names of the groups beside the lines, sample labels above the columns."""
        n_columns = max(len(group.samples) for group in groups)
        tiles.fit(ax, len(groups), n_columns)
        ax.set_anchor("W")  # spare width goes to the right, away from the names
        heights = [np.mean(tiles.extent(i, 0)[2:]) for i in range(len(groups))]
        ax.set_yticks(heights, [group.label for group in groups])
        centres = [np.mean(tiles.extent(0, j)[:2]) for j in range(n_columns)]
        ax.set_xticks(centres if self.sample_labels else [], self.sample_labels or [])
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_xlabel(self.labels_title)


@dataclass(frozen=True)
class Heatmap:
    """One line per sample and one column per feature, values as colours, one block per group.

    Values are standardised by the mean and the standard deviation of their feature in
    `reference`; residuals are only divided by the standard deviation. The first and the last of
    `sample_labels` are written beside each block that is high enough.
    """

    feature_names: list
    reference: np.ndarray
    sample_labels: list | None = None

    def figsize(self, groups):
        """Return a suitable width and height in inches."""
        n_features = len(self.feature_names)
        n_lines = sum(len(group.samples) for group in groups) + len(groups)
        left = 1.2 + max(group.label_inches for group in groups)
        bottom = 0.3
        if n_features <= MAX_NAMED_FEATURES:
            bottom = INCHES_PER_CHARACTER * max(len(name) for name in self.feature_names)
        width = left + min(0.35 * max(n_features, 6), 7)
        return width, min(0.4 + bottom + 0.16 * n_lines, MAX_HEATMAP_INCHES)

    def draw(self, ax, groups, style):
        """Draw the groups; return a list with one AxesImage for each."""
        blocks = self._standardised(groups)
        limit = min(np.nanmax(np.abs(np.concatenate(blocks))), MAX_COLOR_DEVIATIONS) or 1.0
        common = merge_keywords(
            "im_kwargs", style.im_kwargs, cmap="RdBu_r", vmin=-limit, vmax=limit
        )
        residual = common | merge_keywords("residual_kwargs", style.residual_kwargs)
        keywords = {False: mark_gaps(common), True: mark_gaps(residual)}
        gap = max(0.06 * max(len(block) for block in blocks), 0.3)
        right = len(self.feature_names) - 0.5
        top, ticks, images = 0.0, {}, []
        for group, block in zip(groups, blocks):
            bottom = top + len(block)
            extent = {"extent": (-0.5, right, bottom, top)}
            image = ax.imshow(block, **{"aspect": "auto"} | keywords[group.is_residual] | extent)
            images.append([image])
            ticks[(top + bottom) / 2] = group.label
            if self.sample_labels and len(block) > 2 + 2 * group.label.count("\n"):
                ticks[top + 0.5] = self.sample_labels[0]
                ticks[bottom - 0.5] = self.sample_labels[-1]
            top = bottom + gap
        ax.set_xlim(-0.5, right)
        ax.set_ylim(top - gap, 0)
        ax.set_yticks(list(ticks), list(ticks.values()))
        label_features(ax, self.feature_names)
        hide_frame(ax)
        if style.colorbar:
            add_colorbar(images[0][0], [ax], label="standard deviations of the feature")
        return images

    def _standardised(self, groups):
        reference = np.ma.masked_invalid(self.reference)
        mean = reference.mean(axis=0, dtype=np.float64).filled(0)
        deviation = reference.std(axis=0, dtype=np.float64).filled(0)
        deviation = np.where(deviation > 0, deviation, 1)
        return [
            (group.samples - (0 if group.is_residual else mean)) / deviation for group in groups
        ]


def hide_frame(ax):
    """Hide the lines and ticks around images."""
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def label_features(ax, names):
    """Write the feature names below the columns; wide heatmaps keep numbered ticks."""
    ax.set_xlabel(f"feature{image_hint(names)}")
    if len(names) <= MAX_NAMED_FEATURES:
        ax.set_xticks(np.arange(len(names)), names)
        ax.tick_params(axis="x", rotation=90 if max(map(len, names)) > 2 else 0)


def image_hint(feature_names):
    """Return a hint in brackets if samples may be images: a square number of unnamed features."""
    n_features = len(feature_names)
    side = math.isqrt(n_features)
    is_named = list(feature_names) != [str(j) for j in range(n_features)]
    if is_named or side**2 != n_features or side < MIN_IMAGE_SIDE:
        return ""
    return f" (if samples are images, pass image_shape=({side}, {side}))"


def choose_layout(reference, image_shape, feature_names, sample_labels=None, labels_title=""):
    n_features = reference.shape[1]
    image_shape = check_image_shape(image_shape, n_features)
    if image_shape is not None:
        return ImageGrid(image_shape, reference, sample_labels, labels_title)
    return Heatmap(check_feature_names(feature_names, n_features), reference, sample_labels)


class ImageDisplay(OnAxes):
    """Display of groups of samples, as images or as a heatmap."""

    images_: "list[list[AxesImage]]"

    def _draw(self, groups, reference, ax, style, **labels):
        layout = choose_layout(reference, self.image_shape, self.feature_names, **labels)
        self.images_ = layout.draw(self._prepare(ax, layout.figsize(groups)), groups, style)
        return self
