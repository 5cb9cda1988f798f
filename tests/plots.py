"""What the plotting tests share: small samples, small models and one call for each Display."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ComponentSearchCV,
    DenoisingAutoencoder,
    VariationalAutoencoder,
    plotting,
)

SMALL = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
SHAPE = (3, 4)
NAMES = [f"feature {letter}" for letter in "abcdefghijkl"]


@cache
def rows():
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(60, 3)) * [3, 2, 1]
    X = sources @ rng.normal(size=(3, 12)) + 0.2 * rng.normal(size=(60, 12)) + np.arange(12)
    X.flags.writeable = False
    return X


@cache
def frame():
    return pd.DataFrame(rows(), columns=NAMES)


@cache
def classes():
    return np.arange(60) % 3


@cache
def autoencoder():
    return AutoencoderTransformer(3, **SMALL).fit(rows())


@cache
def variational():
    return VariationalAutoencoder(3, max_iter=0).fit(rows())


@cache
def pipeline():
    return make_pipeline(StandardScaler(), AutoencoderTransformer(3, **SMALL)).fit(frame())


@cache
def denoiser():
    return DenoisingAutoencoder(3, **SMALL).fit(rows())


@cache
def detector():
    return AutoencoderOutlierDetector(2, contamination=0.1, **SMALL).fit(frame())


@cache
def pca():
    return PCA(3).fit(rows())


@cache
def search():
    return GridSearchCV(AutoencoderTransformer(**SMALL), {"n_components": [4, 1, 2]}, cv=2).fit(
        rows()
    )


@cache
def component_search():
    return ComponentSearchCV(AutoencoderTransformer(**SMALL), [4, 1, 2], cv=2).fit(rows())


# A call for each way to create and draw a Display. The first word of a name is the Display.
CALLS = {
    "loss": lambda **keywords: plotting.LossCurveDisplay.from_estimator(autoencoder(), **keywords),
    "reconstruction": lambda **keywords: plotting.ReconstructionDisplay.from_estimator(
        autoencoder(), rows(), image_shape=SHAPE, **keywords
    ),
    "reconstruction heatmap": lambda **keywords: plotting.ReconstructionDisplay.from_estimator(
        pipeline(), frame(), **keywords
    ),
    "reconstruction computed": lambda **keywords: plotting.ReconstructionDisplay.from_predictions(
        rows(), rows() + 1, **keywords
    ),
    "denoising": lambda **keywords: plotting.DenoisingDisplay.from_estimator(
        denoiser(), rows(), image_shape=SHAPE, random_state=0, **keywords
    ),
    "code": lambda **keywords: plotting.CodeDisplay.from_estimator(
        autoencoder(), rows(), classes(), **keywords
    ),
    "errors": lambda **keywords: plotting.ReconstructionErrorDisplay.from_estimator(
        detector(), frame(), **keywords
    ),
    "errors computed": lambda **keywords: plotting.ReconstructionErrorDisplay.from_predictions(
        [1.0, 2.0, 3.0], 2.5, **keywords
    ),
    "features": lambda **keywords: plotting.FeatureScoreDisplay.from_estimator(
        detector(), frame().iloc[[7]], **keywords
    ),
    "components": lambda **keywords: plotting.ComponentSearchDisplay.from_estimator(
        component_search(), **keywords
    ),
    "distortion": lambda **keywords: plotting.DistortionDisplay.from_cv_results(
        search(), **keywords
    ),
    "distortion computed": lambda **keywords: plotting.DistortionDisplay.from_predictions(
        [1, 2, 4], [3.0, 2.0, 1.0], [4.0, 3.0, 2.0], **keywords
    ),
    "traversal": lambda **keywords: plotting.TraversalDisplay.from_estimator(
        autoencoder(), rows(), image_shape=SHAPE, **keywords
    ),
    "traversal heatmap": lambda **keywords: plotting.TraversalDisplay.from_estimator(
        pipeline(), frame(), **keywords
    ),
    "interpolation": lambda **keywords: plotting.InterpolationDisplay.from_estimator(
        autoencoder(), rows()[0], rows()[1], image_shape=SHAPE, **keywords
    ),
    "interpolation heatmap": lambda **keywords: plotting.InterpolationDisplay.from_estimator(
        pipeline(), frame().iloc[0], frame().iloc[[1]], **keywords
    ),
    "samples": lambda **keywords: plotting.SampleDisplay.from_estimator(
        variational(), rows(), n_samples=12, random_state=0, image_shape=SHAPE, **keywords
    ),
    "samples heatmap": lambda **keywords: plotting.SampleDisplay.from_estimator(
        variational(), n_samples=5, **keywords
    ),
    "grid": lambda **keywords: plotting.LatentGridDisplay.from_estimator(
        variational(), n_steps=4, image_shape=SHAPE, **keywords
    ),
    "rate": lambda **keywords: plotting.RateDistortionDisplay.from_estimator(
        variational(), rows(), kl_weights=[0.5, 2], **keywords
    ),
    "weights": lambda **keywords: plotting.WeightsDisplay.from_estimator(
        autoencoder(), SHAPE, **keywords
    ),
    "network": lambda **keywords: plotting.NetworkDisplay.from_estimator(autoencoder(), **keywords),
}


def group_names(display):
    """Return the labels beside the lines of an image grid or the blocks of a heatmap."""
    return [tick.get_text() for tick in display.ax_.get_yticklabels()]


def image_values(image):
    return np.asarray(image.get_array())
