"""Plot losses against the residual, and against the reconstruction of the targets 0.8 and 3."""

import matplotlib.pyplot as plt
import numpy as np

residual = np.linspace(-3, 3, 301)
size = np.abs(residual)
fig, (left, middle, right) = plt.subplots(1, 3, width_ratios=[1.6, 1, 1])
left.plot(residual, residual**2 / 2, color="#0072B2", label="squared_error")
left.plot(residual, size, color="#D55E00", label="absolute_error")
huber = np.where(size <= 1, residual**2 / 2, size - 0.5)
left.plot(residual, huber, color="#009E73", linestyle="--", label="huber")
left.set(xlabel="reconstruction minus target", ylabel="loss", ylim=(0, 4))
left.legend(loc="upper center", fontsize=8)

share = np.linspace(0.01, 0.99, 200)
middle.plot(share, -0.8 * np.log(share) - 0.2 * np.log(1 - share), color="#CC79A7")
middle.axvline(0.8, color="black", linestyle=":", linewidth=1)
middle.set(xlabel="reconstruction", ylim=(0, 4))
middle.set_title("log_loss, target 0.8", fontsize=10)

count = np.linspace(0.1, 9, 200)
right.plot(count, count - 3 * np.log(count), color="#B27A00")
right.axvline(3, color="black", linestyle=":", linewidth=1)
right.set(xlabel="reconstruction", ylim=(-1, 4))
right.set_title("poisson, target 3", fontsize=10)
fig.suptitle("Each loss is least where the reconstruction is the target", fontsize="medium")
