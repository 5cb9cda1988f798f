"""Outlier detection beside scikit-learn's detectors, on labelled data sets.

Two protocols. "semi": normal rows train, others and all outliers are scored. "unsup": all rows
train and are scored, labels unseen. Columns are standardised by the training rows. Higher is
better, but for the rank and the seconds.

    python bench_outliers.py --data FOLDER     # of NAME.npz, see below
    python bench_outliers.py --data FOLDER --part aside   # every third file
    python bench_outliers.py --data FOLDER --search       # does the held-out score choose well?
    python bench_outliers.py --large           # 50,000 generated rows: seconds, beside PyOD

A file holds either X and y (1 for outliers), of which "semi" trains on a random half of the normal
rows, or X_train (normal rows), X_test and y_test. Ranks are compared by Nemenyi's test (Demsar,
2006, Journal of Machine Learning Research 7): mean ranks that differ by less than the critical
difference may be equal. `--plot` draws them.
"""

import argparse
import json
from pathlib import Path
import time
import warnings

import numpy as np
from scipy.stats import rankdata, spearmanr, studentized_range
from sklearn.covariance import LedoitWolf, MinCovDet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skae import AutoencoderOutlierDetector, VariationalAutoencoder

PROTOCOLS = ("semi", "unsup")


class Neighbours:
    """Minus the mean distance to the five nearest training rows."""

    def fit(self, X):
        self.neighbours = NearestNeighbors(n_neighbors=min(5, len(X) - 1)).fit(X)
        self.training = X
        return self

    def score_samples(self, X):
        if X is self.training:
            return -self.neighbours.kneighbors()[0].mean(axis=1)
        return -self.neighbours.kneighbors(X)[0].mean(axis=1)


class Reconstruction:
    """Minus the squared error of PCA's reconstruction, 90 % of the variance kept."""

    def fit(self, X):
        self.pca = PCA(0.9, svd_solver="full").fit(X)
        return self

    def score_samples(self, X):
        return -np.square(X - self.pca.inverse_transform(self.pca.transform(X))).mean(axis=1)


class Distance:
    """Minus the squared Mahalanobis distance under a covariance estimator."""

    def __init__(self, covariance):
        self.covariance = covariance

    def fit(self, X):
        self.covariance.fit(X)
        return self

    def score_samples(self, X):
        return -self.covariance.mahalanobis(X)


class EmpiricalTails:
    """ECOD: minus the sum over the columns of -log of the tail that holds the value.

    Li, Zhao, Hu, Botta, Ionescu & Chen, 2022, IEEE TKDE, arXiv 2201.00382.
    """

    def fit(self, X):
        self.columns = np.sort(X, axis=0)
        centered = X - X.mean(axis=0)
        self.skewed_left = (centered**3).mean(axis=0) < 0
        return self

    def score_samples(self, X):
        n_rows = len(self.columns)
        left, right = np.empty(X.shape), np.empty(X.shape)
        for j, column in enumerate(self.columns.T):
            below = np.searchsorted(column, X[:, j], side="right")
            above = n_rows - np.searchsorted(column, X[:, j], side="left")
            left[:, j] = -np.log(np.maximum(below, 1) / (n_rows + 1))
            right[:, j] = -np.log(np.maximum(above, 1) / (n_rows + 1))
        chosen = np.where(self.skewed_left, left, right)
        return -np.maximum.reduce([left.sum(axis=1), right.sum(axis=1), chosen.sum(axis=1)])


class FromPyOD:
    """PyOD's detector, its scores turned round."""

    def __init__(self, detector):
        self.detector = detector

    def fit(self, X):
        self.detector.fit(X)
        return self

    def score_samples(self, X):
        return -self.detector.decision_function(X)


class LocalDensity:
    """LocalOutlierFactor; training rows are scored without themselves, as it does."""

    def fit(self, X):
        self.factor = LocalOutlierFactor(novelty=True).fit(X)
        self.training = X
        return self

    def score_samples(self, X):
        if X is self.training:
            return self.factor.negative_outlier_factor_
        return self.factor.score_samples(X)


