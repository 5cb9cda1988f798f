"""
==========================================
Tabular data: reconstructions and outliers
==========================================

The data are 178 wines with 13 measurements in different units. The example shows what an
autoencoder keeps of them, which wines are outliers, and which measurements make them so.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer
from skae.plotting import FeatureScoreDisplay, ReconstructionDisplay, ReconstructionErrorDisplay

wine = load_wine()
X, names = wine.data, wine.feature_names

# %%
# Reconstruction from three components
# ------------------------------------
#
# Values are shown in standard deviations of their feature, for four wines of each cultivar, between
# the lines. The code keeps what the wines of a cultivar have in common: within a cultivar,
# reconstructions look alike. It loses the details of single wines.

pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(3, random_state=0)).fit(X)
display = ReconstructionDisplay.from_estimator(
    pipeline, X, feature_names=names, samples=[0, 1, 2, 3, 60, 61, 62, 63, 140, 141, 142, 143]
)
for (image,) in display.images_[:2]:
    left, right, _, top = image.get_extent()
    display.ax_.hlines([top + 4, top + 8], left, right, color="black", linewidth=1.5)
display.ax_.set_title("Three components keep what the wines of a cultivar share")

# %%
# Outliers
# --------
#
# The detector needs no scaler. `contamination` asks it to flag one wine in twenty-five.

detector = AutoencoderOutlierDetector(contamination=0.04, random_state=0).fit(X)
display = ReconstructionErrorDisplay.from_estimator(detector, X)
display.ax_.set_title("The least likely wines lie beyond the threshold")
print(f"flagged: {display.flagged_shares['samples']:.1%} of {len(X)} wines")

# %%
# Contributions of the features
# -----------------------------
#
# The contribution of each measurement to the score of the least likely wine:

least_likely = detector.score_samples(X).argmin()
display = FeatureScoreDisplay.from_estimator(detector, X[least_likely], feature_names=names)
display.figure_.suptitle(f"Why this wine is the least likely: its {names[display.order[0]]}")
display.ax_.set_title("")
print(f"wine {least_likely}: {names[display.order[0]]} contributes most to its score")
plt.show()

# sphinx_gallery_thumbnail_number = 3
