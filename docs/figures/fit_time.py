"""Plot CPU time of fit against the gain over PCA on unseen rows, from the kept runs."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

STYLES = {
    "now": ("AutoencoderTransformer", "#0072B2", "o"),
    "earlier": ("earlier version", "#56B4E9", "x"),
    "mlp": ("MLPRegressor", "#D55E00", "+"),
}
LOWEST = -50

paths = sorted(Path("../benchmarks").glob("fit_time*.json"))
runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
cases = [case for run in runs for case in run["results"]]
fig, ax = plt.subplots(figsize=(6.4, 4))
for key, (label, color, marker) in STYLES.items():
    results = [case[key] for case in cases if key in case]
    seconds = [result["seconds"] for result in results]
    gains = np.maximum([result["gain"] for result in results], LOWEST)
    ax.plot(seconds, gains, marker, color=color, label=label, markersize=5, alpha=0.8)
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xscale="log", xlabel="CPU seconds of fit (log scale)")
ax.set_ylabel(
    f"gain over PCA on unseen rows, %\n(losses beyond {-LOWEST} % at the edge)", fontsize=9
)
n_below = {key: sum(case[key]["gain"] < -1 for case in cases if key in case) for key in STYLES}
title = "More than 1 % below PCA: {1} of {0} fits by the defaults, {2} by MLPRegressor"
ax.set_title(title.format(len(cases), n_below["now"], n_below["mlp"]), fontsize="medium")
ax.legend(loc="upper left", fontsize=8)
