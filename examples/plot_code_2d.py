"""
===================================
Two-dimensional codes of the digits
===================================

A code with two components is a map of the data. This example compares the maps of PCA and of an
autoencoder on test samples.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.metrics import reconstruction_score
from skae.plotting import CodeDisplay

X, y = load_digits(return_X_y=True)
X = X.astype("float32") / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

# %%
# Both are used in the same way, and neither uses labels. To measure how well a map separates the
# classes, a nearest-neighbour classifier is trained on it and scored on the test samples.

reducers = {"PCA": PCA(2), "autoencoder": AutoencoderTransformer(2, random_state=0)}
print(f"{'':12} {'variance explained':>19} {'accuracy':>9}")
for name, reducer in reducers.items():
    code_train = reducer.fit_transform(X_train)
    code_test = reducer.transform(X_test)
    accuracy = KNeighborsClassifier(10).fit(code_train, y_train).score(code_test, y_test)
    print(f"{name:12} {reconstruction_score(reducer, X_test):19.1%} {accuracy:9.1%}")

# %%
# The test samples on both maps, coloured by class:

display = CodeDisplay.from_estimator(
    reducers["autoencoder"], X_test, y_test, pca=reducers["PCA"], scatter_kwargs={"s": 25}
)
display.figure_.suptitle(
    "With the same two numbers, the autoencoder keeps the digits further apart"
)
plt.show()
