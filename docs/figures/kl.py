"""Plot the Kullback-Leibler penalty of one component against its mean activation."""

import matplotlib.pyplot as plt
import numpy as np

q = np.linspace(0.002, 0.9, 400)
fig, ax = plt.subplots(figsize=(7, 3))
for target, color in ((0.05, "#0072B2"), (0.2, "#D55E00")):
    penalty = target * np.log(target / q) + (1 - target) * np.log((1 - target) / (1 - q))
    ax.plot(q, penalty, color=color, label=f"sparsity_target={target}")
    ax.plot(target, 0, "o", color=color)
ax.set(xlabel="mean activation", ylabel="penalty", ylim=(-0.03, 1.2))
ax.legend()
ax.set_title("The penalty is zero at the target and grows on both sides", fontsize="medium")
