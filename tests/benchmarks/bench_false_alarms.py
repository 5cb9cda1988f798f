"""False alarms of `AutoencoderOutlierDetector` on new normal rows, for many kinds of data.

With ``contamination="auto"`` 5 % of new normal rows should be flagged. On each kind of data, and
for each number of training rows, the detector is fitted to rows of one law and judges new rows of
the same law, over several draws. Where scores tie, as in discrete data, not every rate can be
reached: `attainable` is the highest rate up to the stated one that a threshold on the scores of the
new rows reaches.

The standard error contains the spread of the calibration rows and of the new rows. A kind is
"high" or "low" if its mean rate is more than two standard errors above the stated rate, or below
the attainable one.

    python bench_false_alarms.py                          # all kinds, 50 to 1000 rows
    python bench_false_alarms.py --n-rows 3000 12000 --draws 4
    python bench_false_alarms.py --kinds binary ratings --output found.json
    python bench_false_alarms.py --missing 0.2            # a fifth of the cells removed at random
"""

import argparse
import json
import math
from pathlib import Path
import time
import warnings

import numpy as np

from skae import AutoencoderOutlierDetector

STATED_RATE = 0.05
N_NEW = 5000


def table(columns):
    """Return rows from columns."""
    return np.column_stack(columns).astype(float)


def one_hot(codes, n_categories):
    """Return indicator columns of category numbers."""
    return np.eye(n_categories)[codes]


def bent_line(n, rng):
    """Rows along a bent line in six columns."""
    t = rng.uniform(-1, 1, n)
    X = table([t, t**2, t**3, np.sin(3 * t), np.cos(3 * t), np.abs(t)])
    return X + 0.1 * rng.standard_normal(X.shape)


def sparse_amounts(n, rng):
    """Eight columns of amounts, 12 % of them filled."""
    return np.where(rng.random((n, 8)) < 0.12, rng.lognormal(size=(n, 8)), 0)


def equal_rows(n, rng, share=0.8):
    """Rows of which a share is equal."""
    X = rng.standard_normal((n, 5))
    X[rng.random(n) < share] = 0
    return X


def shop(n, rng):
    """A table of mixed columns: category, rating, count, amount, flag."""
    kind = rng.choice(4, n, p=[0.5, 0.3, 0.15, 0.05])
    amount = rng.lognormal(kind / 2, 0.5)
    rating = np.clip(np.rint(4 - kind / 2 + rng.standard_normal(n)), 1, 5)
    return np.column_stack([one_hot(kind, 4), amount, rating, rng.poisson(kind + 1), amount > 2])


