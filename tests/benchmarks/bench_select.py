"""False discovery rate and power of `AutoencoderOutlierDetector.select`, on labelled data sets.

Half of the normal rows, 1000 at most, train. Of the others and of the outliers, test sets are drawn
at random: of 200 rows, or fewer, 15 % are outliers, or --share of them. Beside the detector stand
an IsolationForest that is fitted to half of the training rows and calibrated on the other half,
and, if the package nonconform is installed, its ConformalDetector of an IsolationForest with
five-fold cross-validation. All apply the procedure of Benjamini and Hochberg to conformal p-values.

With --contamination the training rows hold a share of outliers, which nobody knows. Then a third
method leaves that share of the lowest calibration scores out: what one may be tempted to do.

For each data set the table shows the mean share of false discoveries, its standard error over the
splits, and the share of the outliers that are found.

    python bench_select.py --data FOLDER [FOLDER ...]     # of NAME.npz with X and y (1: outlier)
    python bench_select.py --data FOLDER --splits 10 --draws 10 --fdr 0.1 --output found.json
    python bench_select.py --data FOLDER --contamination 0.01 --share 0.1
"""

import argparse
from functools import partial
import json
import logging
from pathlib import Path
import warnings

import numpy as np
from scipy.stats import false_discovery_control
from sklearn.ensemble import IsolationForest

from skae import AutoencoderOutlierDetector

MAX_TRAINING_ROWS, MAX_NEW_ROWS = 1000, 2000
TEST_ROWS = 200
MIN_ROWS = 60  # of training, for a data set to be of use


def fit_detector(X, seed):
    """Return the p-values of the detector, a function of new rows."""
    return AutoencoderOutlierDetector(random_state=seed).fit(X).predict_pvalue


def fit_trimmed(X, seed, share):
    """Return the p-values of the detector without the lowest calibration scores."""
    detector = AutoencoderOutlierDetector(random_state=seed).fit(X)
    scores = np.sort(detector.calibration_scores_)
    scores = scores[round(share * len(scores)) :]

    def p_values(X):
        no_higher = np.searchsorted(scores, detector.score_samples(X), side="right")
        return (1 + no_higher) / (1 + len(scores))

    return p_values


def fit_forest(X, seed):
    """Return the p-values of a split-conformal isolation forest, a function of new rows."""
    X = np.random.default_rng(seed).permutation(X)
    half = len(X) // 2
    forest = IsolationForest(random_state=seed).fit(X[:half])
    calibration = np.sort(forest.score_samples(X[half:]))

    def p_values(X):
        no_higher = np.searchsorted(calibration, forest.score_samples(X), side="right")
        return (1 + no_higher) / (1 + len(calibration))

    return p_values


def fit_nonconform(X, seed):
    """Return the p-values of the package nonconform, a function of new rows."""
    from nonconform import ConformalDetector, CrossValidation

    detector = ConformalDetector(
        detector=IsolationForest(random_state=seed), strategy=CrossValidation(k=5), seed=seed
    ).fit(X)
    return lambda X: np.asarray(detector.compute_p_values(X))


def methods(contamination):
    """Return the functions that fit, by name."""
    found = {"skae": fit_detector, "forest": fit_forest}
    if contamination:
        return found | {"trimmed": partial(fit_trimmed, share=contamination)}
    try:
        import nonconform  # noqa: F401
    except ImportError:
        return found
    logging.getLogger("nonconform").setLevel(logging.ERROR)
    return found | {"nonconform": fit_nonconform}


def split(X, y, rng, contamination):
    """Return training rows, other normal rows, and other outliers."""
    normal, outliers = rng.permutation(X[y == 0]), rng.permutation(X[y == 1])
    n_training = min(len(normal) // 2, MAX_TRAINING_ROWS)
    n_hidden = min(round(contamination * n_training), len(outliers) // 2)
    training = np.vstack([normal[:n_training], outliers[:n_hidden]])
    if contamination:
        training = rng.permutation(training)
    return training, normal[n_training:][:MAX_NEW_ROWS], outliers[n_hidden:][:MAX_NEW_ROWS]


def draw_test(n_normal, n_outliers, rng, share):
    """Return the row numbers of the normal rows and of the outliers of a test set."""
    n_drawn = min(round(share * TEST_ROWS), n_outliers)
    n_others = min(round(n_drawn * (1 / share - 1)), n_normal)
    return (
        rng.choice(n_normal, n_others, replace=False),
        rng.choice(n_outliers, n_drawn, replace=False),
    )


def select(p_values, fdr):
    """Return which samples are selected, as `AutoencoderOutlierDetector.select` does."""
    return false_discovery_control(p_values) <= fdr * (1 + 1e-9)


def measure(X, y, arguments):
    """Return the shares of false discoveries and of outliers found: {method: (splits, draws)}."""
    fits = methods(arguments.contamination)
    shape = arguments.splits, arguments.draws
    false, power = ({name: np.zeros(shape) for name in fits} for _ in range(2))
    for i in range(arguments.splits):
        rng = np.random.default_rng(i)
        training, normal, outliers = split(X, y, rng, arguments.contamination)
        p_values = {name: fit(training, i) for name, fit in fits.items()}
        found = {name: (p(normal), p(outliers)) for name, p in p_values.items()}
        for j in range(arguments.draws):
            rows, outlier_rows = draw_test(len(normal), len(outliers), rng, arguments.share)
            for name, (of_normal, of_outliers) in found.items():
                p = np.append(of_normal[rows], of_outliers[outlier_rows])
                selected = select(p, arguments.fdr)
                false[name][i, j] = selected[: len(rows)].sum() / max(selected.sum(), 1)
                power[name][i, j] = selected[len(rows) :].mean()
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
    parser.add_argument("--share", type=float, default=0.15, help="outliers of a test set (0.15)")
    parser.add_argument("--contamination", type=float, default=0.0, help="share in training (0)")
    parser.add_argument("--output", type=Path, help="JSON file to write, after each data set")
    arguments = parser.parse_args()
    results = []
    names = list(methods(arguments.contamination))
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
