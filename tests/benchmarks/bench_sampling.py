"""Samples drawn from the estimators, beside a Gaussian mixture and a Gaussian copula.

Three measures on numeric tables, all on rows that no model was fitted to:

- AUC of a gradient boosting classifier, cross-validated, that tells held-out real rows from as many
  drawn ones: .5 is as good as real.
- "nearest": the median distance of drawn rows to the nearest training row, over that of held-out
  rows, in standard deviations. Copies would have 0; 1 is as far as new rows are.
- With labels: accuracy on real rows of a classifier that was trained on rows drawn from the
  transformer, one for each class, and of one trained on real rows. "5 x" are five times as many.

    python bench_sampling.py --output sampling.json

The tables are those of scikit-learn and generated ones; `--data FOLDER` adds archives with rows `X`
without those whose label `y` is one, or with rows `X_train`. At most 40 columns and 2,000 rows, of
which half are for training. The mixture has up to 16 components, as the BIC chooses. What an
AutoencoderTransformer draws does not depend on its networks, which are therefore not trained here.
`--times` measures processor time instead: of fits of 2,000 rows, and of two epochs on 60,000 rows.
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
from sklearn.neighbors import NearestNeighbors

from skae import AutoencoderTransformer, VariationalAutoencoder

MAX_ROWS, MAX_COLUMNS, MIN_ROWS = 2000, 40, 60


def tables(folder, max_tables):
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
    n_added = 0
    for path in sorted(Path(folder).glob("*.npz")) if folder else ():
        with np.load(path) as archive:
            is_split = "X_train" in archive
            X = archive["X_train"] if is_split else archive["X"][archive["y"] == 0]
        is_usable = X.ndim == 2 and X.shape[1] <= MAX_COLUMNS and len(X) >= MIN_ROWS
        if is_usable and n_added != max_tables:
            n_added += 1
            X = X.astype(float)
            found[path.stem] = X[:, X.std(axis=0) > 0], None
    return found


class BicMixture:
    """Gaussian mixture with as many components as the BIC chooses."""

    def fit(self, X):
        """Fit mixtures of standardised rows; keep the best."""
        self.mean, self.scale = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-9)
        Z = (X - self.mean) / self.scale
        sizes = [n for n in (1, 2, 3, 4, 6, 8, 12, 16) if n <= max(len(X) // 10, 1)]
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
        scores = stats.norm.ppf(stats.rankdata(X, axis=0) / (len(X) + 1))
        scores -= scores.mean(axis=0)
        scores /= np.maximum(scores.std(axis=0), 1e-9)
        self.correlation = scores.T @ scores / len(X) + 1e-9 * np.eye(X.shape[1])
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
        "transformer": lambda d: AutoencoderTransformer(1, max_iter=0, random_state=0),
        "variational": lambda d: VariationalAutoencoder(
            max(min(d // 2, 8), 1), noise_variance="per_feature", random_state=0
        ),
        "mixture": lambda d: BicMixture(),
        "copula": lambda d: Copula(),
    }


def classifier():
    """Return the classifier of both measures."""
    return HistGradientBoostingClassifier(max_iter=50, random_state=0)


def auc(real, drawn):
    """Return the AUC with which a classifier tells real rows from drawn ones."""
    X = np.concatenate([real, drawn])
    y = np.r_[np.ones(len(real)), np.zeros(len(drawn))]
    shuffled = np.random.default_rng(0).permutation(len(X))
    y = y[shuffled]
    scores = cross_val_predict(classifier(), X[shuffled], y, cv=5, method="predict_proba")
    return float(roc_auc_score(y, scores[:, 1]))


def nearest(train, drawn, held_out):
    """Return the median distance of drawn rows to training rows, over that of held-out rows."""
    scale = np.where(train.std(axis=0) > 0, train.std(axis=0), 1)
    neighbours = NearestNeighbors(n_neighbors=1).fit(train / scale)
    ours, theirs = (np.median(neighbours.kneighbors(X / scale)[0]) for X in (drawn, held_out))
    return float(ours / theirs) if theirs > 0 else None


def tell_apart(X, chosen, n_splits):
    """Return what the classifier makes of the models, mean over the splits."""
    record = {name: {"auc": [], "nearest": []} for name in chosen}
    for seed in range(n_splits):
        train, held_out = train_test_split(X, random_state=seed, test_size=0.5)
        for name, make in chosen.items():
            drawn = make(X.shape[1]).fit(train).sample(len(held_out), random_state=seed)
            record[name]["auc"].append(auc(held_out, drawn))
            record[name]["nearest"].append(nearest(train, drawn, held_out))
    return record


def accuracies(X, y, chosen, n_repeats):
    """Return the accuracies of classifiers of real rows, and of drawn ones by model."""
    names = [f"{name}{times}" for name in chosen for times in ("", " 5 x")]
    found = {"real": [], **{name: [] for name in names}}
    for seed in range(n_repeats):
        parts = train_test_split(X, y, random_state=seed, test_size=0.5, stratify=y)
        X_train, X_test, y_train, y_test = parts
        found["real"].append(classifier().fit(X_train, y_train).score(X_test, y_test))
        for name, make in chosen.items():
            labels, counts = np.unique(y_train, return_counts=True)
            fitted = [make(X.shape[1]).fit(X_train[y_train == label]) for label in labels]
            for times, title in ((1, name), (5, f"{name} 5 x")):
                drawn = [
                    model.sample(times * int(n), random_state=seed)
                    for model, n in zip(fitted, counts, strict=True)
                ]
                model = classifier().fit(np.concatenate(drawn), np.repeat(labels, times * counts))
                found[title].append(model.score(X_test, y_test))
    return found


def compare(options):
    """Run the models on all tables; return the record."""
    chosen = {name: make for name, make in models().items() if name in options.models}
    record = {}
    for name, (X, y) in tables(options.data, options.max_tables).items():
        if options.tables and name not in options.tables:
            continue
        kept = np.random.default_rng(0).permutation(len(X))[:MAX_ROWS]
        X, y = X[kept], None if y is None else y[kept]
        record[name] = {"n_rows": len(X), "n_features": X.shape[1]}
        record[name]["models"] = found = tell_apart(X, chosen, options.splits)
        text = "  ".join(f"{key} {np.mean(value['auc']):.3f}" for key, value in found.items())
        print(f"{name:30} AUC: {text}", flush=True)
        if y is not None and options.repeats:
            labelled = {key: make for key, make in chosen.items() if key == "transformer"}
            record[name]["accuracies"] = found = accuracies(X, y, labelled, options.repeats)
            text = "  ".join(f"{key} {np.mean(value):.3f}" for key, value in found.items())
            print(f"{name:30} accuracy: {text}", flush=True)
        write(record, options)
    summarise(record)


def summarise(record):
    """Print on how many tables the transformer's AUC is nearest to .5."""
    distances = [
        {name: abs(np.mean(found["auc"]) - 0.5) for name, found in table["models"].items()}
        for table in record.values()
    ]
    for name in distances[0] if distances else ():
        mean = np.mean([each[name] for each in distances])
        n_nearest = sum(each[name] == min(each.values()) for each in distances)
        print(f"{name:12} mean distance of the AUC from .5: {mean:.3f}, nearest on {n_nearest}")


