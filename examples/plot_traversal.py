"""
==========================
What the code's columns do
==========================

Each column of a code is moved from its lowest to its highest values, while the others stay where
they are; what the decoder makes of it shows what the column means. PCA's columns add and take away
a fixed pattern. Along the autoencoder's a 3 turns into other digits.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.plotting import NetworkDisplay, TraversalDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16

# %%
# The columns stand in the order of the variance that they explain, as PCA's do. Both ways start
# at the same image, a 3.

start = X[y == 3][0]
reducers = {"PCA": PCA(4).fit(X), "autoencoder": AutoencoderTransformer(4, random_state=0).fit(X)}
for name, reducer in reducers.items():
    display = TraversalDisplay.from_estimator(
        reducer, X, x=start, image_shape=(8, 8), im_kwargs={"cmap": "gray_r"}
    )
    display.ax_.set_title(name)
    shares = ", ".join(f"{share:.1%}" for share in reducer.explained_variance_ratio_)
    print(f"{name:12} variance explained by each column: {shares}")

# %%
# The network behind it, as a table and as a drawing. Notebooks show the table below a fitted
# autoencoder.

network = NetworkDisplay.from_estimator(reducers["autoencoder"])
print(f"\n{network}")
network.plot()
plt.show()
