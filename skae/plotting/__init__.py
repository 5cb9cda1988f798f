"""Displays, by scikit-learn's convention. Matplotlib is imported when one is drawn."""

from skae.plotting._code import CodeDisplay
from skae.plotting._distortion import DistortionDisplay
from skae.plotting._loss_curve import LossCurveDisplay
from skae.plotting._network import NetworkDisplay
from skae.plotting._outliers import FeatureScoreDisplay, ReconstructionErrorDisplay
from skae.plotting._reconstruction import DenoisingDisplay, ReconstructionDisplay
from skae.plotting._traversal import InterpolationDisplay, TraversalDisplay
from skae.plotting._weights import WeightsDisplay

__all__ = [
    "CodeDisplay",
    "DenoisingDisplay",
    "DistortionDisplay",
    "FeatureScoreDisplay",
    "InterpolationDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
    "ReconstructionDisplay",
    "ReconstructionErrorDisplay",
    "TraversalDisplay",
    "WeightsDisplay",
]