def measure_times(options):
    """Measure processor time of fit and `sample`; the first call fits the density."""
    record = {}
    for n_rows in (2000, 60_000):
        rng = np.random.default_rng(0)
        X = np.tanh(rng.normal(size=(n_rows, 8)) @ rng.normal(size=(8, 30)))
        X += 0.1 * rng.normal(size=X.shape)
        for Estimator in (AutoencoderTransformer, VariationalAutoencoder):
            max_iter = 200 if n_rows == 2000 else 2
            moments = [process_time()]
            model = Estimator(8, max_iter=max_iter, random_state=0).fit(X)
            for seed in (0, 1):
                moments.append(process_time())
                model.sample(10_000, random_state=seed)
            moments.append(process_time())
            times = dict(zip(("fit", "first", "second"), np.diff(moments).tolist(), strict=True))
            record[f"{Estimator.__name__}, {n_rows:,} x 30"] = times
            print(n_rows, Estimator.__name__, {key: round(t, 3) for key, t in times.items()})
            write(record, options)


def write(record, options):
    """Write the JSON file, if one is asked for."""
    if options.output:
        Path(options.output).write_text(json.dumps(record, indent=1), encoding="utf-8")


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="folder with archives")
    parser.add_argument("--max-tables", type=int, help="number of archives to use; all by default")
    parser.add_argument("--tables", nargs="*", help="names of tables; all by default")
    parser.add_argument("--models", nargs="*", default=list(models()), help="all by default")
    parser.add_argument("--splits", type=int, default=2, help="splits for each AUC (2)")
    parser.add_argument("--repeats", type=int, default=10, help="splits for accuracies (10)")
    parser.add_argument("--times", action="store_true", help="measure processor time instead")
    parser.add_argument("--output", help="file for the record")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    measure_times(options) if options.times else compare(options)


if __name__ == "__main__":
    main()
