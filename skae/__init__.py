"""Autoencoders for scikit-learn users."""

from skae import metrics, plotting
from skae._denoising import DenoisingAutoencoder
from skae._outlier import AutoencoderOutlierDetector
from skae._transformer import AutoencoderTransformer

__version__ = "0.1.0"

__all__ = [
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "DenoisingAutoencoder",
    "metrics",
    "plotting",
]
