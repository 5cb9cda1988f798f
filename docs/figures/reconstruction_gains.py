"""Plot the median gain over PCA on test data, for each data set and code size of the kept run."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

run = json.loads(Path("../benchmarks/reconstruction.json").read_text(encoding="utf-8"))
cells = run["results"]
names = list(dict.fromkeys(cell["data_set"] for cell in cells))
gains = {n: [c["median_gain"] for c in cells if c["data_set"] == n] for n in names}
names.sort(key=lambda name: np.median(gains[name]))
fig, ax = plt.subplots(figsize=(6.4, 0.17 * len(names) + 1.1))
for i, name in enumerate(names):
    ax.plot(gains[name], np.full(len(gains[name]), i), "|", color="#0072B2", markersize=7)
ax.axvline(0, color="black", linestyle="--", linewidth=0.8)
ax.set(xlabel="gain over PCA on test data, %; a stroke for each code size", xlim=(-5, 100))
ax.set_yticks(range(len(names)), names, fontsize=6)
ax.set_ylim(-0.7, len(names) - 0.3)
n_below = sum(gain < -1 for found in gains.values() for gain in found)
title = f"Most models are well above PCA, and {n_below} of {len(cells)} more than 1 % below"
ax.set_title(title, fontsize="medium")
