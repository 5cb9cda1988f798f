"""Training by blocks: does the first block matter, and does a detector follow to another level?

The digits are learned by `partial_fit` after a first call with few samples, samples of one class,
shifted or scaled ones. Beside each score stands that of `fit`. A detector is then trained on blocks
that shift at once, and asked for samples with ten times the usual noise.

    python tests/benchmarks/bench_partial_fit.py --passes 60 --json partial_fit.json
"""

import argparse
import json
from pathlib import Path
import warnings

import numpy as np
from sklearn.datasets import load_digits

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, ShiftedSamplesWarning

N_COMPONENTS, BLOCK_ROWS, LONG_BLOCK_ROWS = 8, 100, 300
SHIFTS = (0, 3, 30, 300)


def shuffled_blocks(X, n_rows, seed):
    """Return all samples in blocks, in an order of this pass."""
    order = np.random.default_rng(seed).permutation(len(X))
    return [X[order[start : start + n_rows]] for start in range(0, len(X), n_rows)]


def learn(X, first, blocks_of_pass, n_passes, n_samples=np.inf):
    """Return the score on X, and the number of warnings, after a first call and some passes."""
    model, n_seen = AutoencoderTransformer(N_COMPONENTS, random_state=0), 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if first is not None:
            model.partial_fit(first)
        for number in range(n_passes):
            for block in blocks_of_pass(number):
                if n_seen < n_samples:
                    model.partial_fit(block)
                    n_seen += len(block)
    n_warnings = sum(w.category is ShiftedSamplesWarning for w in warned)
    return {"r2": float(model.score(X)), "warnings": n_warnings}


def first_calls(X, y, n_passes):
    """Yield the name of a case and its result after n_passes."""
    rng = np.random.default_rng(0)
    whole = AutoencoderTransformer(
        N_COMPONENTS, max_iter=n_passes, early_stopping=False, random_state=0
    )
    yield "fit", {"r2": float(whole.fit(X).score(X)), "warnings": 0}
    drawn = rng.permutation(len(X))
    firsts = {"shuffled blocks": None} | {f"{n} samples": X[drawn[:n]] for n in (2, 10, 32)}
    firsts["one class"] = X[y == 3][:130]
    for name, first in firsts.items():
        yield name, learn(X, first, lambda i: shuffled_blocks(X, LONG_BLOCK_ROWS, i), n_passes)
    by_class = X[np.argsort(y, kind="stable")]
    blocks = [by_class[i : i + 128] for i in range(0, len(X), 128)]
    yield "passes sorted by class", learn(X, None, lambda i: blocks, n_passes)
    firsts = {"usual": X[drawn[:200]], "shifted by 30": X[drawn[:200]] + 30}
    firsts["scaled by 100"] = 100 * X[drawn[:200]]
    for n_samples in (1000, 5000, 20_000):
        for name, first in firsts.items():
            blocks_of_pass = lambda i: shuffled_blocks(X, BLOCK_ROWS, i)  # noqa: E731
            result = learn(X, first, blocks_of_pass, 12, n_samples)
            yield f"first call {name}, then {n_samples} samples", result


def levels(n_rows):
    """Yield the shift, and the shares of noisy and of usual samples that are called outliers."""
    loadings = np.random.default_rng(5).normal(size=(3, 10))
    for shift in SHIFTS:
        rng = np.random.default_rng(1)

        def draw(n, noise=0.1, rng=rng):
            return rng.normal(size=(n, 3)) @ loadings + noise * rng.normal(size=(n, 10))

        detector = AutoencoderOutlierDetector(random_state=0).partial_fit(draw(200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ShiftedSamplesWarning)
            for i in range(50):
                detector.partial_fit(draw(n_rows) + shift * (i >= 20))
        caught, false = (
            float(np.mean(detector.predict(draw(2000, noise) + shift) < 0)) for noise in (1.0, 0.1)
        )
        yield {"rows": n_rows, "shift": shift, "caught": caught, "false": false}


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=60, help="passes over the digits")
    parser.add_argument("--json", type=Path, help="file for the results")
    options = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    results = {"passes": options.passes, "first": {}, "levels": []}
    print(f"{'digits, 8 components':45}{'R2':>8}{'warnings':>10}")
    for name, result in first_calls(X, y, options.passes):
        results["first"][name] = result
        print(f"{name:45}{result['r2']:8.4f}{result['warnings']:10}", flush=True)
    print(f"\n{'block':>6}{'shift':>7}{'caught %':>10}{'false %':>9}   after 30 blocks")
    for n_rows in (100, 20):
        for row in levels(n_rows):
            results["levels"].append(row)
            shares = f"{100 * row['caught']:10.1f}{100 * row['false']:9.1f}"
            print(f"{n_rows:6}{row['shift']:7}{shares}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
