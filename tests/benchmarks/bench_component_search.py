"""The size of a code: ComponentSearchCV against GridSearchCV over the same sizes and folds.

Both choose by the rule of one standard error. Printed are the CPU times without the last fit on all
samples, the sizes that are chosen, and the differences of the mean scores in standard errors of the
grid: at the size that the grid chooses, and the greatest one.

    python bench_component_search.py --tables wine digits --output component_search.json
"""

import argparse
from functools import partial
import json
import math
from pathlib import Path
from time import process_time

import numpy as np
from sklearn import datasets
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, ComponentSearchCV


def _standardised(name):
    return StandardScaler().fit_transform(getattr(datasets, f"load_{name}")().data)


def _roll(n_samples, seed=0):
    """A rolled-up plane and a circle in 20 features, with noise."""
    rng = np.random.default_rng(seed)
    roll = StandardScaler().fit_transform(datasets.make_swiss_roll(n_samples, random_state=seed)[0])
    angle = rng.uniform(0, 2 * np.pi, n_samples)
    shape = np.column_stack([roll, np.cos(angle), np.sin(angle)])
    X = shape @ np.linalg.qr(rng.standard_normal((20, 5)))[0].T
    return X + 0.1 * rng.standard_normal(X.shape)


def _factors(n_samples, seed=0):
    """Linear factors and their squares in 20 features, with noise."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n_samples, 4))
    X = np.column_stack([factors, factors**2]) @ rng.standard_normal((8, 20))
    return X + rng.standard_normal(X.shape)


TABLES = {
    "wine": partial(_standardised, "wine"),
    "breast_cancer": partial(_standardised, "breast_cancer"),
    "digits": lambda: datasets.load_digits().data / 16,
    "roll of 5,000": partial(_roll, 5000),
    "factors of 5,000": partial(_factors, 5000),
}


def grid_result(X, sizes, cv):
    """Return the mean scores of GridSearchCV and their standard errors."""
    model = AutoencoderTransformer(random_state=0)
    search = GridSearchCV(model, {"n_components": sizes}, cv=cv, refit=False).fit(X)
    n_folds = cv.get_n_splits()
    scores = [search.cv_results_[f"split{i}_test_score"] for i in range(n_folds)]
    errors = np.std(scores, axis=0, ddof=1) / math.sqrt(n_folds)
    return search.cv_results_["mean_test_score"], errors


def fast_result(X, sizes, cv):
    """Return the same of ComponentSearchCV."""
    model = AutoencoderTransformer(random_state=0)
    search = ComponentSearchCV(model, sizes, cv=cv, refit=False).fit(X)
    return search.cv_results_["mean_test_score"], search.standard_errors_


def chosen(means, errors, sizes):
    """Return the smallest size within one standard error of the best mean score."""
    best = means.argmax()
    return sizes[int(np.flatnonzero(means >= means[best] - errors[best])[0])]


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--max-rows", type=int, default=5000)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--earlier", type=Path, help="output of an earlier run, to go on from")
    options = parser.parse_args()
    cases = json.loads(options.earlier.read_text()) if options.earlier else []
    for name in options.tables:
        if name in [case["table"] for case in cases]:
            continue
        X = TABLES[name]()[: options.max_rows]
        cv = KFold(options.folds, shuffle=True, random_state=0)
        case = {"table": name, "rows": len(X), "sizes": options.sizes}
        for kind, run in (("grid", grid_result), ("fast", fast_result)):
            start = process_time()
            means, errors = run(X, options.sizes, cv)
            case |= {f"{kind}_seconds": process_time() - start}
            case |= {f"{kind}_size": chosen(means, errors, options.sizes)}
            case |= {f"{kind}_means": means.tolist(), f"{kind}_errors": errors.tolist()}
        differences = np.abs(np.subtract(case["grid_means"], case["fast_means"]))
        differences /= np.maximum(case["grid_errors"], np.finfo(float).tiny)
        case["differences"] = differences.tolist()
        case["difference"] = float(differences[options.sizes.index(case["grid_size"])])
        case["share_of_time"] = case["fast_seconds"] / case["grid_seconds"]
        print(
            f"{name:20}{len(X):6} rows: {case['grid_seconds']:.1f} and {case['fast_seconds']:.1f} "
            f"s, share {case['share_of_time']:.2f}; sizes {case['grid_size']} and "
            f"{case['fast_size']}; scores there differ by {case['difference']:.1f} errors, "
            f"elsewhere by up to {max(case['differences']):.1f}",
            flush=True,
        )
        cases.append(case)
        if options.output:
            options.output.write_text(json.dumps(cases, indent=1))
    if options.output:
        options.output.write_text(json.dumps(cases, indent=1))


if __name__ == "__main__":
    main()
