"""Plot the gains over PCA on fresh samples of each law and size, from the kept runs."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

COLORS = {"independent": "#0072B2", "dependent": "#D55E00"}
LOWEST = -20

paths = sorted(Path("../benchmarks").glob("promise*.json"))
runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
cells = [cell for run in runs for cell in run["results"]]
laws = list(dict.fromkeys(cell["law"] for cell in cells))
fig, ax = plt.subplots(figsize=(6.4, 0.24 * len(laws) + 0.9))
for i, law in enumerate(laws):
    gains = np.concatenate([cell["gain"] for cell in cells if cell["law"] == law])
    pool = next(cell["pool"] for cell in cells if cell["law"] == law)
    color = COLORS["dependent" if pool == "dependent" else "independent"]
    ax.plot(np.maximum(gains, LOWEST), np.full(len(gains), i), "|", color=color, markersize=8)
for kind, color in COLORS.items():
    ax.plot([], [], "|", color=color, markersize=8, label=f"{kind} samples")
ax.legend(loc="lower left", fontsize=8)
ax.axvline(0, color="black", linewidth=0.8)
ax.axvspan(LOWEST, -1, color="#999999", alpha=0.2, linewidth=0)
draws = np.concatenate([cell["gain"] for cell in cells])
title = f"Of {len(draws)} models, {np.sum(draws < -1)} are more than 1 % below PCA on fresh samples"
ax.set_title(title, fontsize="medium")
ax.set(xlabel="gain over PCA on fresh samples, %", xlim=(LOWEST, 100), ylim=(len(laws) - 0.5, -0.5))
ax.set_yticks(range(len(laws)), [law.replace("_", " ") for law in laws], fontsize=8)
