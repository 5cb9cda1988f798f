"""
==============================
Rows that do not fit in memory
==============================

`partial_fit` trains on one chunk of rows at a time. The rows stay in a file; after some passes
over them the model is about as good as that of `fit`, which needs all of them at once.
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
path = Path(folder.name, "rows.npy")
np.save(path, X_train)

# %%
# No rows are held out, for there is no end to wait for: `early_stopping` is off.

rows = np.load(path, mmap_mode="r")
autoencoder = AutoencoderTransformer(8, batch_size=100, early_stopping=False, random_state=0)
scores = []
for _ in range(40):
    for chunk in gen_batches(len(rows), 300):
        autoencoder.partial_fit(rows[chunk])
    scores.append(autoencoder.score(X_test))

whole = AutoencoderTransformer(8, random_state=0).fit(X_train).score(X_test)
del rows
folder.cleanup()
print(f"R² of unseen rows after partial_fit: {scores[-1]:.4f}")
print(f"R² of unseen rows after fit:         {whole:.4f}  ({scores[-1] / whole - 1:+.1%})")

# %%

fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.plot(np.arange(1, len(scores) + 1), scores, color="#0072B2", label="partial_fit, in chunks")
ax.axhline(whole, color="#D55E00", linestyle="--", label="fit, all rows at once")
ax.axhspan(0.98 * whole, whole, color="#D55E00", alpha=0.15, label="within 2 %")
ax.set(xlabel="passes over the file", ylabel="R², unseen rows")
ax.set_title("Training chunk by chunk comes to the same place")
ax.legend(loc="lower right")
plt.show()
