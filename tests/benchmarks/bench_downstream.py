"""What follows gains or loses when PCA is swapped: accuracy and R2 behind several reducers.

Each table is standardised, reduced to k components by each reducer, and read by three readers: a
line (logistic or ridge regression), five neighbours, and boosted trees. A case is a table at one k;
its score is the mean over the folds, which all reducers share. All reducers have their defaults.
Of two scores, the greater one wins if it is greater by more than .005. The ranks of the reducers
over all cases are compared by Friedman's test and Nemenyi's critical difference (Demsar, 2006,
J. Machine Learning Research 7).

scikit-learn's own tables and generated ones are always there. `--tables` takes a folder of .npz
files with X and y, a table each: classes are integers, other targets are floats. Cases that the
output file holds already are not run again, so that a long run can be split.

    python bench_downstream.py --quick
    python bench_downstream.py --tables folder --output downstream.json --plot downstream.svg
"""

import argparse
from functools import partial
import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
import warnings

from joblib import Memory
import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range
from sklearn import datasets
from sklearn.decomposition import PCA, KernelPCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, DenoisingAutoencoder

SIZES = (2, 4, 8)
TIE = 0.005
N_TREES = 30  # a class; few, as the tables are small
READERS = ("line", "neighbours", "trees")
LEAST_SCORE = -0.2  # R2 of a reader that is worse than the mean counts as no worse than this
SEARCHES = {
    "search over PCA": [PCA()],
    "search over PCA and autoencoder": [PCA(), AutoencoderTransformer(random_state=0)],
}

# ---------------------------------------------------------------- tables


def _own(name):
    return getattr(datasets, f"load_{name}")(return_X_y=True)


def _column_of(name, column):
    """One column of a table as the target, the others as the features."""
    X = getattr(datasets, f"load_{name}")().data
    return np.delete(X, column, axis=1), X[:, column]


def _embedded(make, n_features=12, noise=0.1, **options):
    """A curved shape in a few dimensions, seen through random directions with noise."""
    X, y = make(800, random_state=0, **options)
    rng = np.random.default_rng(0)
    X = StandardScaler().fit_transform(X)
    X = X @ np.linalg.qr(rng.standard_normal((n_features, X.shape[1])))[0].T
    return X + noise * rng.standard_normal(X.shape), y


def _classes(seed, **options):
    options = {"n_informative": 6, "n_redundant": 6, "n_classes": 3} | options
    return datasets.make_classification(800, 20, random_state=seed, **options)


def _targets(make, **options):
    return make(800, random_state=0, **options)


REAL = {
    "iris": partial(_own, "iris"),
    "wine": partial(_own, "wine"),
    "breast_cancer": partial(_own, "breast_cancer"),
    "digits": partial(_own, "digits"),
    "diabetes": partial(_own, "diabetes"),
    "iris, width of the petal": partial(_column_of, "iris", 3),
    "wine, proline": partial(_column_of, "wine", 12),
    "breast_cancer, area": partial(_column_of, "breast_cancer", 3),
    "diabetes, blood pressure": partial(_column_of, "diabetes", 3),
}
GENERATED = {
    "classification": partial(_classes, 0),
    "classification, four clusters a class": partial(_classes, 1, n_clusters_per_class=4),
    "classification, mixed up": partial(_classes, 2, flip_y=0.1, class_sep=0.7),
    "moons": partial(_embedded, datasets.make_moons, noise=0.1),
    "circles": partial(_embedded, datasets.make_circles, factor=0.5),
    "blobs": partial(_embedded, datasets.make_blobs, n_features=6, centers=8),
    "quantiles": partial(_targets, datasets.make_gaussian_quantiles, n_features=8),
    "swiss roll": partial(_embedded, datasets.make_swiss_roll),
    "s curve": partial(_embedded, datasets.make_s_curve),
    "friedman1": partial(_targets, datasets.make_friedman1, noise=1.0),
    "friedman2": partial(_embedded, datasets.make_friedman2),
    "friedman3": partial(_embedded, datasets.make_friedman3),
    "regression": partial(_targets, datasets.make_regression, n_features=20, noise=10.0),
    "regression, low rank": partial(
        _targets, datasets.make_regression, n_features=20, effective_rank=6, noise=1.0
    ),
    "sparse": partial(_targets, datasets.make_sparse_uncorrelated, n_features=10),
    "hastie": partial(_targets, datasets.make_hastie_10_2),
}


