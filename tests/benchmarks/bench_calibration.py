"""False alarms of AutoencoderOutlierDetector: the stated share and that of new normal rows.

On ten generated distributions and on the normal rows of labelled data sets, of which one part
trains and the other one is new. Beside it stands what a threshold at the same quantile of the
scores of the training rows does.

    python bench_calibration.py                    # generated rows alone
    python bench_calibration.py --data FOLDER      # of NAME.npz, with X and y (1 for outliers)
"""

import argparse
import json
import math
from pathlib import Path
import warnings

import numpy as np

from skae import AutoencoderOutlierDetector

FALSE_ALARM_RATE = 0.05
N_NEW = 5000


def generated():
    """Ten distributions of normal rows: name and function of (n_rows, rng)."""
    mix = np.random.default_rng(0).standard_normal((10, 10))
    return {
        "normal": lambda n, rng: rng.standard_normal((n, 5)),
        "correlated": lambda n, rng: rng.standard_normal((n, 10)) @ mix,
        "curve": lambda n, rng: curve(rng.uniform(-1, 1, n), rng, 0.1),
        "clusters": lambda n, rng: 4 * rng.integers(0, 3, (n, 1)) + rng.standard_normal((n, 6)),
        "uniform": lambda n, rng: rng.uniform(size=(n, 4)),
        "lognormal": lambda n, rng: rng.lognormal(size=(n, 5)),
        "heavy tails": lambda n, rng: rng.standard_t(2, size=(n, 5)),
        "binary": lambda n, rng: (rng.random((n, 12)) < 0.3).astype(float),
        "counts": lambda n, rng: rng.poisson(3, size=(n, 6)).astype(float),
        "wide": lambda n, rng: (
            rng.standard_normal((n, 5)) @ np.ones((5, 60)) / 2 + rng.standard_normal((n, 60))
        ),
    }


def curve(t, rng, noise):
    """Rows along a bent line in six columns."""
    X = np.column_stack([t, t**2, t**3, np.sin(3 * t), np.cos(3 * t), np.abs(t)])
    return X + noise * rng.standard_normal(X.shape)


def sources(folder, n_rows):
    """Name and function of rng that gives training rows and new rows of the same kind."""
    found = {}
    for name, make in generated().items():
        found[name] = lambda rng, make=make: (make(n_rows, rng), make(N_NEW, rng))
    for path in sorted(folder.glob("*.npz")) if folder else []:
        with np.load(path) as data:
            X = data["X"][data["y"] == 0].astype(np.float64)
        found[path.stem] = lambda rng, X=X: np.split(rng.permutation(X), [min(len(X) // 2, n_rows)])
    return found


def attainable(n_held_out):
    """The largest share up to the stated one that so many held-out rows can vouch for."""
    return max(math.floor(FALSE_ALARM_RATE * (n_held_out + 1)), 1) / (n_held_out + 1)


def measure(X, X_new, seed):
    """Shares of new rows that are flagged, by three thresholds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = AutoencoderOutlierDetector(random_state=seed).fit(X)
    training = np.quantile(detector.score_samples(X), FALSE_ALARM_RATE)
    scores = detector.score_samples(X_new)
    return {
        "training": float(np.mean(scores < training)),
        "auto": float(np.mean(scores < detector.offset_)),
        "p": float(np.mean(detector.predict_pvalue(X_new) <= 0.01)),
        "n_held_out": len(detector.calibration_scores_),
        "n_new": len(X_new),
    }


def compare(arguments):
    """Compare the stated with the observed shares; return the list of results."""
    results = []
    print(f"share of new normal rows that is flagged, stated: {FALSE_ALARM_RATE:.2f}")
    print(
        f"{'':16} {'training quantile':>17} {'auto':>7} {'attainable':>11} {'sd':>6} {'p<=0.01':>8}"
    )
    for name, make in sources(arguments.data, arguments.n_rows).items():
        found = [
            measure(*make(np.random.default_rng(seed)), seed) for seed in range(arguments.seeds)
        ]
        mean = {key: float(np.mean([f[key] for f in found])) for key in found[0]}
        share = attainable(mean["n_held_out"])
        rows = 1 / mean["n_held_out"] + 1 / mean["n_new"]
        sd = math.sqrt(share * (1 - share) * rows / len(found))
        results.append({"data": name, "attainable": share, "expected_sd": sd} | mean)
        print(
            f"{name:16} {mean['training']:17.3f} {mean['auto']:7.3f} {share:11.3f} {sd:6.3f} "
            f"{mean['p']:8.3f}",
            flush=True,
        )
    for key in ("training", "auto", "attainable", "p"):
        print(f"mean of {key}: {np.mean([r[key] for r in results]):.4f}")
    for key in ("training", "auto"):
        far = [(r[key] - r["attainable"]) / r["expected_sd"] for r in results]
        print(f"{key}: beyond two deviations {sum(abs(x) > 2 for x in far)} of {len(far)}")
    return results


def main():
    """Parse the arguments, run, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of NAME.npz files with X and y")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (3)")
    parser.add_argument("--n-rows", type=int, default=300, help="training rows at most (300)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    results = compare(arguments)
    if arguments.output:
        arguments.output.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
