"""Plot the p-values of new normal samples and of new outliers."""

import matplotlib.pyplot as plt
import numpy as np

from skae import AutoencoderOutlierDetector

rng = np.random.default_rng(0)


def draw(n_samples):
    """Return samples along a curve in three dimensions."""
    t = rng.uniform(-1, 1, n_samples)
    return np.column_stack([t, t**2, np.sin(3 * t)]) + rng.normal(scale=0.1, size=(n_samples, 3))


detector = AutoencoderOutlierDetector(1, random_state=0).fit(draw(500))
new, outliers = draw(3000), rng.uniform(-1.5, 1.5, size=(1000, 3))
fig, ax = plt.subplots(figsize=(7, 3))
bins = np.linspace(0, 1, 21)
for samples, color, label in (
    (new, "#0072B2", "normal samples"),
    (outliers, "#D55E00", "uniform noise"),
):
    p_values = detector.predict_pvalue(samples)
    name = f"new {label}: {np.mean(p_values <= 0.05):.1%} at most 0.05"
    shares = np.full(len(samples), 1 / len(samples))
    ax.hist(p_values, bins, weights=shares, color=color, alpha=0.6, label=name)
ax.axhline(0.05, color="black", linewidth=0.8, linestyle=":")
ax.set(xlabel="p-value", ylabel="share of the samples (log scale)", yscale="log", xlim=(0, 1))
ax.legend()
ax.set_title("P-values of normal samples are uniform, those of outliers small", fontsize="medium")