def _archive(path):
    with np.load(path) as archive:
        return archive["X"], archive["y"]


def tables(options):
    """Yield the name of each table, its kind, X and y, with at most `max_rows` rows."""
    found = {name: ("real", load) for name, load in REAL.items()}
    found |= {name: ("generated", load) for name, load in GENERATED.items()}
    for path in sorted(options.tables.glob("*.npz")) if options.tables else ():
        found[f"{options.tables.name}/{path.stem}"] = "folder", partial(_archive, path)
    if options.quick:
        found = {name: found[name] for name in ("wine", "wine, proline", "moons")}
    for name, (kind, load) in found.items():
        if options.datasets and not {name, name.split("/")[-1]} & set(options.datasets):
            continue
        X, y = load()
        is_class = len(np.unique(y)) <= 20 and np.all(y == np.round(y))
        y = np.unique(y, return_inverse=True)[1] if is_class else np.asarray(y, float)
        rows = np.random.default_rng(0).permutation(len(X))[: options.max_rows]
        yield name, kind, X[rows], y[rows]


# ---------------------------------------------------------------- reducers and readers


def make_reducers(wanted):
    """Return a dict of functions of k that make the reducers."""
    made = {
        "PCA": PCA,
        "AutoencoderTransformer": partial(AutoencoderTransformer, random_state=0),
        "linear_weight=0.1": partial(AutoencoderTransformer, linear_weight=0.1, random_state=0),
        "linear_weight=1": partial(AutoencoderTransformer, linear_weight=1.0, random_state=0),
        "linear encoder": partial(AutoencoderTransformer, linear_weight=np.inf, random_state=0),
        "swap noise": partial(DenoisingAutoencoder, noise="swap", noise_level=0.15, random_state=0),
        "KernelPCA": partial(KernelPCA, kernel="rbf", random_state=0),
    }
    return {name: make for name, make in made.items() if name in wanted}


def make_readers(y, wanted):
    """Return the readers by name."""
    made = {
        "line": Ridge(),
        "neighbours": KNeighborsRegressor(),
        "trees": HistGradientBoostingRegressor(max_iter=N_TREES, random_state=0),
    }
    if y.dtype.kind == "i":
        made = {
            "line": LogisticRegression(max_iter=2000),
            "neighbours": KNeighborsClassifier(),
            "trees": HistGradientBoostingClassifier(max_iter=N_TREES, random_state=0),
        }
    return {name: reader for name, reader in made.items() if name in wanted}


def splits_of(y, n_folds):
    """Return the folds: of equal shares of the classes, if there are classes."""
    make = StratifiedKFold if y.dtype.kind == "i" else KFold
    return list(make(n_folds, shuffle=True, random_state=0).split(y.reshape(-1, 1), y))


def scores_of_reducer(make, X, y, splits, wanted):
    """Return the mean score of each reader, the reconstructed share of variance, and CPU time."""
    found = {}
    for train, test in splits:
        scaler = StandardScaler().fit(X[train])
        A, B = scaler.transform(X[train]), scaler.transform(X[test])
        start = process_time()
        reducer = make().fit(A)
        found.setdefault("seconds", []).append(process_time() - start)
        if not isinstance(reducer, KernelPCA):
            errors = np.square(B - reducer.inverse_transform(reducer.transform(B)))
            lost = errors.sum() / np.square(B - B.mean(axis=0)).sum()
            found.setdefault("unexplained", []).append(float(lost))
        code, code_test = reducer.transform(A), reducer.transform(B)
        for name, reader in make_readers(y, wanted).items():
            score = reader.fit(code, y[train]).score(code_test, y[test])
            found.setdefault(name, []).append(max(score, LEAST_SCORE))
    return {name: float(np.mean(values)) for name, values in found.items()}


def scores_of_search(reducers, sizes, X, y, splits, wanted):
    """Return the scores if a grid search chooses the reducer and the size.

    Each search has two folds of its own. The readers share the fits of the reducers.
    """
    grid = [{"reduce": [r], "reduce__n_components": sizes} for r in reducers]
    found, start = {}, process_time()
    for train, test in splits:
        with TemporaryDirectory() as folder:
            memory = Memory(folder, verbose=0)
            for name, reader in make_readers(y, wanted).items():
                steps = [("scale", StandardScaler()), ("reduce", PCA()), ("read", reader)]
                search = GridSearchCV(Pipeline(steps, memory=memory), grid, cv=2)
                score = search.fit(X[train], y[train]).score(X[test], y[test])
                found.setdefault(name, []).append(max(score, LEAST_SCORE))
    found = {name: float(np.mean(values)) for name, values in found.items()}
    return found | {"seconds": (process_time() - start) / len(splits)}


