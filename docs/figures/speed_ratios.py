"""Plot how long other packages train, relative to skae, on the workloads of the kept run."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

PEERS = {
    "mlp": ("MLPRegressor", "#D55E00"),
    "torch 1": ("PyTorch, 1 thread", "#CC79A7"),
    "jax": ("JAX", "#E69F00"),
    "pyod": ("PyOD", "#999999"),
}

run = json.loads(Path("../benchmarks/speed.json").read_text(encoding="utf-8"))
cells = [c for c in run["results"] if c["call"] == "fit" and c["dtype"] == "float32"]
fig, ax = plt.subplots(figsize=(6.4, 0.75 * len(cells) + 1.3))
height = 0.8 / len(PEERS)
for k, (key, (name, color)) in enumerate(PEERS.items()):
    ratios = np.array([c["peers"].get(key, {}).get("ratio", np.nan) for c in cells])
    positions = np.arange(len(cells)) + (k - (len(PEERS) - 1) / 2) * height
    ax.barh(positions, ratios - 1, height, left=1, color=color, label=name)
ax.axvline(1, color="#0072B2", linewidth=2, label="skae")
ax.set(xscale="log", xlabel="time of fit relative to skae (log scale)")
ax.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10, 20], ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20"])
ax.minorticks_off()
ax.set_yticks(range(len(cells)), [c["workload"] for c in cells])
ax.set_title("Of these packages only JAX is faster, on small networks", fontsize="medium")
ax.invert_yaxis()
fig.legend(loc="outside lower center", ncols=5, fontsize="small")
