"""Displays of models and samples, as in scikit-learn. Only drawing imports matplotlib."""

from skae.plotting._code import CodeDisplay
from skae.plotting._curves import (
    ComponentSearchDisplay,
    LossCurveDisplay,
    RateDistortionDisplay,
)
from skae.plotting._decoded import InterpolationDisplay, LatentGridDisplay, TraversalDisplay
from skae.plotting._distortion import DistortionDisplay
from skae.plotting._network import NetworkDisplay
from skae.plotting._outliers import FeatureScoreDisplay, ReconstructionErrorDisplay
from skae.plotting._samples import DenoisingDisplay, ReconstructionDisplay, SampleDisplay
from skae.plotting._weights import WeightsDisplay

__all__ = [
    "CodeDisplay",
    "ComponentSearchDisplay",
    "DenoisingDisplay",
    "DistortionDisplay",
    "FeatureScoreDisplay",
    "InterpolationDisplay",
    "LatentGridDisplay",
    "LossCurveDisplay",
    "NetworkDisplay",
    "RateDistortionDisplay",
    "ReconstructionDisplay",
    "ReconstructionErrorDisplay",
    "SampleDisplay",
    "TraversalDisplay",
    "WeightsDisplay",
]
