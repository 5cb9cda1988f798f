"""Export to ONNX: how far onnxruntime is from scikit-learn, and how fast, with the defaults.

A difference is the largest one over all rows, as a share of the largest number of that
output. Models are fitted on half of the rows, in one dtype, and given the other half in the
same one. Times are those of all rows at once and of one row, on one thread each, the least
of several.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn import datasets

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae.export import Decoder, Encoder, Reconstructor, SampleScorer

DATASETS = ("iris", "wine", "diabetes", "breast_cancer", "digits")
ESTIMATORS = (AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector)


def session(part, X):
    """Return a function that sends rows through the exported part."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = to_onnx(part, X[:1]).SerializeToString()
    opened = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    name = opened.get_inputs()[0].name
    return lambda X: opened.run(None, {name: X})


def difference(found, expected):
    """The largest one, as a share of the largest number."""
    return float(np.abs(found.astype(np.float64) - expected).max() / np.abs(expected).max())


def seconds(call, n_runs=20):
    """The least time of several."""
    times = []
    for _ in range(n_runs):
        begun = perf_counter()
        call()
        times.append(perf_counter() - begun)
    return min(times)


def cases(options):
    """Yield what was measured of each estimator, data set and dtype."""
    for name in options.datasets:
        X = getattr(datasets, f"load_{name}")().data
        X = X[np.random.default_rng(0).permutation(len(X))]
        for dtype in (np.float32, np.float64):
            for Estimator in ESTIMATORS:
                half = len(X) // 2
                model = Estimator(2, max_iter=options.max_iter, random_state=0)
                model.fit(X[:half].astype(dtype))
                given = np.ascontiguousarray(X[half:], dtype)
                yield measured(model, given) | {"dataset": name, "n_rows": len(given)}


def measured(model, X):
    """Differences of all parts; times of the code."""
    code = model.transform(X)
    parts = {
        "code": (Encoder(model), X, code),
        "decoded": (Decoder(model), code, model.inverse_transform(code)),
        "reconstruction": (Reconstructor(model), X, model.reconstruct(X)),
        "score_samples": (SampleScorer(model), X, model.score_samples(X)[:, np.newaxis]),
    }
    found = {
        name: difference(session(part, given)(given)[0], expected)
        for name, (part, given, expected) in parts.items()
    }
    encode = session(Encoder(model), X)
    found["seconds"] = {
        "skae": seconds(lambda: model.transform(X)),
        "onnxruntime": seconds(lambda: encode(X)),
        "skae, one row": seconds(lambda: model.transform(X[:1])),
        "onnxruntime, one row": seconds(lambda: encode(X[:1])),
    }
    if hasattr(model, "predict"):
        labels = session(model, X)(X)[0][:, 0]
        found["labels that differ"] = int(np.sum(labels != model.predict(X)))
    return found | {"estimator": type(model).__name__, "dtype": str(X.dtype)}


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=DATASETS)
    parser.add_argument("--max-iter", type=int, default=50, help="epochs (default: 50)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args()
    columns = ("code", "decoded", "reconstruction", "score_samples")
    print(f"{'estimator':28}{'dtype':9}{'data':15}" + "".join(f"{c:>16}" for c in columns))
    rows, largest = [], {}
    for case in cases(options):
        rows.append(case)
        kind = case["estimator"], case["dtype"]
        differences = [case[column] for column in columns]
        largest[kind] = np.maximum(largest.get(kind, 0), differences)
        print(
            f"{case['estimator']:28}{case['dtype']:9}{case['dataset']:15}"
            + "".join(f"{value:16.1e}" for value in differences)
            + f"   labels that differ: {case.get('labels that differ', '-')}; ms: "
            + ", ".join(f"{name} {1e3 * t:.3f}" for name, t in case["seconds"].items()),
            flush=True,
        )
    for (estimator, dtype), values in largest.items():
        print(f"{estimator:28}{dtype:9}{'largest':15}" + "".join(f"{v:16.1e}" for v in values))
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