def near_copies(n, rng):
    """Rows that come in threes, nearly equal."""
    base = np.repeat(rng.standard_normal((n // 3 + 1, 6)), 3, axis=0)[:n]
    return base + 1e-3 * rng.standard_normal(base.shape)


def walk(n, rng):
    """Successive rows of a stationary process that resemble each other."""
    noise = rng.standard_normal((n + 200, 4))
    X = np.zeros_like(noise)
    for i in range(1, len(X)):
        X[i] = 0.9 * X[i - 1] + math.sqrt(1 - 0.81) * noise[i]
    return X[200:]


MIX = np.random.default_rng(0).standard_normal((10, 10))
LOADINGS = np.random.default_rng(1).standard_normal((5, 60)) / 2
KINDS = {
    "normal": lambda n, rng: rng.standard_normal((n, 5)),
    "one column": lambda n, rng: rng.standard_normal((n, 1)),
    "correlated": lambda n, rng: rng.standard_normal((n, 10)) @ MIX,
    "bent line": bent_line,
    "clusters": lambda n, rng: 4 * rng.integers(0, 3, (n, 1)) + rng.standard_normal((n, 6)),
    "tight clusters": lambda n, rng: (
        rng.choice([-2, 2], (n, 1)) + 0.3 * rng.standard_normal((n, 2))
    ),
    "rare cluster": lambda n, rng: (
        6 * (rng.random((n, 1)) < 0.04) + rng.standard_normal((n, 4))
    ),
    "uniform": lambda n, rng: rng.uniform(size=(n, 4)),
    "exponential": lambda n, rng: rng.exponential(size=(n, 5)),
    "lognormal": lambda n, rng: rng.lognormal(size=(n, 5)),
    "student t, 2 degrees": lambda n, rng: rng.standard_t(2, size=(n, 5)),
    "cauchy": lambda n, rng: rng.standard_cauchy((n, 3)),
    "wide": lambda n, rng: rng.standard_normal((n, 5)) @ LOADINGS + rng.standard_normal((n, 60)),
    "more columns than 100": lambda n, rng: (
        rng.standard_normal((n, 120)) * np.linspace(0.1, 3, 120)
    ),
    "heteroscedastic": lambda n, rng: (
        rng.standard_normal((n, 5)) * rng.lognormal(sigma=0.7, size=(n, 1))
    ),
    "ring": lambda n, rng: (
        (lambda a: table([np.cos(a), np.sin(a)]))(rng.uniform(0, 7, n))
        + 0.1 * rng.standard_normal((n, 2))
    ),
    "shares of one": lambda n, rng: rng.dirichlet([1, 2, 3, 4], n),
    "rounded": lambda n, rng: np.round(rng.standard_normal((n, 3)), 1),
    "near copies": near_copies,
    "series": walk,
    "binary": lambda n, rng: (rng.random((n, 12)) < 0.3) * 1.0,
    "rare flags": lambda n, rng: (rng.random((n, 15)) < 0.03) * 1.0,
    "three categories": lambda n, rng: one_hot(rng.choice(3, n, p=[0.4, 0.33, 0.27]), 3),
    "many categories": lambda n, rng: one_hot(
        np.minimum(rng.geometric(0.15, n) - 1, 19), 20
    ),
    "two categories": lambda n, rng: np.hstack(
        [one_hot(rng.choice(4, n), 4), one_hot(rng.choice(3, n, p=[0.6, 0.3, 0.1]), 3)]
    ),
    "25 ratings": lambda n, rng: table([rng.integers(0, 25, n)] * 2) % [25, 5],
    "ratings": lambda n, rng: np.clip(np.rint(3.5 + rng.standard_normal((n, 6))), 1, 5),
    "counts": lambda n, rng: rng.poisson(3, size=(n, 6)) * 1.0,
    "rare counts": lambda n, rng: rng.poisson(0.3, size=(n, 6)) * 1.0,
    "one column 0, 1, 2": lambda n, rng: table([rng.choice(3, n, p=[0.7, 0.27, 0.03])]),
    "normal and three values": lambda n, rng: table(
        [rng.choice(3, n), *rng.standard_normal((3, n))]
    ),
    "80 % equal rows": equal_rows,
    "30 % equal rows": lambda n, rng: equal_rows(n, rng, 0.3),
    "3 % equal rows": lambda n, rng: equal_rows(n, rng, 0.03),
    "sparse amounts": sparse_amounts,
    "shop": shop,
}  # fmt: skip


def attainable(scores, rate):
    """Return the highest share up to the rate of scores below any threshold."""
    ordered = np.sort(scores)
    below = np.searchsorted(ordered, ordered[int(rate * len(ordered))])
    return below / len(ordered)


def measure(kind, n_rows, draw, missing=0.0):
    """Return the share of new rows that is flagged, and what belongs to it.

    `missing` is the share of the cells of all rows that are removed at random.
    """
    rng = np.random.default_rng([draw, n_rows])
    X, X_new = KINDS[kind](n_rows, rng), KINDS[kind](N_NEW, rng)
    for rows in (X, X_new) if missing else ():
        rows[rng.random(rows.shape) < missing] = np.nan
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = AutoencoderOutlierDetector(random_state=draw).fit(X)
    seconds = time.process_time() - started
    scores = np.round(detector.score_samples(X_new), 6)
    return {
        "rate": float(np.mean(detector.predict(X_new) == -1)),
        "attainable": attainable(scores, STATED_RATE),
        "p_01": float(np.mean(detector.predict_pvalue(X_new) <= 0.01)),
        "n_calibration": float(detector.calibration_weights_.sum()),
        "seconds": seconds,
    }


def summarise(kind, n_rows, draws):
    """Return the mean of the draws, its standard error, and the verdict."""
    mean = {key: float(np.mean([draw[key] for draw in draws])) for key in draws[0]}
    variance = STATED_RATE * (1 - STATED_RATE) * (1 / mean["n_calibration"] + 1 / N_NEW)
    error = math.sqrt(variance / len(draws))
    verdict = "within"
    if mean["rate"] > STATED_RATE + 2 * error:
        verdict = "high"
    elif mean["rate"] < mean["attainable"] - 2 * error:
        verdict = "low"
    highest = max(draw["rate"] for draw in draws)
    return {"kind": kind, "n_rows": n_rows} | mean | {
        "highest": highest, "error": error, "verdict": verdict, "n_draws": len(draws)
    }  # fmt: skip


def main():
    """Parse the arguments, run, print a table and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--n-rows", nargs="+", type=int, default=[50, 100, 300, 1000])
    parser.add_argument("--draws", type=int, default=5, help="number of draws (5)")
    parser.add_argument("--missing", type=float, default=0.0, help="share of missing cells (0)")
    parser.add_argument("--output", type=Path, help="JSON file to write, after each line")
    arguments = parser.parse_args()
    results = []
    print(
        f"{'kind':24} {'rows':>6} {'rate':>6} {'attainable':>10} {'error':>6} {'highest':>7} "
        f"{'p<=.01':>6} {'calibration':>11} {'seconds':>7}"
    )
    for kind in arguments.kinds:
        for n_rows in arguments.n_rows:
            draws = [
                measure(kind, n_rows, draw, arguments.missing) for draw in range(arguments.draws)
            ]
            found = summarise(kind, n_rows, draws)
            results.append(found)
            print(
                f"{kind:24} {n_rows:6} {found['rate']:6.3f} {found['attainable']:10.3f} "
                f"{found['error']:6.3f} {found['highest']:7.3f} {found['p_01']:6.3f} "
                f"{found['n_calibration']:11.0f} {found['seconds']:7.2f}  {found['verdict']}",
                flush=True,
            )
            if arguments.output:
                arguments.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    verdicts = [found["verdict"] for found in results]
    print({verdict: verdicts.count(verdict) for verdict in ("within", "low", "high")})
    print("above twice the rate:", sum(found["rate"] > 2 * STATED_RATE for found in results))


if __name__ == "__main__":
    main()
