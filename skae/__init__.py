"""Autoencoders for scikit-learn users."""

from skae import (
    activations,
    corruptions,
    export,
    losses,
    metrics,
    optimizers,
    penalties,
    plotting,
)
from skae._denoising import DenoisingAutoencoder
from skae._imputer import AutoencoderImputer
from skae._outlier import AutoencoderOutlierDetector
from skae._persistence import SKOPS_TRUSTED_TYPES
from skae._search import ComponentSearchCV
from skae._training.stream import ShiftedSamplesWarning
from skae._transformer import AutoencoderTransformer
from skae._variational import VariationalAutoencoder
from skae._version import __version__ as __version__

__all__ = [
    "SKOPS_TRUSTED_TYPES",
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ComponentSearchCV",
    "DenoisingAutoencoder",
    "ShiftedSamplesWarning",
    "VariationalAutoencoder",
    "activations",
    "corruptions",
    "export",
    "losses",
    "metrics",
    "optimizers",
    "penalties",
    "plotting",
]
