"""Samples drawn from the estimators, beside a Gaussian mixture and a Gaussian copula.

Two measures on numeric tables, both on rows that no model was fitted to:

- AUC of a gradient boosting classifier, cross-validated, that tells real rows from drawn ones: .5
  is as good as real.
- With labels: accuracy on real rows of a classifier that was trained on drawn rows, of a model for
  each class, beside that of one trained on real rows.

    python bench_sampling.py --output sampling.json

The tables are those of scikit-learn and generated ones; `--data FOLDER` adds archives with an array
`X` of at most 40 columns, without the rows whose label `y` is one. The mixture has up to 16
components, as the BIC chooses. "sample 10,000" is the second call; the first one also fits the
density, and is part of "fit and first".
"""

import argparse
import json
from pathlib import Path
from time import process_time
import warnings

import numpy as np
from scipy import stats
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_wine,
    make_moons,
    make_s_curve,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_predict, train_test_split

from skae import AutoencoderTransformer, VariationalAutoencoder

MAX_ROWS = 2000


def tables(folder):
    """Return tables by name: rows, and labels or None."""
    rng = np.random.default_rng(0)
    loaders = load_iris, load_wine, load_breast_cancer, load_diabetes
    found = {load.__name__[5:]: load(return_X_y=True) for load in loaders}
    found["diabetes"] = found["diabetes"][0], None
    moons, labels = make_moons(1500, noise=0.1, random_state=0)
    lifted = np.column_stack([moons, moons**2, np.sin(2 * moons)])
    found["moons"] = lifted + 0.05 * rng.normal(size=lifted.shape), labels
    curve, position = make_s_curve(1500, noise=0.05, random_state=0)
    found["s_curve"] = curve, (position > 0).astype(int)
    counts = rng.poisson(np.exp(0.7 * rng.normal(size=(1500, 2)) @ rng.normal(size=(2, 6))))
    found["counts"] = counts.astype(float), None
    heavy = rng.standard_t(3, size=(1500, 2)) @ rng.normal(size=(2, 5))
    found["heavy tails"] = heavy + 0.3 * rng.normal(size=heavy.shape), None
    for path in sorted(Path(folder).glob("*.npz")) if folder else ():
        with np.load(path) as archive:
            X = archive["X"][archive["y"] == 0].astype(float)
        if X.ndim == 2 and X.shape[1] <= 40:
            found[path.stem] = X, None
    return found


class BicMixture:
    """Gaussian mixture with as many components as the BIC chooses."""

    def fit(self, X):
        """Fit mixtures of standardised rows; keep the best."""
        self.mean, self.scale = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-9)
        Z = (X - self.mean) / self.scale
        sizes = [n for n in (1, 2, 3, 4, 6, 8, 12, 16) if n <= len(X) // 10]
        mixtures = [GaussianMixture(n, random_state=0, reg_covar=1e-4).fit(Z) for n in sizes]
        self.mixture = min(mixtures, key=lambda mixture: mixture.bic(Z))
        return self

    def sample(self, n_samples, random_state):
        """Draw rows."""
        self.mixture.random_state = random_state
        return self.mixture.sample(n_samples)[0] * self.scale + self.mean


class Copula:
    """Gaussian copula with the marginals of the training rows."""

    def fit(self, X):
        """Fit the correlation of normal scores."""
        self.X = np.sort(X, axis=0)
        ranks = stats.rankdata(X, axis=0) / (len(X) + 1)
        self.correlation = np.atleast_2d(np.corrcoef(stats.norm.ppf(ranks).T))
        self.correlation = np.nan_to_num(self.correlation) + 1e-9 * np.eye(X.shape[1])
        return self

    def sample(self, n_samples, random_state):
        """Draw rows."""
        rng = np.random.default_rng(random_state)
        mean = np.zeros(len(self.correlation))
        scores = rng.multivariate_normal(mean, self.correlation, n_samples, check_valid="ignore")
        shares = stats.norm.cdf(scores)
        return np.column_stack([np.quantile(x, q) for x, q in zip(self.X.T, shares.T, strict=True)])


def models():
    """Return the models by name, as functions of the number of features."""
    return {
        "transformer": lambda d: AutoencoderTransformer(max(min(d // 2, 8), 1), random_state=0),
        "variational": lambda d: VariationalAutoencoder(
            max(min(d // 2, 8), 1), noise_variance="per_feature", random_state=0
        ),
        "mixture": lambda d: BicMixture(),
        "copula": lambda d: Copula(),
    }


def auc(real, drawn):
    """Return the AUC with which a classifier tells real rows from drawn ones."""
    X = np.concatenate([real, drawn])
    y = np.r_[np.ones(len(real)), np.zeros(len(drawn))]
    shuffled = np.random.default_rng(0).permutation(len(X))
    classifier = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    scores = cross_val_predict(classifier, X[shuffled], y[shuffled], cv=5, method="predict_proba")
    return float(roc_auc_score(y[shuffled], scores[:, 1]))


def accuracy(make, X, y, X_test, y_test):
    """Return the accuracy of a classifier trained on drawn rows, a model for each class."""
    rows, labels = [], []
    for label in np.unique(y):
        chosen = X[y == label]
        rows.append(make(X.shape[1]).fit(chosen).sample(len(chosen), random_state=0))
        labels.append(np.full(len(chosen), label))
    classifier = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    return float(classifier.fit(np.concatenate(rows), np.concatenate(labels)).score(X_test, y_test))


def run(name, X, y, with_labels):
    """Return the record of a table."""
    chosen = np.random.default_rng(0).permutation(len(X))[:MAX_ROWS]
    X, y = X[chosen], None if y is None else y[chosen]
    parts = train_test_split(X, np.zeros(len(X)) if y is None else y, random_state=0, test_size=0.5)
    X_train, X_test, y_train, y_test = parts
    record = {"n_rows": len(X_train), "n_features": X.shape[1]}
    if y is not None and with_labels:
        real = HistGradientBoostingClassifier(max_iter=50, random_state=0).fit(X_train, y_train)
        record["accuracy of real rows"] = float(real.score(X_test, y_test))
    for model_name, make in models().items():
        start = process_time()
        model = make(X.shape[1]).fit(X_train)
        fitted = process_time()
        drawn = model.sample(len(X_test), random_state=0)
        found = {"fit": fitted - start, "fit and first": process_time() - start}
        again = process_time()
        model.sample(10_000, random_state=1)
        found["sample 10,000"] = process_time() - again
        found["auc"] = auc(X_test, drawn)
        if y is not None and with_labels:
            found["accuracy"] = accuracy(make, X_train, y_train, X_test, y_test)
        record[model_name] = found
        text = "  ".join(f"{key} {value:.3f}" for key, value in found.items())
        print(f"{name:15} {model_name:12} {text}", flush=True)
    return record


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with archives")
    parser.add_argument("--tables", nargs="*", help="names of tables; all by default")
    parser.add_argument("--no-labels", action="store_true", help="leave out the accuracies")
    parser.add_argument("--output", help="file for the record")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    record = {}
    for name, (X, y) in tables(options.data).items():
        if not options.tables or name in options.tables:
            record[name] = run(name, X, y, not options.no_labels)
            if options.output:
                Path(options.output).write_text(json.dumps(record, indent=1), encoding="utf-8")
    for model_name in models() if record else ():
        distances = [abs(found[model_name]["auc"] - 0.5) for found in record.values()]
        print(f"{model_name:12} mean distance of the AUC from .5: {np.mean(distances):.3f}")


if __name__ == "__main__":
    main()
