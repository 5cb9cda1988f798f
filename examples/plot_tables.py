"""
====================
Rows that are tables
====================

Nothing here is an image: 178 wines, 13 measurements of each in units of their own. What an
autoencoder keeps of them, which wines are unusual, and why.
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
# What a code of three numbers keeps
# ----------------------------------
#
# Numbers are shown as standard deviations of their column. Four wines of each cultivar: what the
# cultivars have in common comes back, what is a single wine's own does not.

pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(3, random_state=0)).fit(X)
ReconstructionDisplay.from_estimator(
    pipeline, X, feature_names=names, samples=[0, 1, 2, 3, 60, 61, 62, 63, 140, 141, 142, 143]
)

# %%
# Which wines are unusual
# -----------------------
#
# The detector needs no scaler. One wine in twenty-five is to be flagged.

detector = AutoencoderOutlierDetector(contamination=0.04, random_state=0).fit(X)
display = ReconstructionErrorDisplay.from_estimator(detector, X)
print(f"flagged: {display.flagged_shares['rows']:.1%} of {len(X)} wines")

# %%
# And why
# -------
#
# What each measurement adds to the score of the least likely wine.

least_likely = detector.score_samples(X).argmin()
display = FeatureScoreDisplay.from_estimator(detector, X[least_likely], feature_names=names)
print(f"wine {least_likely}: {names[display.order[0]]} gives it away")
plt.show()
