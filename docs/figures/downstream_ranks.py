"""Plot the mean ranks of the reducers by the model on the codes, from downstream.json."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

COLORS = {"PCA": "black", "AutoencoderTransformer": "#0072B2", "linear_weight=1": "#56B4E9"}
TITLES = {"line": "linear models", "neighbours": "nearest neighbours", "trees": "boosted trees"}

run = json.loads(Path("../benchmarks/downstream.json").read_text(encoding="utf-8"))
ranks = run["results"]["ranks"]
fig, axes = plt.subplots(1, len(ranks), sharey=True, figsize=(9, 2.6), layout="constrained")
n_better = n_worse = 0
for ax, (reader, found) in zip(axes, ranks.items(), strict=True):
    difference, pca = found["critical_difference"], found["mean_ranks"]["PCA"]
    ax.axvline(pca, color="black", linestyle="--", linewidth=0.8)
    for i, (name, rank) in enumerate(found["mean_ranks"].items()):
        n_better += pca - rank >= difference
        n_worse += rank - pca >= difference
        color, is_alike = COLORS.get(name, "#777777"), abs(rank - pca) < difference
        ax.plot([rank - difference / 2, rank + difference / 2], [i, i], color=color, linewidth=1.5)
        ax.plot(rank, i, "o", color=color, fillstyle="none" if is_alike else "full")
    ax.set_title(TITLES[reader], fontsize=10)
    ax.set(xlabel="mean rank (1 is best)", xlim=(1.6, 3.6))
names = list(found["mean_ranks"])
axes[0].set_yticks(range(len(names)), names)
axes[0].set_ylim(len(names) - 0.5, -0.5)
n = len(ranks) * (len(names) - 1)
title = f"Of {n} comparisons with PCA, {n_better} are certainly won, {n_worse} lost"
fig.suptitle(title, fontsize="medium")