def detectors(seed):
    """Name and maker of every detector that is installed."""
    makers = {
        "skae": lambda: AutoencoderOutlierDetector(random_state=seed),
        "skae novelty": lambda: AutoencoderOutlierDetector(novelty=True, random_state=seed),
        "skae reconstruction": lambda: AutoencoderOutlierDetector(
            criterion="reconstruction", random_state=seed
        ),
        "VAE": lambda: VariationalAutoencoder(0.8, noise_variance="per_feature", random_state=seed),
        "5-NN": Neighbours,
        "LOF": LocalDensity,
        "IsolationForest": lambda: IsolationForest(random_state=seed),
        "MCD": lambda: Distance(MinCovDet(random_state=seed)),
        "Mahalanobis": lambda: Distance(LedoitWolf()),
        "OneClassSVM": OneClassSVM,
        "PCA": Reconstruction,
        "ECOD": EmpiricalTails,
    }
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        return makers
    return makers | {"PyOD AE": lambda: FromPyOD(AutoEncoder(verbose=0, random_state=seed))}


def load(path):
    """The arrays of a data set."""
    with np.load(path) as found:
        return {name: found[name] for name in found}


def split(arrays, protocol, seed, max_rows):
    """Training rows, rows to score and their labels, standardised by the training rows."""
    rng = np.random.default_rng(seed)
    if "X_train" in arrays:
        X = np.concatenate([arrays["X_train"], arrays["X_test"]]).astype(np.float64)
        n_train = len(arrays["X_train"])
        y = np.concatenate([np.zeros(n_train, int), arrays["y_test"].astype(int)])
        train = rng.permutation(n_train)[:max_rows]
        test = n_train + rng.permutation(len(X) - n_train)
    else:
        X, y = arrays["X"].astype(np.float64), arrays["y"].astype(int)
        order = rng.permutation(len(X))
        normal, outliers = order[y[order] == 0], order[y[order] == 1]
        half = len(normal) // 2
        train = normal[:half][:max_rows]
        test = rng.permutation(np.concatenate([normal[half:], outliers]))
    test = test[: None if max_rows is None else 2 * max_rows]
    if protocol == "unsup":
        train = test = rng.permutation(len(X))[:max_rows]
    scaler = StandardScaler().fit(X[train])
    X_train = scaler.transform(X[train])
    return X_train, X_train if protocol == "unsup" else scaler.transform(X[test]), y[test]


