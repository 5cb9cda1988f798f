"""What the tests of the Displays draw: small rows, small models, one call for each Display."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder, plotting

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


# One call for each way to make a Display; `network` has no way to draw at once.
CALLS = {
    "loss": lambda **more: plotting.LossCurveDisplay.from_estimator(autoencoder(), **more),
    "reconstruction": lambda **more: plotting.ReconstructionDisplay.from_estimator(
        autoencoder(), rows(), image_shape=SHAPE, **more
    ),
    "reconstruction table": lambda **more: plotting.ReconstructionDisplay.from_estimator(
        pipeline(), frame(), **more
    ),
    "reconstruction given": lambda **more: plotting.ReconstructionDisplay.from_predictions(
        rows(), rows() + 1, **more
    ),
    "denoising": lambda **more: plotting.DenoisingDisplay.from_estimator(
        denoiser(), rows(), image_shape=SHAPE, random_state=0, **more
    ),
    "code": lambda **more: plotting.CodeDisplay.from_estimator(
        autoencoder(), rows(), classes(), **more
    ),
    "errors": lambda **more: plotting.ReconstructionErrorDisplay.from_estimator(
        detector(), frame(), **more
    ),
    "errors given": lambda **more: plotting.ReconstructionErrorDisplay.from_predictions(
        [1.0, 2.0, 3.0], 2.5, **more
    ),
    "features": lambda **more: plotting.FeatureScoreDisplay.from_estimator(
        detector(), frame().iloc[[7]], **more
    ),
    "distortion": lambda **more: plotting.DistortionDisplay.from_cv_results(search(), **more),
    "distortion given": lambda **more: plotting.DistortionDisplay.from_predictions(
        [1, 2, 4], [3.0, 2.0, 1.0], [4.0, 3.0, 2.0], **more
    ),
    "traversal": lambda **more: plotting.TraversalDisplay.from_estimator(
        autoencoder(), rows(), image_shape=SHAPE, **more
    ),
    "traversal table": lambda **more: plotting.TraversalDisplay.from_estimator(
        pipeline(), frame(), **more
    ),
    "interpolation": lambda **more: plotting.InterpolationDisplay.from_estimator(
        autoencoder(), rows()[0], rows()[1], image_shape=SHAPE, **more
    ),
    "interpolation table": lambda **more: plotting.InterpolationDisplay.from_estimator(
        pipeline(), frame().iloc[0], frame().iloc[[1]], **more
    ),
    "weights": lambda **more: plotting.WeightsDisplay.from_estimator(autoencoder(), SHAPE, **more),
    "network": lambda **more: plotting.NetworkDisplay.from_estimator(autoencoder()).plot(**more),
}


def group_names(display):
    return [tick.get_text() for tick in display.ax_.get_yticklabels()]


def image_values(image):
    return np.asarray(image.get_array())
