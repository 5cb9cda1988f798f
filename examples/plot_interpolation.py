"""
================================
Interpolation between two digits
================================

Points on the straight line between two codes are decoded step by step, from a 4 to a 1. The mean
of two images shows both at once. The mean of two codes should decode to an image that looks like a
digit.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import AutoencoderTransformer
from skae.plotting import InterpolationDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

fours, ones = X_test[y_test == 4], X_test[y_test == 1]
reducers = {
    "PCA": PCA(8).fit(X_train),
    "autoencoder": AutoencoderTransformer(8, random_state=0).fit(X_train),
}

# %%
# A 4 and a 1 from the test set, interpolated in the pixels, in PCA's code and in the autoencoder's
# code:

display = InterpolationDisplay.from_estimator(
    reducers, fours[1], ones[1], image_shape=(8, 8), im_kwargs={"cmap": "gray_r"}
)
display.figure_.suptitle("Half-way, the autoencoder mixes the two digits least")

# %%
# One pair proves little. For all pairs of a 4 and a 1 in the test set, measure how far the images
# on the way are from the nearest training image. Two images that differ in one pixel, white in one
# and black in the other, have a distance of 1.

nearest = NearestNeighbors(n_neighbors=1).fit(X_train)
positions = np.linspace(0, 1, 11)


def distances_on_the_way(starts, ends, decode):
    """Return the mean distance to the nearest training image at each position of the way."""
    distances = []
    for position in positions:
        points = (1 - position) * starts[:, None] + position * ends
        images = decode(points.reshape(-1, starts.shape[1]))
        distances.append(nearest.kneighbors(images)[0].mean())
    return distances


curves = {"pixels": distances_on_the_way(fours, ones, lambda images: images)}
for name, reducer in reducers.items():
    codes = reducer.transform(fours), reducer.transform(ones)
    curves[name] = distances_on_the_way(*codes, reducer.inverse_transform)

colors = {"pixels": "gray", "PCA": plt.rcParams["text.color"], "autoencoder": "C0"}
styles = {"pixels": ":", "PCA": "--", "autoencoder": "-"}
print("mean distance of midpoints to the nearest training image, in black pixels:")
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
for name, distances in curves.items():
    print(f"interpolated in {name:12} {distances[len(positions) // 2]:.2f}")
    ax.plot(100 * positions, distances, color=colors[name], linestyle=styles[name], label=name)
ax.set_xlabel("position between the 4 and the 1 (%)")
ax.set_ylabel("distance to the nearest\ntraining digit (black pixels)")
ax.set_title("Half-way, the autoencoder's images are nearest to digits")
ax.legend()
plt.show()

# sphinx_gallery_thumbnail_number = 2
