"""
==============================
A map of the digits, and PCA's
==============================

A code of two numbers is a map. Rows that neither method has seen, on PCA's map and on the
autoencoder's.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_score

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# The same two lines for both. No labels are used in training: the share of unseen rows whose
# class their neighbours on the map name correctly says how well the classes come apart.

reducers = {"PCA": PCA(2), "autoencoder": AutoencoderTransformer(2, random_state=0)}
codes, titles = [], []
print(f"{'':12} {'variance explained':>19} {'neighbours right':>17}")
for name, reducer in reducers.items():
    code_train = reducer.fit_transform(X_train)
    code_test = reducer.transform(X_test)
    explained = reconstruction_score(reducer, X_test)
    accuracy = KNeighborsClassifier(10).fit(code_train, y_train).score(code_test, y_test)
    print(f"{name:12} {explained:19.1%} {accuracy:17.1%}")
    codes.append(code_test)
    titles.append(f"{name}: {explained:.0%} of the variance, neighbours {accuracy:.0%} right")

# %%
# Digits are drawn as themselves, coloured by class.

colors = ["#332288", "#88CCEE", "#44AA99", "#117733", "#999933"]
colors += ["#B8860B", "#CC6677", "#882255", "#AA4499", "#555555"]
fig, axes = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained")
for ax, code, title in zip(axes, codes, titles):
    for digit, color in enumerate(colors):
        chosen = code[y_test == digit]
        ax.scatter(*chosen.T, marker=f"${digit}$", color=color, s=45, linewidths=0.3)
    ax.set_title(title, fontsize=11)
    ax.set(xlabel="first column of the code", ylabel="second column", xticks=[], yticks=[])
plt.show()