def run_cases(options, done):
    """Yield a dict for each new case, and print a line for it."""
    known = {(case["table"], case["k"], case["reducer"]) for case in done}
    for name, kind, X, y in tables(options):
        splits = splits_of(y, options.folds)
        sizes = [k for k in options.components if k < X.shape[1]]
        reducers = make_reducers(options.reducers).items()
        jobs = [
            (n, k, scores_of_reducer, (partial(make, k),)) for k in sizes for n, make in reducers
        ]
        searched = {name: SEARCHES[name] for name in options.reducers if name in SEARCHES and sizes}
        jobs += [(n, 0, scores_of_search, (chosen, sizes)) for n, chosen in searched.items()]
        for reducer, k, run, arguments in jobs:
            if (name, k, reducer) in known:
                continue
            case = {"table": name, "kind": kind, "rows": len(X), "features": X.shape[1], "k": k}
            case |= {"reducer": reducer, "task": "classes" if y.dtype.kind == "i" else "numbers"}
            case |= run(*arguments, X, y, splits, options.readers)
            numbers = "  ".join(f"{reader} {case[reader]:.3f}" for reader in options.readers)
            print(f"{name:42}{k:2}  {reducer:32}{numbers}  {case['seconds']:.1f} s", flush=True)
            yield case


# ---------------------------------------------------------------- summary


def compare_with_pca(cases, reader, task, kinds):
    """Return lines: the mean difference to PCA, and how often each reducer is better and worse.

    A search is compared with the search over PCA alone.
    """
    baselines = ("PCA", next(iter(SEARCHES)))
    chosen = [case for case in cases if case["task"] == task and case["kind"] in kinds]
    chosen = [case for case in chosen if reader in case]
    of_pca = {(c["table"], c["k"]): c[reader] for c in chosen if c["reducer"] in baselines}
    lines = []
    for reducer in dict.fromkeys(case["reducer"] for case in chosen):
        differences = [
            case[reader] - of_pca[case["table"], case["k"]]
            for case in chosen
            if case["reducer"] == reducer and (case["table"], case["k"]) in of_pca
        ]
        if reducer not in baselines and differences:
            differences = np.array(differences)
            better, worse = (100 * np.mean(s * differences > TIE) for s in (1, -1))
            lines.append(
                f"  {reducer:34}{100 * differences.mean():+7.1f}{better:8.0f} %{worse:8.0f} %"
                f"{len(differences):7}"
            )
    return lines


def gain_lines(cases):
    """Return lines with the median gain of reconstruction over PCA, of real tables."""
    errors = {
        (case["reducer"], case["table"], case["k"]): case["unexplained"]
        for case in cases
        if "unexplained" in case and case["kind"] != "generated"
    }
    lines = []
    for reducer in dict.fromkeys(key[0] for key in errors):
        pairs = [
            (errors[key], errors.get(("PCA", *key[1:]))) for key in errors if key[0] == reducer
        ]
        gains = [100 * (1 - error / pca) for error, pca in pairs if pca]
        if reducer != "PCA" and gains:
            lines.append(f"  {reducer:34}{np.median(gains):+7.1f} %")
    return lines


def readers_of(cases):
    """Return the readers that the cases have scores of."""
    return [reader for reader in READERS if any(reader in case for case in cases)]


def mean_ranks(cases, reader):
    """Return a dict: the mean rank of each reducer, the critical difference, Friedman's p-value.

    A reducer that was run on fewer than nine of ten cases is left out.
    """
    table = {}
    for case in cases:
        if case["k"] and reader in case:
            table.setdefault((case["table"], case["k"]), {})[case["reducer"]] = case[reader]
    names = dict.fromkeys(case["reducer"] for case in cases if case["k"])
    names = [n for n in names if sum(n in row for row in table.values()) >= 0.9 * len(table)]
    rows = np.array([[row[n] for n in names] for row in table.values() if len(row) == len(names)])
    n_cases, n_names = rows.shape
    ranks = np.array([rankdata(-row) for row in rows]).mean(axis=0)
    quantile = studentized_range.ppf(0.95, n_names, math.inf) / math.sqrt(2)
    difference = quantile * math.sqrt(n_names * (n_names + 1) / (6 * n_cases))
    p_value = friedmanchisquare(*rows.T).pvalue if n_names > 2 else math.nan
    return {
        "mean_ranks": dict(zip(names, ranks.tolist(), strict=True)),
        "critical_difference": float(difference),
        "p_value": float(p_value),
        "n_cases": n_cases,
    }


