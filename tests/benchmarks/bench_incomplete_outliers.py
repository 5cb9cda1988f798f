"""Outlier detection with cells missing at random: NaN left in, or filled by scikit-learn first.

A detector is fitted to normal rows and scores other rows, normal ones and outliers. "complete" sees
all cells. The others see the same rows without a fifth of the cells: "incomplete" takes NaN as it
is; "mean", "knn" and "iterative" fill it with SimpleImputer, KNNImputer or IterativeImputer, which
are fitted to the training rows. The figure is the area under the ROC curve.

`--data` takes folders of .npz files with X and y (1 for outliers), of which a random half of the
normal rows trains, or with X_train, X_test and y_test. Results in `--output` are not computed
again.
"""

import argparse
import json
from pathlib import Path
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # makes it importable
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.metrics import roc_auc_score

from skae import AutoencoderOutlierDetector

IMPUTERS = {
    "mean": lambda seed: SimpleImputer(keep_empty_features=True),
    "knn": lambda seed: KNNImputer(keep_empty_features=True),
    "iterative": lambda seed: IterativeImputer(keep_empty_features=True, random_state=seed),
}
METHODS = ("complete", "incomplete", *IMPUTERS)


def load(path, options, rng):
    """Return training rows, test rows and the labels of these, drawn and standardised."""
    with np.load(path) as archive:
        if "X_train" in archive:
            train, test, y = (archive[name] for name in ("X_train", "X_test", "y_test"))
        else:
            X, y = archive["X"], archive["y"]
            normal = rng.permutation(np.flatnonzero(y == 0))
            chosen = normal[: len(normal) // 2]
            others = np.setdiff1d(np.arange(len(X)), chosen)
            train, test, y = X[chosen], X[others], y[others]
    train = train[rng.permutation(len(train))[: options.max_train]].astype(np.float64)
    test_rows = np.concatenate(
        [rng.permutation(np.flatnonzero(y == k))[: options.max_test // 2] for k in (0, 1)]
    )
    test, y = test[test_rows].astype(np.float64), y[test_rows]
    scale = train.std(axis=0)
    varies = scale > 0
    mean = train.mean(axis=0)
    return *((X - mean)[:, varies] / scale[varies] for X in (train, test)), y


def remove(X, share, rng):
    """Return rows without a share of their cells; each column keeps two values."""
    gaps = rng.random(X.shape) < share
    gaps[:2, (~gaps).sum(axis=0) < 2] = False
    return np.where(gaps, np.nan, X)


def measure(method, pairs, y, seed):
    """Return the AUC; `pairs` holds complete and incomplete rows."""
    train, test = pairs[0] if method == "complete" else pairs[1]
    if method in IMPUTERS:
        imputer = IMPUTERS[method](seed).fit(train)
        train, test = imputer.transform(train), imputer.transform(test)
    detector = AutoencoderOutlierDetector(random_state=seed).fit(train)
    return {"auc": float(roc_auc_score(y, -detector.score_samples(test)))}


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="folders of .npz files")
    parser.add_argument("--share", type=float, default=0.2, help="of cells to remove")
    parser.add_argument("--splits", type=int, default=1, help="of each set")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--max-train", type=int, default=400, help="training rows")
    parser.add_argument("--max-test", type=int, default=600, help="test rows, half of them normal")
    parser.add_argument("--max-columns", type=int, default=40, help="wider sets are left out")
    parser.add_argument("--output", type=Path, help="JSON file to read and to write")
    options = parser.parse_args()
    results = {}
    if options.output and options.output.is_file():
        results = json.loads(options.output.read_text(encoding="utf-8"))
    for path in sorted(path for folder in options.data for path in folder.glob("*.npz")):
        for seed in range(options.splits):
            rng = np.random.default_rng(seed)
            train, test, y = load(path, options, rng)
            if train.shape[1] > options.max_columns:
                continue
            case = results.setdefault(f"{path.parent.name}/{path.stem}|{seed}", {})
            incomplete = [remove(X, options.share, rng) for X in (train, test)]
            for method in options.methods:
                if method not in case:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", ConvergenceWarning)
                        warnings.simplefilter("ignore", UserWarning)
                        case[method] = measure(method, [(train, test), incomplete], y, seed)
            shown = [f"{method} {case[method]['auc']:.3f}" for method in options.methods]
            print(f"{path.stem:34}", "  ".join(shown), flush=True)
            if options.output:
                options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    for method in options.methods:
        aucs = [case[method]["auc"] for case in results.values()]
        print(f"{method:12} AUC {np.mean(aucs):.3f}")


if __name__ == "__main__":
    main()
