"""Plot the mean ranks of the reducers behind each reader, from docs/benchmarks/downstream.json."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

TITLES = {"line": "behind a line", "neighbours": "behind neighbours", "trees": "behind trees"}

run = json.loads(Path("../benchmarks/downstream.json").read_text(encoding="utf-8"))
ranks = run["results"]["ranks"]
fig, axes = plt.subplots(1, len(ranks), figsize=(3.4 * len(ranks), 3), layout="constrained")
for ax, (reader, found) in zip(axes, ranks.items(), strict=True):
    ordered = sorted(found["mean_ranks"].items(), key=lambda item: item[1])
    difference = found["critical_difference"]
    for i, (name, rank) in enumerate(ordered):
        is_alike = abs(rank - found["mean_ranks"]["PCA"]) < difference
        color = "#D55E00" if name == "PCA" else "#0072B2"
        ax.plot([rank - difference / 2, rank + difference / 2], [i, i], color=color, linewidth=1)
        ax.plot(rank, i, "o", color=color, fillstyle="none" if is_alike else "full")
    ax.set_yticks(range(len(ordered)), [name for name, _ in ordered], fontsize=8)
    ax.set(title=TITLES[reader], xlabel="mean rank", ylim=(len(ordered) - 0.5, -0.5))
