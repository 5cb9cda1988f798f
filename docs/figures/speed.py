"""Plot the speed of training relative to PyTorch along each axis, from the kept sweeps."""

import json
from pathlib import Path

import matplotlib.pyplot as plt

AXES = {
    "rows": "samples",
    "batch": "samples in a batch",
    "width": "units in the widest layer",
    "hidden": "hidden layers",
}

run = json.loads(Path("../benchmarks/speed_sweeps.json").read_text(encoding="utf-8"))
fig, axes = plt.subplots(1, 4, figsize=(9, 3), sharey=True, layout="constrained")
for ax, (axis, label) in zip(axes, AXES.items(), strict=True):
    points = []
    for result in run["results"]:
        words = result["workload"].split()
        if len(words) == 2 and axis in words:
            [value] = [int(word) for word in words if word != axis]
            peers = result["peers"].items()
            points.append((value, min(peer["ratio"] for name, peer in peers if name != "skae")))
    ax.plot(*zip(*sorted(points), strict=True), "o-", color="#0072B2", markersize=4)
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set(xscale="log", xlabel=label)
    ax.set_xticks([n for n, _ in points], [f"{n:,}" for n, _ in points], fontsize=8)
    ax.minorticks_off()
axes[0].set(yscale="log", ylabel="times as fast as PyTorch")
fig.supxlabel("all scales are logarithmic", fontsize="small")
fig.suptitle("The lead over PyTorch shrinks as batches and layers grow", fontsize="medium")
axes[0].set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
