"""
================
From a 3 to an 8
================

The straight line between two codes, decoded step by step. Halfway between two images lies a
double exposure; halfway between two codes lies, if all is well, an image.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import AutoencoderTransformer
from skae.plotting import InterpolationDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

threes, eights = X_test[y_test == 3], X_test[y_test == 8]
reducers = {
    "PCA": PCA(8).fit(X_train),
    "autoencoder": AutoencoderTransformer(8, random_state=0).fit(X_train),
}

# %%
# An unseen 3, an unseen 8, and what lies between them in the pixels, in PCA's code and in the
# autoencoder's.

InterpolationDisplay.from_estimator(
    reducers, threes[2], eights[2], image_shape=(8, 8), im_kwargs={"cmap": "gray_r"}
)

# %%
# One pair proves little. For all pairs of an unseen 3 and an unseen 8: how far is the image
# halfway from the nearest digit of the training rows? Nearer is more like a digit.


def distance_to_digits(rows):
    """Return the mean distance of the rows to the nearest training row."""
    nearest = NearestNeighbors(n_neighbors=1).fit(X_train)
    return nearest.kneighbors(rows)[0].mean()


def halfway(threes, eights):
    """Return the midpoints of all pairs."""
    return ((threes[:, None] + eights) / 2).reshape(-1, threes.shape[1])


print(f"halfway in pixels:      {distance_to_digits(halfway(threes, eights)):.3f}")
for name, reducer in reducers.items():
    codes = halfway(reducer.transform(threes), reducer.transform(eights))
    distance = distance_to_digits(reducer.inverse_transform(codes))
    print(f"halfway in {name + ':':13}{distance:.3f}")
plt.show()
