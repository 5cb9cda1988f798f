"""
================================
Interpolation between two digits
================================

Points on the straight line between two codes are decoded step by step, from a 3 to an 8. The mean
of two images shows both at once. The mean of two codes should decode to an image that looks like a
digit.
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
# A 3 and an 8 from the test set, interpolated in the pixels, in PCA's code and in the autoencoder's
# code:

InterpolationDisplay.from_estimator(
    reducers, threes[2], eights[2], image_shape=(8, 8), im_kwargs={"cmap": "gray_r"}
)

# %%
# One pair proves little. For all pairs of a 3 and an 8 in the test set, measure the distance from
# the decoded midpoint to the nearest training image. A smaller distance means that it looks more
# like a digit.


def distance_to_digits(images):
    """Return the mean distance of the images to the nearest training image."""
    nearest = NearestNeighbors(n_neighbors=1).fit(X_train)
    return nearest.kneighbors(images)[0].mean()


def midpoints(threes, eights):
    """Return the midpoints of all pairs of a 3 and an 8."""
    return ((threes[:, None] + eights) / 2).reshape(-1, threes.shape[1])


print("mean distance of midpoints to the nearest training image:")
print(f"interpolated in pixels:           {distance_to_digits(midpoints(threes, eights)):.3f}")
for name, reducer in reducers.items():
    codes = midpoints(reducer.transform(threes), reducer.transform(eights))
    distance = distance_to_digits(reducer.inverse_transform(codes))
    print(f"interpolated in {name + ' code:':18}{distance:.3f}")
plt.show()
