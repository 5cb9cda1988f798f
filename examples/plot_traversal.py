"""
===========================================
Varying one component of the code at a time
===========================================

One component of a code is varied from its lowest to its highest values, while the others stay
fixed. The decoded images show what the component means. A component of PCA adds or removes a fixed
pattern. Along a component of the autoencoder, a 3 turns into other digits.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.plotting import NetworkDisplay, TraversalDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16

# %%
# The components of both models are sorted by the variance that they explain. Both traversals start
# at the same image, a 3.

start = X[y == 3][0]
reducers = {"PCA": PCA(4).fit(X), "autoencoder": AutoencoderTransformer(4, random_state=0).fit(X)}
MESSAGES = {
    "PCA": "A component of PCA adds the same pattern to the image, wherever it starts",
    "autoencoder": "A component of the autoencoder changes the shape of the digit",
}
for name, reducer in reducers.items():
    display = TraversalDisplay.from_estimator(
        reducer, X, x=start, image_shape=(8, 8), im_kwargs={"cmap": "gray_r"}
    )
    display.figure_.suptitle(MESSAGES[name])
    shares = ", ".join(f"{share:.1%}" for share in reducer.explained_variance_ratio_)
    print(f"{name:12} variance explained by each component: {shares}")

# %%
# The network of the autoencoder, as a diagram and as a table. Notebooks show the table below a
# fitted autoencoder, and `summary` returns it as text.

network = NetworkDisplay.from_estimator(reducers["autoencoder"])
print(f"\n{network}")
plt.show()

# sphinx_gallery_thumbnail_number = 2