def measure(maker, X_train, X_test, y):
    """ROC AUC, average precision, seconds to fit and to score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        detector = maker().fit(X_train)
        fitted = time.perf_counter()
        outlyingness = -detector.score_samples(X_test)
        scored = time.perf_counter()
    return {
        "auc": float(roc_auc_score(y, outlyingness)),
        "ap": float(average_precision_score(y, outlyingness)),
        "fit": fitted - start,
        "score": scored - fitted,
    }


def compare(paths, arguments):
    """Run all detectors on all data sets; return the list of results."""
    results = []
    for protocol in arguments.protocols:
        for number, path in enumerate(paths):
            arrays = load(path)
            for seed in range(arguments.seeds):
                rows = split(arrays, protocol, seed, arguments.max_rows)
                if len(np.unique(rows[2])) < 2:
                    continue
                for name, maker in detectors(seed).items():
                    if arguments.detectors and name not in arguments.detectors:
                        continue
                    about = {"protocol": protocol, "data": path.stem, "seed": seed}
                    results.append(about | {"detector": name} | measure(maker, *rows))
            print(f"[{number + 1}/{len(paths)}]", end=" ")
            print_line(results, protocol, path.stem)
            write(results, arguments)
        print_summary(results, protocol)
    return results


def write(results, arguments):
    """Write the JSON file, if one is asked for."""
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1), encoding="utf-8")


# ---------------------------------------------------------------- search

SETTINGS = [
    {"hidden_layer_sizes": widths, "n_components": n_components}
    for widths in ((), (16,), (64,), (256,))
    for n_components in (0.5, 0.9)
]


def search(paths, arguments):
    """Compare the held-out score of settings with the AUC that they turn out to have.

    Early stopping is off, so that wide networks overfit. A third of the training rows is held out.
    The detector with defaults stops early, and is none of the settings.
    """
    results = []
    for number, path in enumerate(paths):
        X, X_test, y = split(load(path), "semi", 0, arguments.max_rows)
        learned = np.arange(len(X)) % 3 > 0
        held_out, aucs = [], []
        for setting in SETTINGS:
            detector = AutoencoderOutlierDetector(early_stopping=False, random_state=0, **setting)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                held_out.append(float(detector.fit(X[learned]).score(X[~learned])))
                aucs.append(float(roc_auc_score(y, -detector.fit(X).score_samples(X_test))))
        chosen = aucs[int(np.argmax(held_out))]
        detector = AutoencoderOutlierDetector(random_state=0).fit(X)
        default = float(roc_auc_score(y, -detector.score_samples(X_test)))
        found = {"data": path.stem, "scores": held_out, "aucs": aucs}
        found |= {"chosen": chosen, "default": default}
        results.append(found | {"correlation": float(spearmanr(held_out, aucs).statistic)})
        print(
            f"[{number + 1}/{len(paths)}] {path.stem:24} AUC chosen {chosen:.3f}, mean "
            f"{np.mean(aucs):.3f}, best {max(aucs):.3f}, worst {min(aucs):.3f}, "
            f"defaults {default:.3f}",
            flush=True,
        )
        write(results, arguments)
    aucs = np.array([r["aucs"] for r in results])
    chosen, default = (np.array([r[key] for r in results]) for key in ("chosen", "default"))
    print(f"chosen {chosen.mean():.4f}, mean {aucs.mean():.4f}, defaults {default.mean():.4f}")
    print(f"chosen above the mean of the settings on {np.mean(chosen > aucs.mean(axis=1)):.2f}")
    print(f"best {aucs.max(axis=1).mean():.4f}, worst {aucs.min(axis=1).mean():.4f}")
    print(f"rank correlation {np.nanmean([r['correlation'] for r in results]):.3f}")
    return results


# ---------------------------------------------------------------- summaries


def average(results, key, **about):
    """Mean of a figure over the results that are about this."""
    found = [r[key] for r in results if all(r[k] == v for k, v in about.items())]
    return float(np.mean(found))


def names(results, key):
    """The values of a key in the order in which they come."""
    return list(dict.fromkeys(r[key] for r in results))


def print_line(results, protocol, data):
    """Print ROC AUC * 100 of every detector on a data set."""
    about = {"protocol": protocol, "data": data}
    cells = [
        f"{name} {100 * average(results, 'auc', detector=name, **about):.1f}"
        for name in names(results, "detector")
    ]
    print(f"{protocol:6} {data:14}", "  ".join(cells), flush=True)


def print_summary(results, protocol):
    """Print the means over the data sets of the means over the seeds."""
    results = [r for r in results if r["protocol"] == protocol]
    detectors_, sets = names(results, "detector"), names(results, "data")
    tables = {
        key: np.array(
            [[average(results, key, detector=d, data=s) for s in sets] for d in detectors_]
        )
        for key in ("auc", "ap", "fit", "score")
    }
    ranks = rankdata(-tables["auc"], axis=0).mean(axis=1)
    print(f"\n{protocol}: mean over {len(sets)} data sets")
    print(f"critical difference of mean ranks: {critical_difference(*tables['auc'].shape):.2f}")
    print("| detector | ROC AUC | average precision | rank | fit s | score s |")
    print("|---|---|---|---|---|---|")
    for i in np.argsort(-tables["auc"].mean(axis=1)):
        auc, ap, fit, score = (tables[key][i].mean() for key in ("auc", "ap", "fit", "score"))
        print(
            f"| {detectors_[i]} | {auc:.4f} | {ap:.4f} | {ranks[i]:.1f} | {fit:.3f} | {score:.3f} |"
        )
    print(flush=True)


def critical_difference(n_detectors, n_sets):
    """Nemenyi's critical difference of mean ranks, for a level of 5 %."""
    q = studentized_range.ppf(0.95, n_detectors, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_detectors * (n_detectors + 1) / (6 * n_sets)))


