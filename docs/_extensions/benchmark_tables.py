"""Tables from the runs that are kept in docs/benchmarks: `.. benchmark:: bench_NAME.py`.

The option `:run: NAME` shows NAME.json alone. A run is a JSON file that record.py wrote. Nothing is
typed in by hand: no run, no table.
"""

import json
from math import inf
from pathlib import Path
from statistics import geometric_mean, mean, median, stdev

from docutils import nodes
from docutils.statemachine import StringList
from folded import fold
from sphinx.util.docutils import SphinxDirective

MAX_SHOWN_ROWS = 15  # of a table; longer ones open on a click


def runs(folder, script, name="*"):
    """The kept runs of a script: path and content."""
    for path in sorted(folder.glob(f"{name}.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["script"] == script:
            yield path, found


def table(header, rows):
    """A list-table, as lines: the first column to the left, figures to the right."""
    yield from (".. list-table::", "   :header-rows: 1", "   :class: figures", "")
    for row in (header, *rows):
        cells = [str(cell) for cell in row]
        yield f"   * - {cells[0]}"
        yield from (f"     - {cell}" for cell in cells[1:])
    yield ""


def circumstances(run):
    """How the run was made, in words."""
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    yield from (".. code-block:: none", "   :class: command", "", f"   {run['command']}", "")
    yield (
        f"{run['date']}; Python {run['python']}, {versions}; {run['processor']}, "
        f"{run['n_cores']} cores."
    )
    yield ""


# ---------------------------------------------------------------- one function a script


def reconstruction(results):
    """Gains on test samples, set by set and size by size, and what they amount to."""
    sizes = sorted({case["n_components"] for case in results})
    gains = [case["median_gain"] for case in results]
    splits = [gain for case in results for gain in case["gain"]]
    yield (
        f"{len(gains)} cases, a case being a data set and a size of code: median gain "
        f"{median(gains):+.1f} %, worst {min(gains):+.1f} %, {below(gains)} below PCA by more than "
        f"1 %. Of {len(splits)} single splits {below(splits)} are, the worst {min(splits):+.1f} %."
    )
    yield ""
    rows = []
    for name in dict.fromkeys(case["data_set"] for case in results):
        mine = {case["n_components"]: case for case in results if case["data_set"] == name}
        of_any = next(iter(mine.values()))
        found = [f"{mine[size]['median_gain']:+.0f} %" if size in mine else "" for size in sizes]
        worst = min(min(case["gain"]) for case in mine.values())
        shape = f"{of_any['n_rows']} x {of_any['n_features']}"
        rows.append([name.split("/")[-1], shape, *found, f"{worst:+.1f} %"])
    yield from table(["data", "shape", *(f"d = {size}" for size in sizes), "worst split"], rows)


def below(gains):
    """How many of the gains are losses of more than one percent."""
    return sum(gain < -1 for gain in gains)


def nested(results):
    """One fit for all sizes: gains over PCA, errors over those of separate fits, time."""
    sizes = sorted({size for case in results for size in case["sizes"]})

    def line(case, other, sign):
        found = {
            size: median(100 * sign * (s["nested"][i] / s[other][i] - 1) for s in case["splits"])
            for i, size in enumerate(case["sizes"])
        }
        return [
            f"{case['data_set']} ({case['n_rows']} samples)",
            *(f"{found[size]:+.0f} %" if size in found else "" for size in sizes),
        ]

    def times(case):
        seconds = [(one, alone) for one, *alone in (s["seconds"] for s in case["splits"])]
        yield case["data_set"]
        yield f"{median(one / alone[-1] for one, alone in seconds):.1f}"
        yield f"{median(one / mean(alone) for one, alone in seconds):.1f}"

    yield from ("Gain over PCA with the same number of components:", "")
    yield from table(["components", *sizes], [line(case, "pca", -1) for case in results])
    yield from ("Error over separate fits:", "")
    yield from table(["components", *sizes], [line(case, "alone", 1) for case in results])
    header = ["time in fits", "of the whole code", "of the separate ones' mean"]
    yield from table(header, map(list, map(times, results)))


def speed(results):
    """Time of each peer over that of skae, a table for each call."""
    for call in dict.fromkeys(result["call"] for result in results):
        found = [result for result in results if result["call"] == call]
        peers = list(dict.fromkeys(peer for result in found for peer in result["peers"]))
        peers.remove("skae")
        rows = []
        for result in found:
            ours = result["peers"]["skae"]["samples_per_second"]
            row = [f"{result['workload']}, {result['dtype']}", f"{ours:,.0f}"]
            for peer in peers:
                there = result["peers"].get(peer)
                row.append(f"{there['ratio']:.2f}" if there else "")
            rows.append(row)
        yield from (f"``{call}``:", "")
        yield from table(["workload", "skae, samples/s", *peers], rows)


def outliers(results):
    """Detectors ranked over the data sets, and set by set; or their seconds on many samples."""
    if "data" not in results[0]:
        yield from many_rows(results)
        return
    if "chosen" in results[0]:
        yield from search(results)
        return
    for protocol in dict.fromkeys(r["protocol"] for r in results):
        mine = [r for r in results if r["protocol"] == protocol]
        sets = list(dict.fromkeys(r["data"] for r in mine))
        detectors = list(dict.fromkeys(r["detector"] for r in mine))

        def average(detector, key, mine=mine, sets=sets):
            middle = median if key in {"fit", "score"} else mean
            found = [r for r in mine if r["detector"] == detector]
            return [middle(r[key] for r in found if r["data"] == s) for s in sets]

        auc = {detector: average(detector, "auc") for detector in detectors}
        detectors.sort(key=lambda detector: -mean(auc[detector]))
        rows = []
        for detector in detectors:
            better = [sum(auc[d][i] > auc[detector][i] for d in auc) for i in range(len(sets))]
            fit, score = (median(average(detector, key)) for key in ("fit", "score"))
            figures = mean(auc[detector]), mean(average(detector, "ap"))
            row = [detector, *(f"{figure:.3f}" for figure in figures)]
            rows.append([*row, f"{1 + mean(better):.1f}", f"{fit:.2g}", f"{score:.2g}"])
        yield from (f"Protocol “{protocol}”, mean over {len(sets)} data sets:", "")
        header = ["detector", "ROC AUC", "average precision", "mean rank", "fit, s", "score, s"]
        yield from table(header, rows)
        yield from (f"Protocol “{protocol}”, ROC AUC of each data set times 100:", "")
        rows = [[s, *(f"{100 * auc[d][i]:.1f}" for d in detectors)] for i, s in enumerate(sets)]
        yield from table(["data", *detectors], rows)


def search(results):
    """AUC of the setting with the highest held-out score, beside those of all settings."""
    figures = {
        "chosen by score": [r["chosen"] for r in results],
        "mean of the settings": [mean(r["aucs"]) for r in results],
        "best": [max(r["aucs"]) for r in results],
        "worst": [min(r["aucs"]) for r in results],
        "defaults": [r["default"] for r in results],
    }
    yield from (f"Search by score among {len(results[0]['aucs'])} settings, ROC AUC times 100:", "")
    rows = [[r["data"], *(f"{100 * f[i]:.1f}" for f in figures.values())]
            for i, r in enumerate(results)]  # fmt: skip
    means = [f"{100 * mean(found):.1f}" for found in figures.values()]
    yield from table(["data", *figures], [*rows, ["mean", *means]])


def many_rows(results):
    """AUC and seconds of each detector, and its seconds over those of skae."""
    detectors = list(dict.fromkeys(r["detector"] for r in results))
    found = {
        d: [mean(r[key] for r in results if r["detector"] == d) for key in ("auc", "fit")]
        for d in detectors
    }
    rows = [[d, f"{auc:.3f}", f"{s / found['skae'][1]:.1f}"] for d, (auc, s) in found.items()]
    yield from (f"{results[0]['n_rows']:,} samples of {results[0]['n_features']} features:", "")
    yield from table(["detector", "ROC AUC", "seconds to fit, over those of skae"], rows)


def calibration(results):
    """Stated and observed false alarms."""
    header = ["data", "training quantile", "held-out samples", "nominal", "deviation", "p ≤ 0.01"]
    keys = ("training", "auto", "attainable", "expected_sd", "p")
    rows = [[r["data"], *(f"{r[key]:.3f}" for key in keys)] for r in results]
    means = [f"{mean(r[key] for r in results):.3f}" for key in keys]
    yield from table(header, [*rows, ["mean", *means[:3], "", means[4]]])


def false_alarms(results):
    """Mean false alarms, kind by kind and size by size; marked where they are far from stated."""
    sizes = sorted({r["n_rows"] for r in results})
    marks = {"within": "", "high": " ↑", "low": " ↓"}
    found = {(r["kind"], r["n_rows"]): f"{r['rate']:.3f}{marks[r['verdict']]}" for r in results}
    kinds = dict.fromkeys(r["kind"] for r in results)
    rows = [[kind, *(found.get((kind, size), "") for size in sizes)] for kind in kinds]
    yield from table(["kind of data", *(f"{size} samples" for size in sizes)], rows)
    verdicts = [r["verdict"] for r in results]
    counts = ", ".join(f"{verdicts.count(name)} {name}" for name in marks)
    yield f"Of {len(results)} cells: {counts}. Highest: {max(r['rate'] for r in results):.3f}."
    yield ""


def select(results):
    """Realised false discovery rate and power, set by set."""
    methods = [name for name in results[0] if name != "data"]
    keys = ("fdr", "power")
    header = ["data", *(f"{name}, {'rate' if key == 'fdr' else key}" for name in methods
                        for key in keys)]  # fmt: skip
    rows = [[r["data"], *(f"{r[m][key]:.3f}" for m in methods for key in keys)] for r in results]
    means = [f"{mean(r[m][key] for r in results):.3f}" for m in methods for key in keys]
    yield from table(header, [*rows, ["mean", *means]])


def mnist(results):
    """The deep network's test error in the course of time, or the defaults beside PCA."""
    if len(results[0]) == 2:
        first, last = results[0][0], results[-1][0]
        marks = [m for m in (30, 60, 120, 300, 600, 1200) if first <= m < 0.9 * last]
        rows = []
        for mark in [*marks, last]:
            epoch, (_, error) = [p for p in enumerate(results, 1) if p[1][0] <= mark][-1]
            rows.append([f"{mark / 60:.3g}", epoch, f"{error:.3f}"])
        yield from table(["minutes", "epochs", "test error"], rows)
        return
    header = ["model", "code", "seconds", "test error", "logistic regression", "5 neighbours"]
    yield from table(
        header,
        [[n, d, f"{s:.0f}", f"{e:.2f}", f"{a:.3f}", f"{b:.3f}"] for n, d, s, e, a, b in results],
    )


def mnist_vae(results):
    """The bound on test images in the course of training, and with more draws at the end."""
    found = results["results"]
    scored = [(i, *point) for i, point in enumerate(found["curve"], 1) if point[1] is not None]
    rows = [[i, f"{s:.0f}", f"{bound:.2f}", f"{rate:.2f}"]
            for i, s, bound, rate in scored]  # fmt: skip
    yield from table(["epochs", "seconds", "nats, 1 draw, 1,000 images", "rate"], rows)
    final = [[name, f"{value:.2f}"] for name, value in found.items() if "nats" in name]
    yield from table(["at the end, all images", "nats"], final)


def smoothness(results):
    """Shares of variance and jumps of decoded paths."""
    rows = [[data, name, f"{r2:.3f}", *(f"{jump:.2f}" for jump in jumps)]
            for data, name, r2, *jumps in results]  # fmt: skip
    yield from table(["data", "model", "R2", "mean jump", "largest jump"], rows)


def sampling(results):
    """AUC with which drawn rows are told from real ones, and accuracies; or times."""
    if all("fit" in found for found in results.values()):
        names = ("fit", "first", "second")
        rows = [[name, *(f"{found[n]:.2f} s" for n in names)] for name, found in results.items()]
        yield from table(["processor time", "fit", "first 10,000", "next 10,000"], rows)
        return
    names = list(next(iter(results.values()))["models"])
    rows, distances = [], {name: [] for name in names}
    for title, found in results.items():
        aucs = {name: mean(found["models"][name]["auc"]) for name in names}
        for name in names:
            distances[name].append(abs(aucs[name] - 0.5))
        ratios = found["models"][names[0]]["nearest"]
        ratio = "" if None in ratios else f"{mean(ratios):.2f}"
        shape = f"{found['n_rows']} x {found['n_features']}"
        rows.append([title, shape, *(f"{aucs[name]:.3f}" for name in names), ratio])
    rows.append(["mean distance from .5", "", *(f"{mean(distances[n]):.3f}" for n in names), ""])
    yield from table(["AUC", "rows", *names, "nearest"], rows)
    peers = [distances[name] for name in ("mixture", "copula")]
    best = [min(each) for each in zip(*peers, strict=True)]
    ahead = sum(ours <= theirs for ours, theirs in zip(distances[names[0]], best, strict=True))
    yield f"{names[0]} is nearer to .5 than mixture and copula on {ahead} of {len(best)} tables."
    yield ""
    labelled = {t: found["accuracies"] for t, found in results.items() if "accuracies" in found}
    if labelled:
        kinds = [name for name in next(iter(labelled.values())) if name != "real"]
        rows = []
        for title, found in labelled.items():
            differences = [
                [a - b for a, b in zip(found[kind], found["real"], strict=True)] for kind in kinds
            ]
            cells = [f"{100 * mean(d):+.1f} ± {error(d):.1f}" for d in differences]
            rows.append([title, f"{100 * mean(found['real']):.1f} %", *cells])
        yield from table(["accuracy", "real", *kinds], rows)


def error(differences):
    """The standard error of a mean, in percentage points."""
    return 100 * stdev(differences) / len(differences) ** 0.5


def time_to_quality(results):
    """How soon each solver is where PCA is, and where PyTorch ends."""
    for result in results:
        error = f"{result['pca']:.4f}"
        yield from (f"{result['data']}, with PCA's test error at {error}:", "")
        header = ["run", "seconds", "loss", "test error", "PCA's after", "sooner than PyTorch"]
        rows = []
        for name, seconds, loss, test, pca_after, sooner in result["rows"]:
            row = [name, f"{seconds:.1f}", f"{loss:.5f}", f"{test:.5f}"]
            row.append(f"{pca_after:.2f}" if pca_after < inf else "never")
            rows.append([*row, f"{sooner:.1f}" if sooner else "never"])
        yield from table(header, rows)


def fit_time(results):
    """CPU time and gain of each estimator, over all cases and by number of components."""
    first = results[0]
    names = {"now": "AutoencoderTransformer", "earlier": "earlier version", "mlp": "MLPRegressor"}
    names = {key: name for key, name in names.items() if key in first}
    rows = []
    numbers = sorted({case["n_components"] for case in results})
    for components in (None, *numbers):
        cases = [case for case in results if components in (None, case["n_components"])]
        label = "all cases" if components is None else f"{components} components"
        for key, name in names.items():
            seconds = [case[key]["seconds"] for case in cases]
            gains = [case[key]["gain"] for case in cases]
            row = [label, name, len(cases), f"{sum(seconds):.0f}", f"{median(seconds):.2f}"]
            row += [f"{mean(max(gain, -100) for gain in gains):+.1f} %", below(gains)]
            rows.append(row)
    header = ["", "estimator", "cases", "seconds, total", "median", "mean gain", "below -1 %"]
    yield from table(header, rows)


def features(results):
    """Errors of a linear classifier on features."""
    rows = [
        [r["features"], f"{r['seconds']:.0f}", *(f"{error:.2f} %" for error in r["errors"])]
        for r in results
    ]
    yield from table(["features", "seconds", "training error", "test error"], rows)


def concurrency(results):
    """Seconds of several fits, one after the other and at once."""
    ways = list(results[0]["seconds"])
    rows = [
        [
            f"{r['data']}, {r['dtype']}",
            *(f"{r['seconds'][way]:.2f}" if way in r["seconds"] else "" for way in ways),
        ]
        for r in results
    ]
    yield from table(["eight fits, seconds", *ways], rows)


def promise(results):
    """Gains over PCA on fresh samples by law, and how often the bounds were wrong."""
    yield from table(
        ["samples", "draws", "worst", "below -1 %", "median", "bound stated", "bound wrong"],
        [
            [name, *promise_figures(cells)]
            for name, cells in (
                *((pool, [c for c in results if c["pool"] == pool]) for pool in pools(results)),
                *((f"n = {n}", [c for c in results if c["n"] == n]) for n in sizes(results)),
                *((law, [c for c in results if c["law"] == law]) for law in laws(results)),
            )
        ],
    )


def promise_figures(cells):
    """The figures of some cells, as text."""
    gains = [gain for cell in cells for gain in cell["gain"]]
    bounds = [bound for cell in cells for bound in cell["bound"]]
    stated = [(bound, gain) for bound, gain in zip(bounds, gains, strict=True) if bound is not None]
    n_wrong = sum(bound > gain for bound, gain in stated)
    worst, middle = (f"{round(gain, 1) + 0.0:+.1f} %" for gain in (min(gains), median(gains)))
    yield from (len(gains), worst, below(gains), middle, len(stated), n_wrong)


def pools(cells):
    """The pools of laws, in order."""
    return dict.fromkeys(cell["pool"] for cell in cells)


def sizes(cells):
    """The numbers of training samples, in ascending order."""
    return sorted({cell["n"] for cell in cells})


def laws(cells):
    """The laws, in order."""
    return dict.fromkeys(cell["law"] for cell in cells)


def downstream(results):
    """Mean differences to PCA with each model, and how often they are better and worse.

    A search is compared with the search over PCA alone.
    """
    baselines = ("PCA", "search over PCA")
    cases = results["cases"]
    of_pca = {(c["table"], c["k"]): c for c in cases if c["reducer"] in baselines}
    n_tables = len({case["table"] for case in cases})
    folds, max_rows = results["folds"], results["max_rows"]
    yield f"{n_tables} tables, {folds} folds, at most {max_rows} rows of a table."
    yield ""
    reducers = [r for r in dict.fromkeys(c["reducer"] for c in cases) if r not in baselines]
    kinds = [(is_real, task) for is_real in (True, False) for task in UNITS]
    for is_real, task in kinds:
        found = [case for case in cases if (case["kind"] != "generated") == is_real]
        rows = []
        for reader in READERS:
            for reducer in reducers:
                differences = differences_to(of_pca, found, reducer, task, reader)
                if differences:
                    rows.append([model_name(task, reader), reducer, *against_pca(differences)])
        if rows:
            title = f"{UNITS[task]}{'' if is_real else ', generated tables'}"
            yield from table([title, "reducer", "against PCA", "better", "worse", "cases"], rows)
    yield from downstream_by_size(cases, of_pca)
    yield from downstream_gains(cases, of_pca)


UNITS = {"classes": "accuracy", "numbers": "R²"}
LINEAR_MODELS = {"classes": "logistic regression", "numbers": "linear regression"}
READERS = {"line": "linear", "neighbours": "nearest neighbours", "trees": "boosted trees"}
SHOWN_BY_SIZE = ("AutoencoderTransformer", "linear_weight=1")


def model_name(task, reader):
    """The name of the model that is fitted to the codes."""
    return LINEAR_MODELS[task] if reader == "line" else READERS[reader]


def differences_to(of_pca, cases, reducer, task, reader):
    """The differences of the scores of a reducer to those of PCA."""
    return [
        case[reader] - of_pca[case["table"], case["k"]][reader]
        for case in cases
        if case["reducer"] == reducer and case["task"] == task and reader in case
        if (case["table"], case["k"]) in of_pca
    ]


def downstream_by_size(cases, of_pca):
    """The same for each number of components."""
    rows = []
    sizes = sorted({case["k"] for case in cases if case["k"]})
    for task, unit in UNITS.items():
        for reader in ("line", "neighbours"):
            for reducer in SHOWN_BY_SIZE:
                row = [f"{unit}, {model_name(task, reader)}", reducer]
                for k in sizes:
                    found = [case for case in cases if case["k"] == k]
                    found = differences_to(of_pca, found, reducer, task, reader)
                    if found:
                        change, better, worse, _ = against_pca(found)
                        row.append(f"{change} ({better}, {worse})")
                if len(row) == 2 + len(sizes):
                    rows.append(row)
    header = [f"k = {k}: against PCA (better, worse)" for k in sizes]
    if rows:
        yield from table(["number of components", "reducer", *header], rows)


def downstream_gains(cases, of_pca):
    """The median share of PCA's reconstruction error that each reducer removes."""
    rows = []
    for reducer in dict.fromkeys(case["reducer"] for case in cases):
        pairs = [
            (case["unexplained"], of_pca[case["table"], case["k"]]["unexplained"])
            for case in cases
            if case["reducer"] == reducer != "PCA" and "unexplained" in case
        ]
        gains = [100 * (1 - error / pca) for error, pca in pairs if pca]
        if gains:
            rows.append([reducer, f"{median(gains):+.1f} %", f"{mean(gains):+.1f} %", len(gains)])
    header = ["reducer", "median gain of reconstruction over PCA", "mean gain", "cases"]
    if rows:
        yield from table(header, rows)


def against_pca(differences):
    """The mean of differences in hundredths, and how often they are above and below .005."""
    n_better, n_worse = (sum(s * d > 0.005 for d in differences) for s in (1, -1))
    yield f"{100 * mean(differences):+.1f}"
    yield from (f"{n / len(differences):.0%}" for n in (n_better, n_worse))
    yield len(differences)


def component_search(results):
    """The time and the choice of ComponentSearchCV against those of GridSearchCV."""
    rows = []
    for case in results:
        row = [case["table"], case["rows"], f"{case['share_of_time']:.2f}", case["grid_size"]]
        row += [case["fast_size"], f"{case['difference']:.1f}", f"{max(case['differences']):.1f}"]
        rows.append(row)
    header = ["table", "rows", "time over GridSearchCV's", "its choice", "choice"]
    header += ["scores there differ by standard errors", "at all sizes by up to"]
    yield from table(header, rows)


def imputation(results):
    """Errors of filled cells over those of IterativeImputer, by mechanism and rate."""
    rows = []
    for mechanism, rate in dict.fromkeys(tuple(key.split("|")[1:3]) for key in results):
        found = [case for key, case in results.items() if key.split("|")[1:3] == [mechanism, rate]]
        found = [case for case in found if "skae" in case]

        def ratios(first, second, found=found):
            return [case[first]["rmse"] / case[second]["rmse"] for case in found]

        ours, behind = ratios("skae", "iterative"), ratios("skae", "gaussian")
        row = [f"{mechanism.upper()}, {float(rate):.0%}", len(found), f"{geometric_mean(ours):.3f}"]
        row += [f"{median(ours):.3f}", f"{mean(ratio < 1 for ratio in ours):.0%}"]
        row += [f"{geometric_mean(ratios('gaussian', 'iterative')):.3f}"]
        row += [f"{mean(ratio > 1.01 for ratio in behind):.0%}", f"{max(behind):.3f}"]
        forest = [""] * 2
        if all("forest" in case for case in found):
            forest = [f"{geometric_mean(ratios('forest', 'iterative')):.3f}"]
            forest += [f"{mean(ratio < 1 for ratio in ratios('skae', 'forest')):.0%}"]
        rows.append([*row, *forest])
    header = ["missing", "sets", "error over IterativeImputer's", "median", "ahead of it on"]
    header += ["single Gaussians over it", "behind single Gaussians by 1 %", "worst"]
    yield from table([*header, "forest over IterativeImputer", "ahead of the forest on"], rows)


def imputation_time(results):
    """Processor time to fit imputers and to fill the samples, and the errors."""
    methods = dict.fromkeys(method for case in results.values() for method in case)
    names = {"skae": "AutoencoderImputer", "iterative": "IterativeImputer"}
    names |= {"forest": "IterativeImputer with ExtraTreesRegressor"}
    names |= {"gaussian": "the same with mixture_sizes=(), max_iter=0"}
    rows = []
    for size, case in results.items():
        n_rows, n_features = map(int, size.split("x"))
        found = [
            f"{case[m]['cpu_seconds']:.1f} s, {case[m]['rmse']:.3f}" if m in case else ""
            for m in methods
        ]
        rows.append([f"{n_rows:,} x {n_features}", *found])
    header = ["time, error", *(names.get(m, m) for m in methods)]
    yield from table(header, rows)


def incomplete_outliers(results):
    """Detection with missing cells, beside complete rows and rows that are filled first."""
    names = {"complete": "no cell missing", "incomplete": "NaN left in"}
    names |= {"mean": "filled by SimpleImputer", "knn": "filled by KNNImputer"}
    names |= {"iterative": "filled by IterativeImputer"}
    rows = []
    for method in next(iter(results.values())):
        aucs = [case[method]["auc"] for case in results.values()]
        gains = [case["incomplete"]["auc"] - case[method]["auc"] for case in results.values()]
        ahead = "" if method == "incomplete" else f"{mean(gain > 0 for gain in gains):.0%}"
        rows.append([names[method], len(aucs), f"{mean(aucs):.3f}", ahead])
    header = ["training and new samples", "sets", "mean AUC", "NaN left in is ahead of it on"]
    yield from table(header, rows)


def imputation_pipeline(results):
    """Differences of accuracy between what comes before a classifier, in points."""
    rows = []
    for classifier in ("logistic", "5-NN", "boosting"):
        for other in ("iterative", "mean", "none"):
            if f"{other} {classifier}" not in next(iter(results.values())):
                continue
            names = f"skae {classifier}", f"{other} {classifier}"
            found = [100 * (case[names[0]] - case[names[1]]) for case in results.values()]
            error = stdev(found) / len(found) ** 0.5
            row = [classifier, {"none": "the incomplete table"}.get(other, other)]
            row += [f"{mean(found):+.1f}", f"{error:.1f}"]
            rows.append([*row, sum(d > 0 for d in found), sum(d < 0 for d in found)])
    header = ["classifier", "compared with", "points of accuracy", "standard error", "ahead on"]
    yield from table([*header, "behind on"], rows)


def sparse(results):
    """Errors, memory and time on sparse matrices."""
    errors, rows = results.get("error", []), []
    sizes = dict.fromkeys(case["k"] for case in errors)
    for name in dict.fromkeys(case["reducer"] for case in errors):
        mine = {case["k"]: case for case in errors if case["reducer"] == name}
        rows.append([name, *(f"{mine[k]['error']:.3f}" for k in sizes)])
    if rows:
        yield from table(["share of the squares left", *(f"k = {k}" for k in sizes)], rows)
    if results.get("memory"):
        names = ("matrix", "parameters", "added", "vectors", "dense")
        rows = [
            [case["dtype"], *(f"{case[f'{name}_mb']:.0f}" for name in names)]
            for case in results["memory"]
        ]
        header = ["MB", "matrix", "parameters", "added at the peak", "of it vectors"]
        yield from table([*header, "X made dense"], rows)
    time = results.get("time")
    if time:
        shape = " x ".join(map(str, time["shape"]))
        yield f"Processor time of an epoch on {shape}: {time['ratio']:.2f} of that on dense rows."
        yield ""


SHOWN = {
    "bench_component_search.py": component_search,
    "bench_downstream.py": downstream,
    "bench_imputation.py": imputation,
    "bench_imputation_pipeline.py": imputation_pipeline,
    "bench_imputation_time.py": imputation_time,
    "bench_incomplete_outliers.py": incomplete_outliers,
    "bench_sparse.py": sparse,
    "bench_promise.py": promise,
    "bench_mnist.py": mnist,
    "bench_mnist_vae.py": mnist_vae,
    "bench_smoothness.py": smoothness,
    "bench_sampling.py": sampling,
    "bench_time_to_quality.py": time_to_quality,
    "bench_features.py": features,
    "bench_reconstruction.py": reconstruction,
    "bench_fit_time.py": fit_time,
    "bench_nested.py": nested,
    "bench_speed.py": speed,
    "bench_outliers.py": outliers,
    "bench_calibration.py": calibration,
    "bench_false_alarms.py": false_alarms,
    "bench_select.py": select,
    "bench_concurrency.py": concurrency,
}


def folded_if_long(node):
    """Return a node, inside of a details element if it is a table with many rows."""
    n_rows = len(list(node.findall(nodes.row))) - 1 if isinstance(node, nodes.table) else 0
    return fold(f"Table of {n_rows} rows", [node]) if n_rows > MAX_SHOWN_ROWS else [node]


class Benchmark(SphinxDirective):
    """The kept runs of a script, each with its command."""

    required_arguments = 1
    option_spec = {"run": str}

    def run(self):
        """Make the nodes."""
        script = self.arguments[0]
        folder = Path(self.env.srcdir, "benchmarks")
        lines = []
        for path, found in runs(folder, script, self.options.get("run", "*")):
            self.env.note_dependency(str(path))
            lines += [*SHOWN[script](found["results"]), *circumstances(found)]
        if not lines:
            lines = ["No run of it is kept."]
        found = self.parse_text_to_nodes("\n".join(StringList(lines, source=script)))
        return [shown for node in found for shown in folded_if_long(node)]


def setup(app):
    """Add the directive."""
    app.add_directive("benchmark", Benchmark)
    return {"parallel_read_safe": True}
