"""Sparse samples: memory, error and time of AutoencoderTransformer on a tf-idf matrix.

The matrix is made: words follow Zipf's law, each document mixes a few of 60 topics, and
TfidfTransformer weights the counts. Three things are measured.

- error: the share of the squares of held-out rows that a reduction to k components leaves, for
  TruncatedSVD, PCA where scikit-learn's takes sparse matrices, and AutoencoderTransformer.
- memory: the resident memory that `fit` and `transform` add to the matrix, at their peak, in a
  process of its own. It is compared with 0.5 matrix + parameters + 64 MB, and with the vectors of
  the length of the parameters that training holds: Adam alone has two.
- time: processor time of an epoch on sparse rows over that on the same rows made dense.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from skae import AutoencoderTransformer

N_TOPICS, TOPIC_WORDS = 60, 400
MB = 1e6


def corpus(n_documents, n_words, seed=0, dtype=np.float32):
    """Return a tf-idf matrix of documents with Zipf's words and topics, in CSR format."""
    rng = np.random.default_rng(seed)
    zipf = 1 / (np.arange(n_words) + 2.7)
    zipf /= zipf.sum()
    topics = []
    for _ in range(N_TOPICS):
        words = rng.choice(n_words, min(TOPIC_WORDS, n_words // 4), replace=False)
        shares = zipf[words] ** 0.7 * rng.gamma(1.0, size=len(words))
        topics.append((words, shares / shares.sum()))
    rows, columns = [], []
    for i in range(n_documents):
        length = int(np.clip(rng.lognormal(4.8, 0.6), 20, 2000))
        words = [rng.choice(n_words, size=length // 2, p=zipf)]
        chosen = rng.choice(N_TOPICS, size=rng.integers(1, 4), replace=False)
        for topic, share in zip(chosen, rng.dirichlet(np.ones(len(chosen)))):
            size = int(share * (length - length // 2))
            words.append(rng.choice(topics[topic][0], size=size, p=topics[topic][1]))
        words = np.concatenate(words)
        rows.append(np.full(len(words), i))
        columns.append(words)
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    counts = sparse.csr_matrix((np.ones(len(rows), dtype), (rows, columns)), (n_documents, n_words))
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts).astype(dtype)


def n_bytes(matrix):
    """Return the size of a CSR matrix."""
    return matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes


def left_over(reducer, X):
    """Return the share of the squares of X that a fitted reducer leaves, block by block."""
    error = 0.0
    for start in range(0, X.shape[0], 256):
        block = X[start : start + 256]
        if hasattr(reducer, "reconstruct"):
            restored = reducer.reconstruct(block)
        else:
            restored = reducer.inverse_transform(reducer.transform(block))
        error += np.square(block.toarray() - restored, dtype=np.float64).sum()
    return error / float(X.multiply(X).sum())


def measure_error(X, sizes, max_iter):
    """Yield rows of the table of errors on every tenth row, held out."""
    is_test = np.arange(X.shape[0]) % 10 == 0
    train, test = X[~is_test], X[is_test]
    for k in sizes:
        reducers = {"TruncatedSVD": TruncatedSVD(k, random_state=0)}
        reducers["PCA"] = PCA(k, svd_solver="arpack", random_state=0)
        reducers["AutoencoderTransformer"] = AutoencoderTransformer(
            k, max_iter=max_iter, random_state=0
        )
        for name, reducer in reducers.items():
            start = time.process_time()
            reducer.fit(train)
            seconds = time.process_time() - start
            found = {"k": k, "reducer": name, "error": left_over(reducer, test)}
            found |= {"seconds": seconds, "epochs": getattr(reducer, "n_iter_", None)}
            print(f"{k:4d}  {name:24s} {found['error']:.4f}  {seconds:7.1f} s", flush=True)
            yield found


def measure_memory(shape, dtype, k):
    """Return the memory that fit and transform add at their peak; run in a process of its own."""
    X = corpus(*shape, dtype=np.dtype(dtype))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * resource.getpagesize()
    autoencoder = AutoencoderTransformer(k, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        autoencoder.fit(X).transform(X)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    added = peak * 1024 - resident
    matrix, parameters = n_bytes(X), autoencoder.theta_.nbytes
    return {
        "shape": list(shape),
        "dtype": dtype,
        "k": k,
        "matrix_mb": matrix / MB,
        "parameters_mb": parameters / MB,
        "added_mb": added / MB,
        "goal_mb": (0.5 * matrix + parameters) / MB + 64,
        "vectors_mb": 7 * parameters / MB,
        "dense_mb": X.shape[0] * X.shape[1] * X.dtype.itemsize / MB,
        "peak_before_fit_mb": before * 1024 / MB,
    }


def measure_time(shape, k, n_epochs, n_rounds):
    """Return the processor time of an epoch on sparse rows and on dense ones, interleaved."""
    X = corpus(*shape)
    dense = X.toarray()
    seconds = {"sparse": [], "dense": []}

    def train(samples, n):
        model = AutoencoderTransformer(k, max_iter=n, early_stopping=False, random_state=0)
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(samples)
        return time.process_time() - start

    for _ in range(n_rounds):
        for name, samples in (("sparse", X), ("dense", dense)):
            seconds[name].append((train(samples, 1 + n_epochs) - train(samples, 1)) / n_epochs)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    ratio = medians["sparse"] / medians["dense"]
    print(f"epoch: sparse {medians['sparse']:.2f} s, dense {medians['dense']:.2f} s, {ratio:.2f}")
    return {"shape": list(shape), "k": k} | medians | {"ratio": ratio}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=int, nargs=2, default=(11_000, 20_000))
    parser.add_argument("--time-shape", type=int, nargs=2, default=(4_000, 5_000))
    parser.add_argument("--sizes", type=int, nargs="+", default=(8, 32), help="components")
    parser.add_argument("--max-iter", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtypes", nargs="+", default=("float32", "float64"))
    parts = ("error", "memory", "time")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--memory-of", nargs=2, metavar=("DTYPE", "K"), help=argparse.SUPPRESS)
    parser.add_argument("--output", help="JSON file to write")
    options = parser.parse_args()
    if options.memory_of:
        dtype, k = options.memory_of
        print(json.dumps(measure_memory(options.shape, dtype, int(k))))
        return
    results = {}
    if "error" in options.parts:
        X = corpus(*options.shape)
        shown = f"{X.shape[0]} x {X.shape[1]}, {X.nnz / X.shape[0]:.0f} entries a row"
        print(f"error on held-out rows, {shown}")
        results["error"] = list(measure_error(X, options.sizes, options.max_iter))
        results["entries"] = int(X.nnz)
    if "memory" in options.parts:
        results["memory"] = []
        for dtype in options.dtypes:
            arguments = ["--memory-of", dtype, str(options.sizes[-1])]
            arguments += ["--shape", *map(str, options.shape)]
            command = [sys.executable, __file__, *arguments]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found = json.loads(output.splitlines()[-1])
            results["memory"].append(found)
            names = ("matrix_mb", "parameters_mb", "added_mb", "goal_mb", "vectors_mb", "dense_mb")
            print(dtype, *[f"{name} {found[name]:.0f}" for name in names], flush=True)
    if "time" in options.parts:
        k = options.sizes[0]
        results["time"] = measure_time(options.time_shape, k, 2, options.rounds)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
