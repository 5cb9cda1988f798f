"""Draw how a variational autoencoder draws a code: mean and deviation, noise beside the path."""

import matplotlib.pyplot as plt

BOXES = {
    "x": (0.0, 0.5, "x"),
    "encoder": (1.2, 0.5, "encoder"),
    "mean": (2.6, 0.85, r"$\mu(x)$"),
    "std": (2.6, 0.15, r"$\sigma(x)$"),
    "z": (3.9, 0.5, r"$z=\mu+\sigma\,\varepsilon$"),
    "decoder": (5.4, 0.5, "decoder"),
    "output": (6.7, 0.5, r"$\hat x(z)$"),
}
ARROWS = [("x", "encoder"), ("encoder", "mean"), ("encoder", "std"), ("mean", "z"), ("std", "z")]
ARROWS += [("z", "decoder"), ("decoder", "output")]

fig, ax = plt.subplots(figsize=(8, 2.4))
style = {"ha": "center", "va": "center", "fontsize": 11}
for x, y, text in BOXES.values():
    ax.text(x, y, text, bbox={"boxstyle": "round", "fc": "#E8F1FA", "ec": "#0072B2"}, **style)
noise = {"boxstyle": "round", "fc": "white", "ec": "#D55E00", "ls": "--"}
ax.text(3.9, -0.25, r"$\varepsilon\sim N(0, I)$", bbox=noise, **style)
lines = [(BOXES[a][:2], BOXES[b][:2], "#0072B2", "-") for a, b in ARROWS]
lines.append(((3.9, -0.25), (3.9, 0.5), "#D55E00", "--"))
for start, end, color, line in lines:
    arrow = {"arrowstyle": "->", "color": color, "ls": line, "shrinkA": 24, "shrinkB": 26}
    ax.annotate("", end, start, arrowprops=arrow)
ax.set(xlim=(-0.5, 7.3), ylim=(-0.5, 1.15))
ax.axis("off")
ax.set_title("Noise enters beside the path from x to z, so gradients pass", fontsize="medium")
