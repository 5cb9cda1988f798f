"""Loss and test error against seconds: our solvers and PyTorch's Adam on the same network.

On digits 64-32-8-32-64, on MNIST 784-256-32-256-784: ReLU, a logistic output, mean squared
error, no linear path, so that all minimise the same thing; and our defaults, whatever they are.
Every run has a process of its own, which are run in turn, and about the same seconds, for which
the rates fall to zero where a schedule is named. The clock stands still while errors are
measured. Last comes how much sooner than PyTorch each solver had what that had at the end.

    python bench_time_to_quality.py --mnist mnist.npz --figure time.png
"""

import argparse
import json
import statistics
import subprocess
import sys
from time import perf_counter
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

SIZES = {"digits": (32, 8), "mnist": (256, 32)}
SECONDS = {"digits": 2.5, "mnist": 12.0}
OURS = {
    "digits": {
        "adam 1e-3": {"learning_rate_init": 1e-3},
        "adam 2e-2 cosine": {"learning_rate_init": 2e-2, "learning_rate": "cosine"},
        "sgd 5 cosine": {"solver": "sgd", "learning_rate_init": 5.0, "learning_rate": "cosine"},
        "shampoo 1e-2 cosine": {
            "solver": "shampoo",
            "learning_rate_init": 1e-2,
            "learning_rate": "cosine",
            "batch_size": 128,
        },
        "lbfgs": {"solver": "lbfgs"},
        "defaults": None,
    },
    "mnist": {
        "adam 1e-3": {"learning_rate_init": 1e-3},
        "adam 4e-3 averaged": {"learning_rate_init": 4e-3, "averaging": 0.998},
        "shampoo 1e-2 cosine": {
            "solver": "shampoo",
            "learning_rate_init": 1e-2,
            "learning_rate": "cosine",
            "averaging": 0.99,
        },
        "defaults": None,
    },
}
BATCH = {"digits": 32, "mnist": 256}
THEIRS = {
    "digits": {"torch 1e-3": (1e-3, False), "torch 3e-3 linear": (3e-3, True)},
    "mnist": {"torch 1e-3": (1e-3, False), "torch 2e-3 linear": (2e-3, True)},
}


def load(data, path):
    """Return rows to train on and rows to test on, between 0 and 1."""
    if data == "digits":
        X = (load_digits().data / 16).astype(np.float32)
        X = X[np.random.default_rng(0).permutation(len(X))]
        return X[:1437], X[1437:]
    with np.load(path) as archive:
        images = [archive[name] for name in ("x_train", "x_test")]
    return [x.reshape(len(x), -1).astype(np.float32) / 255 for x in images]


class Record:
    """Errors at growing distances in time, on a clock that can be stopped."""

    def __init__(self, X, X_test):
        self.X, self.X_test = X[:10_000], X_test
        self.found, self.next = [], 0.0

    def start(self):
        """Start the clock."""
        self.begun = perf_counter()

    def look(self, reconstruct, last=False):
        """Measure, if the last time is long enough ago; return the seconds."""
        seconds = perf_counter() - self.begun
        if seconds >= self.next or last:
            errors = [float(np.square(reconstruct(X) - X).mean()) for X in (self.X, self.X_test)]
            self.found.append((seconds, *errors))
            self.next = 1.1 * seconds
            self.begun += perf_counter() - self.begun - seconds
        return seconds


class Look:
    """A callback that looks after every epoch."""

    def __init__(self, record):
        self.record = record

    def setup(self, estimator, context):
        """Start the clock, which no checks have run on before."""

    def teardown(self, estimator, context):
        """Nothing is left to do."""

    def on_fit_task_begin(self, estimator, context):
        """Nothing to do yet."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """Measure."""
        if context.task_name == "epoch":
            self.record.look(lambda X: rebuilt(fitted_estimator, X))


def rebuilt(model, X):
    """Reconstruct rows, within the range that they have."""
    return np.clip(model.inverse_transform(model.transform(X)), 0, 1)


def train_ours(data, options, X, X_test, seconds):
    """Fit an estimator for about so many seconds."""
    from skae import AutoencoderTransformer

    hidden, size = SIZES[data]
    if options is None:
        model = AutoencoderTransformer(size, random_state=0)
    else:
        plain = {
            "hidden_layer_sizes": (hidden,),
            "output_activation": "logistic",
            "linear_path": None,
            "batch_size": BATCH[data],
            "early_stopping": False,
            "averaging": 0,
            "alpha": 0,
            "tol": 0,
            "random_state": 0,
        }
        model = AutoencoderTransformer(size, **plain | options)
        pilot = 20 if data == "digits" else 1
        of_pilots = [-perf_counter()]
        for n_epochs in (pilot, 2 * pilot):
            model.set_params(max_iter=n_epochs).fit(X)
            of_pilots.append(perf_counter())
        first, second = of_pilots[0] + of_pilots[1], of_pilots[2] - of_pilots[1]
        n_epochs = max(int(seconds * pilot / max(second - first, first / 4)), 1)
        model.set_params(max_iter=n_epochs, n_iter_no_change=n_epochs)
    record = Record(X, X_test)
    record.start()
    model.set_callbacks(Look(record)).fit(X)
    record.look(lambda X: rebuilt(model, X), last=True)
    return record.found


def train_theirs(data, options, X, X_test, seconds):
    """Train PyTorch's eager loop, with one thread on digits and all on MNIST."""
    import torch
    from torch import nn

    if data == "digits":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    rate, falls = options
    (hidden, size), d = SIZES[data], X.shape[1]
    network = nn.Sequential(
        nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, size),
        nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, d), nn.Sigmoid(),
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    rows, record = torch.from_numpy(X), Record(X, X_test)

    def reconstruct(X):
        with torch.inference_mode():
            return network(torch.from_numpy(X)).numpy()

    reconstruct(X_test)
    passed, n = 0.0, BATCH[data]
    record.start()
    while passed < seconds:
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - passed / seconds if falls else 1)
        order = torch.randperm(len(rows))
        for first in range(0, len(rows), n):
            batch = rows[order[first : first + n]]
            optimizer.zero_grad(set_to_none=True)
            nn.functional.mse_loss(network(batch), batch).backward()
            optimizer.step()
        passed = record.look(reconstruct)
    record.look(reconstruct, last=True)
    return record.found


