"""False discovery rate and power of `AutoencoderOutlierDetector.select`, on labelled data sets.

Half of the normal rows, 1000 at most, train. Of the others and of the outliers, test sets are drawn
at random: of 200 rows, or fewer, 15 % are outliers. Beside the detector stand an IsolationForest
that is fitted to half of the training rows and calibrated on the other half, and, if the package
nonconform is installed, its ConformalDetector of an IsolationForest with five-fold
cross-validation. All apply the procedure of Benjamini and Hochberg to conformal p-values.

For each data set the table shows the mean share of false discoveries, its standard error over the
splits, and the share of the outliers that are found.

    python bench_select.py --data FOLDER [FOLDER ...]     # of NAME.npz with X and y (1: outlier)
    python bench_select.py --data FOLDER --splits 10 --draws 10 --fdr 0.1 --output found.json
"""

import argparse
import json
import logging
from pathlib import Path
import warnings

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.ensemble import IsolationForest

from skae import AutoencoderOutlierDetector

MAX_TRAINING_ROWS, TEST_ROWS, OUTLIER_SHARE = 1000, 200, 0.15
MIN_ROWS = 60  # of training, for a data set to be of use


def fit_detector(X, seed):
    """Return the selection by the detector."""
    detector = AutoencoderOutlierDetector(random_state=seed).fit(X)
    return detector.select


def fit_forest(X, seed):
    """Return the selection by a split-conformal isolation forest."""
    X = np.random.default_rng(seed).permutation(X)
    half = len(X) // 2
    forest = IsolationForest(random_state=seed).fit(X[:half])
    calibration = np.sort(forest.score_samples(X[half:]))

    def select(X, fdr):
        no_higher = np.searchsorted(calibration, forest.score_samples(X), side="right")
        p_values = (1 + no_higher) / (1 + len(calibration))
        return false_discovery_control(p_values) <= fdr * (1 + 1e-9)

    return select


def fit_nonconform(X, seed):
    """Return the selection by the package nonconform."""
    from nonconform import ConformalDetector, CrossValidation

    detector = ConformalDetector(
        detector=IsolationForest(random_state=seed),
        strategy=CrossValidation(k=5),
        seed=seed,
    ).fit(X)
    return lambda X, fdr: np.asarray(detector.select(X, alpha=fdr), dtype=bool)


def methods():
    """Return the functions that fit, by name."""
    found = {"skae": fit_detector, "forest": fit_forest}
    try:
        import nonconform  # noqa: F401
    except ImportError:
        return found
    logging.getLogger("nonconform").setLevel(logging.ERROR)
    return found | {"nonconform": fit_nonconform}


def split(X, y, rng):
    """Return training rows, and the remaining normal rows."""
    normal = rng.permutation(X[y == 0])
    n_training = min(len(normal) // 2, MAX_TRAINING_ROWS)
    return normal[:n_training], normal[n_training:]


def draw_test(normal, outliers, rng):
    """Return a test set, and which of its rows are outliers."""
    n_outliers = min(round(OUTLIER_SHARE * TEST_ROWS), len(outliers))
    n_normal = min(round(n_outliers * (1 / OUTLIER_SHARE - 1)), len(normal))
    rows = [
        outliers[rng.choice(len(outliers), n_outliers, replace=False)],
        normal[rng.choice(len(normal), n_normal, replace=False)],
    ]
    return np.vstack(rows), np.arange(n_outliers + n_normal) < n_outliers


def measure(X, y, arguments):
    """Return the shares of false discoveries and of outliers found: {method: (splits, draws)}."""
    fits = methods()
    shape = arguments.splits, arguments.draws
    false, power = ({name: np.zeros(shape) for name in fits} for _ in range(2))
    for i in range(arguments.splits):
        rng = np.random.default_rng(i)
        training, normal = split(X, y, rng)
        selects = {name: fit(training, i) for name, fit in fits.items()}
        for j in range(arguments.draws):
            X_test, is_outlier = draw_test(normal, X[y == 1], rng)
            for name, select in selects.items():
                selected = select(X_test, arguments.fdr)
                false[name][i, j] = np.sum(selected & ~is_outlier) / max(selected.sum(), 1)
                power[name][i, j] = selected[is_outlier].mean()
    return false, power


def data_sets(folders):
    """Yield name, X and y of each data set that has enough rows."""
    for path in sorted(path for folder in folders for path in folder.glob("*.npz")):
        with np.load(path) as data:
            if "y" in data:
                X, y = data["X"].astype(np.float64), data["y"]
            else:
                X = np.vstack([data["X_train"], data["X_test"]]).astype(np.float64)
                y = np.append(np.zeros(len(data["X_train"])), data["y_test"])
        if np.sum(y == 0) >= 2 * MIN_ROWS and np.sum(y == 1) >= 10:
            yield path.stem, X, y


def main():
    """Parse the arguments, run, print a table and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of NAME.npz")
    parser.add_argument("--sets", nargs="+", help="names of the data sets (all)")
    parser.add_argument("--splits", type=int, default=10, help="splits, with a fit each (10)")
    parser.add_argument("--draws", type=int, default=10, help="test sets of each split (10)")
    parser.add_argument("--fdr", type=float, default=0.1, help="stated rate (0.1)")
    parser.add_argument("--output", type=Path, help="JSON file to write, after each data set")
    arguments = parser.parse_args()
    results = []
    names = list(methods())
    header = "".join(f"{name + ' fdr':>16} {'error':>6} {'power':>6}" for name in names)
    print(f"{'':28}{header}")
    warnings.simplefilter("ignore")
    for name, X, y in data_sets(arguments.data):
        if arguments.sets and name not in arguments.sets:
            continue
        false, power = measure(X, y, arguments)
        line = {"data": name}
        for method in names:
            of_splits = false[method].mean(axis=1)
            line[method] = {
                "fdr": float(of_splits.mean()),
                "error": float(of_splits.std(ddof=1) / np.sqrt(len(of_splits))),
                "power": float(power[method].mean()),
            }
        results.append(line)
        cells = [
            f"{line[m]['fdr']:16.3f} {line[m]['error']:6.3f} {line[m]['power']:6.3f}" for m in names
        ]
        print(f"{name:28}{''.join(cells)}", flush=True)
        if arguments.output:
            arguments.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    for method in names:
        above = sum(r[method]["fdr"] > arguments.fdr + 2 * r[method]["error"] for r in results)
        mean = np.mean([[r[method]["fdr"], r[method]["power"]] for r in results], axis=0)
        print(
            f"{method}: mean rate {mean[0]:.3f}, mean power {mean[1]:.3f}, {above} above the rate"
        )
        if method != "skae":
            ahead = sum(r["skae"]["power"] > r[method]["power"] for r in results)
            level = sum(r["skae"]["power"] == r[method]["power"] for r in results)
            print(f"skae finds more than {method} on {ahead} of {len(results)}, as many on {level}")


if __name__ == "__main__":
    main()
