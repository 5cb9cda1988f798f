"""Plot the validation loss of each epoch, with and without parameter averaging."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X_train, X_val = train_test_split(
    load_digits().data.astype("float32") / 16, test_size=0.2, random_state=0
)
fig, ax = plt.subplots()
for averaging, color, label in (
    (0, "#999999", "averaging=0"),
    (0.998, "#0072B2", "averaging=0.998"),
):
    autoencoder = AutoencoderTransformer(
        8, learning_rate_init=0.01, averaging=averaging, max_iter=60, tol=0, random_state=0
    )
    curve = autoencoder.fit(X_train, X_val=X_val).validation_loss_curve_
    ax.plot(range(1, len(curve) + 1), curve, color=color, label=label)
ax.set(xlabel="epoch", ylabel="validation loss")
ax.set_title("Averaged parameters end at a lower validation loss", fontsize="medium")
ax.legend()