def first_time(found, column, limit):
    """Seconds until an error was as low as the limit, or infinity."""
    return next((row[0] for row in found if row[column] <= limit), np.inf)


def run(data, name, options):
    """Have a run made in a process of its own."""
    command = [sys.executable, __file__, "--worker", data, name]
    if options.mnist:
        command += ["--mnist", options.mnist]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout)


def compare(data, options):
    """Run all in turn, a round after the other; print and return what was found."""
    names = [*OURS[data], *THEIRS[data]]
    rounds = {name: [] for name in names}
    for i in range(options.rounds):
        for name in names:
            print(f"\r{data}, round {i + 1}: {name:22}", end="", file=sys.stderr, flush=True)
            rounds[name].append(run(data, name, options))
    print("\r" + 50 * " ", end="\r", file=sys.stderr)
    X, X_test = load(data, options.mnist)
    pca = float(np.square(rebuilt(PCA(SIZES[data][1]).fit(X), X_test) - X_test).mean())
    best = min(THEIRS[data], key=lambda name: statistics.median(r[-1][1] for r in rounds[name]))
    print(f"{data}: PCA's test error {pca:.5f}; seconds to it, and compared with {best}")
    print(f"{'':22} {'seconds':>8} {'loss':>9} {'test':>9} {'PCA at':>8} {'sooner':>8}")
    rows = []
    for name in names:
        sooner = []
        for mine, theirs in zip(rounds[name], rounds[best]):
            seconds, loss, _ = theirs[-1]
            sooner.append(seconds / first_time(mine, 1, loss))
        last = np.median([r[-1] for r in rounds[name]], axis=0)
        beats = statistics.median(first_time(r, 2, pca) for r in rounds[name])
        rows.append([name, *last.tolist(), beats, statistics.median(sooner)])
        print("{:22} {:8.2f} {:9.5f} {:9.5f} {:8.2f} {:8.2f}".format(*rows[-1]))
    return {"data": data, "pca": pca, "compared_with": best, "rows": rows, "rounds": rounds}


def draw(results, path):
    """Draw training loss and test error against seconds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(results), 2, figsize=(10, 4 * len(results)), squeeze=False, layout="constrained"
    )
    for row, result in zip(axes, results):
        for ax, column, title in zip(row, (1, 2), ("training loss", "test error")):
            for name, rounds in result["rounds"].items():
                seconds, *errors = np.transpose(rounds[0])
                style = ":" if name.startswith("torch") else "-"
                ax.plot(seconds, errors[column - 1], style, label=name)
            ax.axhline(result["pca"], color="gray", linewidth=0.8)
            ax.annotate("PCA", (1, result["pca"]), xycoords=("axes fraction", "data"))
            ax.set(xscale="log", yscale="log", xlabel="seconds")
            ax.set_title(f"{result['data']}: {title}")
        row[1].legend(fontsize="small")
    figure.savefig(path, dpi=100)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mnist", help="mnist.npz; without it digits alone")
    parser.add_argument("--only", choices=OURS, help="one data set alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--figure", help="write a figure to this file")
    parser.add_argument("--output", help="write all figures to this file, as JSON")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        data, name = options.worker
        X, X_test = load(data, options.mnist)
        train = train_theirs if name in THEIRS[data] else train_ours
        recipe = (OURS[data] | THEIRS[data])[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            print(json.dumps(train(data, recipe, X, X_test, SECONDS[data])))
        return
    chosen = [options.only] if options.only else ["digits", *(["mnist"] if options.mnist else [])]
    results = [compare(data, options) for data in chosen]
    if options.figure:
        draw(results, options.figure)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump([{k: v for k, v in r.items() if k != "rounds"} for r in results], file)


if __name__ == "__main__":
    main()