def print_summary(cases):
    """Print all that a reader of the figures needs."""
    for kinds, title in ((("real", "folder"), "real tables"), (("generated",), "generated")):
        for task, unit in (("classes", "accuracy, points"), ("numbers", "R2, hundredths")):
            for reader in READERS:
                lines = compare_with_pca(cases, reader, task, kinds)
                if lines:
                    print(f"\n{title}, {unit}, behind {reader}: against PCA, better, worse, cases")
                    print("\n".join(lines))
    lines = gain_lines(cases)
    if lines:
        print("\nmedian gain of reconstruction, real tables")
        print("\n".join(lines))
    for reader in readers_of(cases):
        found = mean_ranks(cases, reader)
        ordered = sorted(found["mean_ranks"].items(), key=lambda item: item[1])
        text = ", ".join(f"{name} {rank:.2f}" for name, rank in ordered)
        print(f"\nmean ranks behind {reader}: {text}")
        print(
            f"critical difference {found['critical_difference']:.2f}, "
            f"Friedman's p = {found['p_value']:.2g}"
        )


def plot_ranks(cases, path):
    """Draw the mean ranks behind each reader; bars join reducers that do not differ for certain."""
    import matplotlib.pyplot as plt

    readers = readers_of(cases)
    size = (8, 2 * len(readers))
    figure, axes = plt.subplots(len(readers), figsize=size, layout="constrained", squeeze=False)
    for ax, reader in zip(axes[:, 0], readers, strict=True):
        found = mean_ranks(cases, reader)
        ranks, difference = found["mean_ranks"], found["critical_difference"]
        ordered = sorted(ranks.items(), key=lambda item: item[1])
        for i, (name, rank) in enumerate(ordered):
            ax.plot([rank, rank], [0, -1 - i], color="0.5", lw=1)
            ax.annotate(f"{name} {rank:.2f}", (rank, -1 - i), ha="left", va="center")
            alike = [other for _, other in ordered[i:] if other - rank < difference]
            if len(alike) > 1:
                ax.plot([rank, alike[-1]], [0.3 + 0.25 * i] * 2, color="C0", lw=3)
        ax.set_title(f"behind {reader}: mean ranks, critical difference {difference:.2f}", size=10)
        ax.set(xlim=(1, len(ranks) + 1), yticks=[])
        ax.spines[["left", "right", "top", "bottom"]].set_visible(False)
        ax.xaxis.tick_top()
    figure.savefig(path)


def write(path, described):
    """Write a JSON file in one step, so that a run that is stopped leaves a whole one."""
    if path:
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(described, indent=1))
        temporary.replace(path)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*make_reducers(_Everything()), *SEARCHES]
    parser.add_argument("--tables", type=Path, help="folder of .npz files with X and y")
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help="only these tables")
    parser.add_argument("--reducers", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=READERS, metavar="NAME")
    parser.add_argument("--components", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--max-rows", type=int, default=2000, help="of a table (default: 2000)")
    parser.add_argument("--quick", action="store_true", help="three tables, two folds, 300 rows")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--earlier", type=Path, help="output of an earlier run, to go on from")
    parser.add_argument("--plot", type=Path, help="file of the critical-difference plot")
    options = parser.parse_args()
    if options.quick:
        options.folds, options.max_rows = 2, 300
        options.reducers = [name for name in options.reducers if name not in SEARCHES]
    cases = []
    for path in (options.earlier, options.output):
        if path and path.exists() and not cases:
            cases = json.loads(path.read_text())["cases"]
    warnings.filterwarnings("ignore", message=".*did not converge.*")
    described = {"folds": options.folds, "max_rows": options.max_rows, "cases": cases}
    for case in run_cases(options, list(cases)):
        cases.append(case)
        write(options.output, described)
    described["ranks"] = {reader: mean_ranks(cases, reader) for reader in readers_of(cases)}
    write(options.output, described)
    print_summary(cases)
    if options.plot:
        plot_ranks(cases, options.plot)


class _Everything:
    """Contains whatever is asked for."""

    def __contains__(self, name):
        return True


if __name__ == "__main__":
    main()
