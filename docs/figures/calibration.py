"""Plot the false alarms of two thresholds, from docs/benchmarks/calibration.json."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

run = json.loads(Path("../benchmarks/calibration.json").read_text(encoding="utf-8"))
found = {key: np.array([r[key] for r in run["results"]]) for key in run["results"][0]}
order = np.argsort(found["training"])
places = np.arange(len(order))
fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
promised, deviation = found["attainable"][order], found["expected_sd"][order]
ax.fill_between(
    places,
    promised - 2 * deviation,
    promised + 2 * deviation,
    color="0.85",
    step="mid",
    label="nominal rate ± two standard deviations",
)
for key, color, marker, label in (
    ("training", "#D55E00", "^", "threshold from training scores"),
    ("auto", "#0072B2", "o", "threshold from held-out scores"),
):
    ax.plot(places, found[key][order], marker, color=color, markersize=4, label=label)
ax.set_xticks(places, found["data"][order], rotation=90, fontsize=7)
ax.set(ylabel="share of false alarms\n(log scale above 0.1)", xlim=(-1, len(order)))
ax.set_title("Only thresholds from held-out scores keep the stated rate", fontsize="medium")
ax.set_yscale("symlog", linthresh=0.1)
ax.set_ylim(0, 1)
ax.set_yticks([0, 0.05, 0.1, 0.2, 0.5, 1], ["0", "0.05", "0.1", "0.2", "0.5", "1"])
ax.legend(fontsize=8, loc="upper left")
