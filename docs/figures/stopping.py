"""Plot the mean validation gain over PCA, less one and 2.3 standard errors, for each epoch."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skae import AutoencoderTransformer

X_train, X_val = train_test_split(scale(load_diabetes().data), test_size=80, random_state=0)
start = np.square(X_val - (pca := PCA(4).fit(X_train)).inverse_transform(pca.transform(X_val)))
autoencoder = AutoencoderTransformer(4, alpha=0, learning_rate_init=5e-4, random_state=0)
means, errors = [0.0], [0.0]
for _ in range(150):
    gains = start.mean(axis=1) + autoencoder.partial_fit(X_train).score_samples(X_val)
    means.append(gains.mean())
    errors.append(gains.std(ddof=1) / np.sqrt(len(gains)))

means, errors = np.array(means), np.array(errors)
bounds = means - errors
first = int(np.argmax(means > 2.3 * errors))  # the first certain epoch
best = first + int(np.argmax(bounds[first:]))
fig, ax = plt.subplots()
ax.plot(means, color="#0072B2", label="mean gain")
ax.plot(bounds, color="#D55E00", label="mean gain minus one standard error")
ax.plot(means - 2.3 * errors, color="#999999", label="mean gain minus 2.3 standard errors")
ax.axhline(0, color="black", linewidth=0.8)
ax.plot(best, bounds[best], "o", color="#D55E00")
ax.annotate(f"kept: epoch {best}", (best, bounds[best]), xytext=(6, 6),
            textcoords="offset points")  # fmt: skip
ax.set(xlabel="epoch", ylabel="gain over PCA, held-out samples", xlim=(0, len(means) - 1))
ax.legend()
ax.set_title(
    "The epoch that is kept has the largest gain after doubt is taken off", fontsize="medium"
)