def plot(results, path):
    """Draw mean ranks; bars join detectors that do not differ by the critical difference."""
    import matplotlib.pyplot as plt

    protocols = names(results, "protocol")
    figure, axes = plt.subplots(len(protocols), 1, figsize=(7, 3 * len(protocols)), squeeze=False)
    for ax, protocol in zip(axes[:, 0], protocols):
        chosen = [r for r in results if r["protocol"] == protocol]
        detectors_, sets = names(chosen, "detector"), names(chosen, "data")
        table = [[average(chosen, "auc", detector=d, data=s) for s in sets] for d in detectors_]
        ranks = rankdata(-np.array(table), axis=0).mean(axis=1)
        difference = critical_difference(len(detectors_), len(sets))
        order = np.argsort(ranks)
        for height, i in enumerate(order):
            ax.plot(ranks[i], height, "o", color="C0")
            ax.annotate(f"  {detectors_[i]} {ranks[i]:.2f}", (ranks[i], height), va="center")
            joined = ranks[(ranks >= ranks[i]) & (ranks < ranks[i] + difference)]
            ax.plot([ranks[i], joined.max()], [height, height], color="C7", lw=1, zorder=0)
        ax.set(yticks=[], xlim=(0.5, ranks.max() + 2), xlabel="mean rank of ROC AUC")
        ax.set_title(f"{protocol}, {len(sets)} sets, critical difference {difference:.2f}")
        ax.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)


# ---------------------------------------------------------------- many rows


def many_rows(n_rows, n_features, rng):
    """Rows near a surface of five dimensions, and X and y of those and 5 % that leave it.

    An outlier is a row of which a tenth of the columns has moved by about its own spread.
    """
    inner = rng.standard_normal((5, 20))
    outer = rng.standard_normal((20, n_features)) / 4
    X = np.tanh(rng.standard_normal((n_rows, 5)) @ inner / 2) @ outer
    X += 0.1 * rng.standard_normal(X.shape)
    y = (np.arange(n_rows) < n_rows // 20).astype(int)
    moved = (rng.random(X.shape) < 0.1) & (y == 1)[:, None]
    return X + moved * rng.standard_normal(X.shape), y


def compare_large(arguments):
    """Fit and score 50,000 rows of 30 columns by skae and PyOD in turn; print the ratios."""
    results = []
    for seed in range(arguments.seeds):
        X, y = many_rows(50_000, 30, np.random.default_rng(seed))
        for name in ("skae", "PyOD AE"):
            if name in detectors(seed):
                about = {"n_rows": len(X), "n_features": X.shape[1], "seed": seed}
                found = about | {"detector": name} | measure(detectors(seed)[name], X, X, y)
                print(f"{name:8} AUC {found['auc']:.4f}  fit {found['fit']:.1f} s", flush=True)
                results.append(found)
    seconds = {name: average(results, "fit", detector=name) for name in names(results, "detector")}
    for name, mean in seconds.items():
        print(f"{name}: {mean / seconds['skae']:.1f} times the seconds of skae to fit")
    return results


def main():
    """Parse the arguments, run, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of NAME.npz files with X and y")
    parser.add_argument("--datasets", nargs="+", help="names of data sets, all by default")
    parser.add_argument("--detectors", nargs="+", help="names of detectors, all by default")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (3)")
    parser.add_argument(
        "--max-rows", type=int, help="train on this many rows at most, score twice as many"
    )
    parser.add_argument("--large", action="store_true", help="time 50,000 generated rows instead")
    parser.add_argument(
        "--part",
        choices=("all", "aside", "others"),
        default="all",
        help='every third file by sorted name ("aside"), or the others',
    )
    parser.add_argument("--search", action="store_true", help="compare settings by their score")
    parser.add_argument("--plot", type=Path, help="file for a plot of the mean ranks")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    paths = sorted(arguments.data.glob("*.npz")) if arguments.data else []
    if arguments.part != "all":
        is_aside = arguments.part == "aside"
        paths = [path for i, path in enumerate(paths) if (i % 3 == 2) == is_aside]
    if arguments.datasets:
        paths = [path for path in paths if path.stem in arguments.datasets]
    if not paths and not arguments.large:
        parser.error("--data FOLDER is needed, with .npz files in it")
    if arguments.large:
        results = compare_large(arguments)
    else:
        results = search(paths, arguments) if arguments.search else compare(paths, arguments)
    write(results, arguments)
    if arguments.plot:
        plot(results, arguments.plot)


if __name__ == "__main__":
    main()
