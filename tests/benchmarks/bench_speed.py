"""Speed of fit, transform and score_samples beside other packages, in turn.

Every peer works in a process of its own, and all do the same job one after the other, round
by round: the same network, rows, batches, number of epochs and dtype. A figure is the median
over the rounds, a ratio the median of the rounds' ratios. `fit` is the whole call, with its
checks and all that follows training; JAX compiles beforehand. `products` are the matrix
products of the same steps alone, by NumPy.

Peers that are not installed are left out. `skae` is the plain network, so that the work is
equal; `skae path` has the linear path, the default.
"""

import argparse
from dataclasses import asdict, dataclass, replace
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter

import numpy as np


@dataclass(frozen=True)
class Workload:
    """Rows, widths from input to code (the decoder mirrors them), batch and epochs."""

    n_rows: int
    widths: tuple
    batch: int
    n_epochs: int

    @property
    def layers(self):
        """Widths of all layers."""
        return (*self.widths, *reversed(self.widths[:-1]))

    def rows(self, dtype):
        """Random rows between 0 and 1."""
        rng = np.random.default_rng(0)
        return rng.random((self.n_rows, self.widths[0]), dtype=np.float32).astype(dtype)


DIGITS = Workload(1437, (64, 32, 8), 32, 40)
TABULAR = Workload(50_000, (30, 64, 16), 256, 4)
IMAGES = Workload(60_000, (784, 256, 32), 256, 5)
FIT = {
    "digits, batch 1": replace(DIGITS, batch=1, n_epochs=3),
    "digits, batch 32": DIGITS,
    "digits, batch 200": replace(DIGITS, batch=200, n_epochs=100),
    "tabular": TABULAR,
    "images": IMAGES,
    "deep": Workload(20_480, (784, 1000, 500, 250, 30), 512, 4),
}
SWEEPS = {
    "rows": {f"{n} rows": replace(TABULAR, n_rows=n, n_epochs=200_000 // n) for n in
             (1_000, 10_000, 100_000)},
    "batch": {f"batch {b}": replace(TABULAR, batch=b, n_rows=10_000) for b in
              (8, 32, 128, 512, 2048)},
    "width": {f"width {w}": Workload(10_000, (64, w, w // 4), 128, 3) for w in (16, 64, 256, 1024)},
    "depth": {f"{k} hidden": Workload(10_000, (64, *[64] * k, 16), 128, 3) for k in (1, 2, 4, 8)},
}  # fmt: skip
INFERENCE = {
    "1,000,000 x 30": replace(TABULAR, n_rows=1_000_000),
    "60,000 x 784": IMAGES,
}
ONE_ROW = {"one row of 30": replace(TABULAR, n_rows=2_000)}


# ---------------------------------------------------------------- peers, each with its jobs


class Skae:
    """AutoencoderTransformer, with what the others lack switched off."""

    path = None

    def fit(self, work, X):
        """Train from scratch."""
        from skae import AutoencoderTransformer

        self.model = AutoencoderTransformer(
            work.widths[-1],
            hidden_layer_sizes=work.widths[1:-1],
            batch_size=work.batch,
            max_iter=work.n_epochs,
            learning_rate_init=1e-3,
            output_activation="logistic",
            linear_path=self.path,
            early_stopping=False,
            averaging=0,
            alpha=0,
            tol=0,
            n_iter_no_change=work.n_epochs + 1,
            random_state=0,
        ).fit(X)

    def transform(self, X):
        """Encode."""
        return self.model.transform(X)

    def score_samples(self, X):
        """Encode, decode, square the difference."""
        return self.model.score_samples(X)


class SkaePath(Skae):
    """The same with the linear path."""

    path = "pca"


class Mlp:
    """MLPRegressor, which has no encoder to ask for."""

    def fit(self, work, X):
        """Train from scratch."""
        from sklearn.neural_network import MLPRegressor

        self.model = MLPRegressor(
            hidden_layer_sizes=work.layers[1:-1],
            batch_size=work.batch,
            max_iter=work.n_epochs,
            tol=0,
            n_iter_no_change=work.n_epochs + 1,
            random_state=0,
        ).fit(X, X)

    def score_samples(self, X):
        """Predict, square the difference."""
        return ((self.model.predict(X) - X) ** 2).mean(axis=1)


class Pca:
    """PCA."""

    def fit(self, work, X):
        """Decompose."""
        from sklearn.decomposition import PCA

        self.model = PCA(work.widths[-1]).fit(X)

    def transform(self, X):
        """Encode."""
        return self.model.transform(X)


class Torch:
    """PyTorch's eager loop as tutorials write it, with fused Adam."""

    def fit(self, work, X):
        """Train from scratch."""
        import torch
        from torch import nn

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        rows = torch.from_numpy(X)
        layers, code = [], len(work.widths) - 1
        for i, (n_in, n_out) in enumerate(zip(work.layers, work.layers[1:]), start=1):
            layers.append(nn.Linear(n_in, n_out, dtype=rows.dtype))
            if i == len(work.layers) - 1:
                layers.append(nn.Sigmoid())
            elif i != code:
                layers.append(nn.ReLU())
        self.network = nn.Sequential(*layers)
        self.encoder = self.network[: 2 * code - 1]
        optimizer = torch.optim.Adam(self.network.parameters(), fused=True)
        for _ in range(work.n_epochs):
            order = torch.randperm(len(rows))
            for start in range(0, len(rows), work.batch):
                batch = rows[order[start : start + work.batch]]
                optimizer.zero_grad(set_to_none=True)
                loss = nn.functional.mse_loss(self.network(batch), batch)
                loss.backward()
                optimizer.step()

    def _in_blocks(self, X, function):
        import torch

        with torch.inference_mode():
            blocks = torch.from_numpy(X).split(8192)
            return torch.cat([function(block) for block in blocks]).numpy()

    def transform(self, X):
        """Encode."""
        return self._in_blocks(X, self.encoder)

    def score_samples(self, X):
        """Encode, decode, square the difference."""
        return self._in_blocks(X, lambda x: ((self.network(x) - x) ** 2).mean(1))


class Jax:
    """JAX with a whole epoch compiled: a scan over the batches."""

    compiled_for = None

    def fit(self, work, X):
        """Train from scratch."""
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", X.dtype == np.float64)
        wanted = work.layers, work.batch, X.shape, X.dtype
        if self.compiled_for != wanted:
            self.epoch, self.compiled_for = self._compile(work, jax, jnp), wanted
        rng = np.random.default_rng(0)
        theta = [
            (rng.normal(size=s).astype(X.dtype) * s[0] ** -0.5, np.zeros(s[1], X.dtype))
            for s in zip(work.layers, work.layers[1:])
        ]
        zeros = jax.tree.map(np.zeros_like, theta)
        state = theta, zeros, zeros, 0.0
        rows = jnp.asarray(X)
        for _ in range(work.n_epochs):
            order = rng.permutation(len(X))[: len(X) // work.batch * work.batch]
            state, losses = self.epoch(state, rows, order.reshape(-1, work.batch))
            losses.block_until_ready()

    @staticmethod
    def _compile(work, jax, jnp):
        code = len(work.widths) - 1

        def loss(theta, X):
            a = X
            for i, (W, b) in enumerate(theta, start=1):
                z = a @ W + b
                a = jax.nn.sigmoid(z) if i == len(theta) else z if i == code else jax.nn.relu(z)
            return ((a - X) ** 2).mean()

        def step(state, X):
            theta, first, second, t = state
            value, gradient = jax.value_and_grad(loss)(theta, X)
            t = t + 1
            first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
            second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
            rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            theta = jax.tree.map(
                lambda w, m, v: (w - rate * m / (jnp.sqrt(v) + 1e-8)).astype(w.dtype),
                theta, first, second,
            )  # fmt: skip
            return (theta, first, second, t), value

        return jax.jit(
            lambda state, X, order: jax.lax.scan(lambda s, i: step(s, X[i]), state, order)
        )


class Pyod:
    """PyOD's AutoEncoder without batch normalisation and dropout."""

    def fit(self, work, X):
        """Train from scratch."""
        from pyod.models.auto_encoder import AutoEncoder

        self.model = AutoEncoder(
            epoch_num=work.n_epochs,
            batch_size=work.batch,
            hidden_neuron_list=list(work.widths[1:]),
            batch_norm=False,
            dropout_rate=0.0,
            preprocessing=False,
            verbose=0,
        ).fit(X)


class Products:
    """The matrix products of the steps alone: 3 L - 1 for L layers."""

    def fit(self, work, X):
        """Multiply as often as training does."""
        layers = list(zip(work.layers, work.layers[1:]))
        weights = [np.ones(shape, X.dtype) for shape in layers]
        gradients = [np.ones_like(W) for W in weights]
        outputs = [np.ones((work.batch, n), X.dtype) for n in work.layers]
        calls = [(outputs[i].dot, W, outputs[i + 1]) for i, W in enumerate(weights)]
        for i, (W, dW) in enumerate(zip(weights, gradients)):
            calls.append((outputs[i].T.dot, outputs[i + 1], dW))
            if i:
                calls.append((outputs[i + 1].dot, W.T, outputs[i]))
        with np.errstate(all="ignore"):
            for _ in range(work.n_epochs * -(-len(X) // work.batch)):
                for dot, a, out in calls:
                    dot(a, out)
                outputs[0][0, 0] = outputs[-1][0, 0] = 1


PEERS = {
    "skae": (Skae, "skae", {}),
    "skae path": (SkaePath, "skae", {}),
    "mlp": (Mlp, "sklearn", {}),
    "pca": (Pca, "sklearn", {}),
    "torch 1": (Torch, "torch", {"OMP_NUM_THREADS": "1"}),
    "torch 2": (Torch, "torch", {"OMP_NUM_THREADS": "2"}),
    "jax": (Jax, "jax", {}),
    "pyod": (Pyod, "pyod", {}),
    "products": (Products, "numpy", {}),
}


# ---------------------------------------------------------------- one process a peer


def work_off(name):
    """Read jobs, a line of JSON each, and write what they took."""
    peer, fitted = PEERS[name][0](), None
    answers, sys.stdout = sys.stdout, sys.stderr  # what peers print is not an answer
    for line in sys.stdin:
        job = json.loads(line)
        work = Workload(**{**job["work"], "widths": tuple(job["work"]["widths"])})
        X = work.rows(job["dtype"])
        call = getattr(peer, job["call"])
        if job["call"] == "fit":
            if fitted != line:  # imports and compilation
                peer.fit(replace(work, n_epochs=1), X if name == "jax" else X[: 10 * work.batch])
                fitted = line
            arguments, repeats = (work, X), 1
        else:
            if fitted != job["work"]:
                peer.fit(replace(work, n_epochs=1, n_rows=1), X[:2000])
                fitted = job["work"]
            arguments = (X[:1] if job["one_row"] else X,)
            repeats = 2000 if job["one_row"] else 3
            call(*arguments)
        start = perf_counter()
        for _ in range(repeats):
            call(*arguments)
        seconds = (perf_counter() - start) / repeats
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mib": peak}), file=answers, flush=True)


class Worker:
    """A peer's process."""

    def __init__(self, name):
        self.name = name
        self.complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed at the end
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, "--worker", name],
            env=os.environ | PEERS[name][2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
        )

    def __call__(self, job):
        """Have a job done."""
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.complaints.seek(0)
            sys.exit(f"{self.name} failed at {job}:\n{self.complaints.read()[-2000:]}")
        return json.loads(answer)

    def end(self):
        """Let the process go."""
        self.process.stdin.close()
        self.process.wait()
        self.complaints.close()


def measure(name, work, call, dtype, peers, n_rounds, one_row=False):
    """Let the peers do a job in turn; return the figures of all rounds."""
    peers = [peer for peer in peers if hasattr(PEERS[peer][0], call)]
    if call == "fit":
        peers = [peer for peer in peers if peer != "pca"]
    workers = {peer: Worker(peer) for peer in peers}
    job = {"work": asdict(work), "call": call, "dtype": dtype, "one_row": one_row}
    found = {peer: [] for peer in peers}
    for i in range(n_rounds):
        for peer, worker in workers.items():
            print(f"\r{name}, round {i + 1} of {n_rounds}: {peer:12}", end="", file=sys.stderr)
            found[peer].append(worker(job))
    for worker in workers.values():
        worker.end()
    print("\r" + 70 * " ", end="\r", file=sys.stderr)
    done = (1 if one_row else work.n_rows) * (work.n_epochs if call == "fit" else 1)
    result = {"workload": name, "call": call, "dtype": dtype, "peers": {}}
    ours = [r["seconds"] for r in found["skae"]]
    for peer, rounds in found.items():
        seconds = [r["seconds"] for r in rounds]
        result["peers"][peer] = {
            "samples_per_second": done / statistics.median(seconds),
            "seconds": seconds,
            "ratio": statistics.median(b / a for a, b in zip(ours, seconds)),
            "peak_mib": max(r["peak_mib"] for r in rounds),
        }
    return result


def show(result):
    """Print one job's table: how many times as long as skae each peer took."""
    print(f"\n{result['workload']}, {result['call']}, {result['dtype']}")
    print(f"  {'':10} {'samples/s':>12} {'time / skae':>12} {'peak MiB':>9}")
    for peer, found in result["peers"].items():
        print(
            f"  {peer:10} {found['samples_per_second']:12,.0f} {found['ratio']:12.2f} "
            f"{found['peak_mib']:9.0f}"
        )
    sys.stdout.flush()


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--only", nargs="+", default=[], help="parts of names of workloads")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--sweep", nargs="+", default=[], choices=SWEEPS)
    parser.add_argument("--json", help="write all figures to this file")
    options = parser.parse_args()
    if options.worker:
        return work_off(options.worker)
    peers = ["skae", *(p for p in options.peers if p != "skae")]
    peers = [p for p in peers if importlib.util.find_spec(PEERS[p][1])]
    jobs = [(name, work, "fit", False) for name, work in FIT.items()]
    jobs += [
        (name, work, call, work.n_rows == 2_000)
        for name, work in (INFERENCE | ONE_ROW).items()
        for call in ("transform", "score_samples")
    ]
    for axis in options.sweep:
        jobs += [(name, work, "fit", False) for name, work in SWEEPS[axis].items()]
    results = []
    for name, work, call, one_row in jobs:
        if options.only and not any(part in f"{name}, {call}" for part in options.only):
            continue
        for dtype in options.dtypes:
            results.append(measure(name, work, call, dtype, peers, options.rounds, one_row))
            show(results[-1])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
