"""
==========================================
Training on data that do not fit in memory
==========================================

`partial_fit` trains on one chunk of samples at a time, while the data stay in a file. After some
passes over the file the model is nearly as good as with `fit`, which needs all samples in memory.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.utils import gen_batches

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test = train_test_split(X, test_size=0.2, random_state=42)
folder = TemporaryDirectory()
path = Path(folder.name, "samples.npy")
np.save(path, X_train)

# %%
# `partial_fit` does not stop by itself and holds no samples out, so `early_stopping` is off.

samples = np.load(path, mmap_mode="r")
autoencoder = AutoencoderTransformer(8, batch_size=100, early_stopping=False, random_state=0)
scores = []
for _ in range(40):
    for chunk in gen_batches(len(samples), 300):
        autoencoder.partial_fit(samples[chunk])
    scores.append(autoencoder.score(X_test))

whole = AutoencoderTransformer(8, random_state=0).fit(X_train).score(X_test)
del samples
folder.cleanup()
print(f"R² on test samples after partial_fit: {scores[-1]:.4f}")
print(f"R² on test samples after fit:         {whole:.4f}  ({scores[-1] / whole - 1:+.1%})")

# %%

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.plot(np.arange(1, len(scores) + 1), scores, color="C0", label="partial_fit, in chunks")
ax.axhline(whole, color="C0", linestyle="--", label="fit, all samples at once")
ax.axhspan(0.98 * whole, whole, color="C0", alpha=0.15, label="within 2 %")
ax.set(xlabel="passes over the file", ylabel="R², test samples")
shortfall = 1 - scores[-1] / whole
ax.set_title(f"After {len(scores)} passes, partial_fit is {shortfall:.1%} below fit")
ax.legend(loc="lower right")
plt.show()
