"""Hash what fitted estimators answer, so that a refactoring can prove that it changed no bit.

    python tests/golden.py write golden.json     before the change
    python tests/golden.py check golden.json     after it

Bits depend on the processor and on the versions of NumPy and SciPy: write and check on one
machine, in one environment. A check names each model and each answer that differs and ends
with status 1. Not part of the test suite.
"""

import argparse
import hashlib
import json
from pathlib import Path
import sys
import warnings

import numpy as np
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder

SHORT = {"hidden_layer_sizes": (16,), "max_iter": 6, "n_iter_no_change": 3, "random_state": 0}
ATTRIBUTES = [
    "theta_",
    "mean_",
    "scale_",
    "code_scale_",
    "reach_",
    "bounds_",
    "loss_curve_",
    "validation_loss_curve_",
    "explained_variance_ratio_",
    "reconstruction_err_",
    "best_loss_",
    "best_iter_",
    "n_iter_",
    "t_",
    "n_components_",
    "n_samples_seen_",
    "offset_",
    "calibration_scores_",
    "calibration_weights_",
]
METHODS = ["transform", "reconstruct", "score_samples", "score_features", "predict_pvalue"]


def tables():
    """Return the training samples by name."""
    rng = np.random.default_rng(0)
    digits = load_digits().data / 16
    sources = rng.normal(size=(1200, 2))
    curved = np.column_stack([sources, sources[:, 0] ** 2, np.sin(2 * sources).sum(axis=1)])
    curved += 0.1 * rng.normal(size=curved.shape)
    counts = rng.poisson(np.exp(0.7 * sources @ rng.normal(size=(2, 6)))).astype(float)
    return {
        "digits": digits,
        "few digits": digits[:300],
        "iris": load_iris().data,
        "wine": StandardScaler().fit_transform(load_wine().data),
        "curved": curved,
        "counts": counts[:400],
        "unit": MinMaxScaler().fit_transform(curved)[:700],
        "wide": rng.normal(size=(40, 120)) @ rng.normal(size=(120, 120)),
    }


def fits():
    """Yield name, table, estimator and keyword arguments of `fit`."""
    for solver in ("adam", "sgd", "shampoo", "lbfgs"):
        for table in ("curved", "iris"):
            yield f"{solver}, {table}", table, AutoencoderTransformer(solver=solver, **SHORT), {}
    for schedule in ("invscaling", "cosine"):
        yield schedule, "curved", AutoencoderTransformer(learning_rate=schedule, **SHORT), {}
    plain = {
        "defaults, held out": {},
        "no early stopping": {"early_stopping": False},
        "no linear path": {"linear_path": None},
        "kl": {"sparsity": "kl", "n_components": 4},
        "l1": {"sparsity": "l1", "n_components": 3},
        "top_k": {"latent_activation": "top_k", "sparsity_target": 0.5, "n_components": 3},
        "deep": {"hidden_layer_sizes": (24, 12)},
        "linear": {"hidden_layer_sizes": ()},
        "huber": {"loss": "huber"},
        "absolute": {"loss": "absolute_error"},
        "tanh, logistic output": {"activation": "tanh", "output_activation": "logistic"},
        "share": {"n_components": 0.8},
        "nested": {"nested": True, "n_components": 5},
        "nested share": {"nested": True, "n_components": 0.9},
        "nested, no path": {"nested": True, "n_components": 4, "linear_path": None},
        "no averaging": {"averaging": 0.0},
        "batch of one": {"batch_size": 1, "max_iter": 1},
    }
    for table in ("digits", "few digits", "wine"):
        for name, parameters in plain.items():
            if name == "batch of one" and table == "digits":
                continue
            yield f"{name}, {table}", table, AutoencoderTransformer(**SHORT | parameters), {}
    yield "log_loss", "unit", AutoencoderTransformer(loss="log_loss", **SHORT), {}
    yield "poisson", "counts", AutoencoderTransformer(loss="poisson", **SHORT), {}
    yield "wide", "wide", AutoencoderTransformer(5, **SHORT), {}
    long = SHORT | {"max_iter": 60, "n_iter_no_change": 15}
    yield "long, cross-validated", "wine", AutoencoderTransformer(3, **long), {}
    yield "long, held out", "curved", AutoencoderTransformer(2, **long), {}
    yield "long, nested", "wine", AutoencoderTransformer(4, nested=True, **long), {}
    yield "long, nested, held out", "curved", AutoencoderTransformer(3, nested=True, **long), {}
    large = SHORT | {"hidden_layer_sizes": (400, 300), "batch_size": 600, "max_iter": 2}
    yield "in parts", "digits", AutoencoderTransformer(8, **large), {}
    yield "in parts, nested", "digits", AutoencoderTransformer(8, nested=True, **large), {}
    yield "in parts, shampoo", "digits", AutoencoderTransformer(8, solver="shampoo", **large), {}
    for noise in ("gaussian", "masking", "salt_pepper", "swap", None):
        denoiser = DenoisingAutoencoder(3, noise=noise, **SHORT)
        yield f"noise {noise}", "curved", denoiser, {}
        yield f"noise {noise}, few", "wine", denoiser, {}
    yield "noise, nested", "few digits", DenoisingAutoencoder(4, nested=True, **SHORT), {}
    for criterion in ("likelihood", "reconstruction"):
        for table in ("curved", "wine", "iris"):
            detector = AutoencoderOutlierDetector(criterion=criterion, **SHORT)
            yield f"detector, {criterion}, {table}", table, detector, {}
    detector = AutoencoderOutlierDetector(max_samples=500, contamination=0.05, **SHORT)
    yield "detector, drawn", "curved", detector, {}
    detector = AutoencoderOutlierDetector(activation="auto", **SHORT)
    yield "detector, auto", "few digits", detector, {}
    yield "X_val", "curved", AutoencoderTransformer(**SHORT), {"X_val": slice(0, 200)}
    weights = np.random.default_rng(1).integers(0, 3, size=1200)
    for Estimator in (AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector):
        name = f"weights, {Estimator.__name__}"
        yield name, "curved", Estimator(2, **SHORT), {"sample_weight": weights}
        yield f"{name}, few", "wine", Estimator(2, **SHORT), {"sample_weight": weights}


def prepared(X, options):
    """Return keyword arguments of `fit` with samples in the place of slices."""
    found = {}
    if "X_val" in options:
        found["X_val"] = X[options["X_val"]]
    if "sample_weight" in options:
        found["sample_weight"] = options["sample_weight"][: len(X)]
    return found


def models():
    """Yield name, fitted estimator and samples for every configuration and dtype."""
    data = tables()
    for dtype in (np.float64, np.float32):
        for name, table, estimator, options in fits():
            X = data[table].astype(dtype)
            estimator.fit(X, **prepared(X, options))
            yield f"{name}, {np.dtype(dtype)}", estimator, X
        for Estimator in (AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector):
            X, name = data["curved"].astype(dtype), f"{Estimator.__name__}, {np.dtype(dtype)}"
            model = Estimator(2, **SHORT)
            for start in range(0, 600, 200):
                model.partial_fit(X[start : start + 200])
            yield f"partial_fit, {name}", model, X
            for options in ({}, {"solver": "lbfgs"}, {"early_stopping": False}):
                model = Estimator(2, warm_start=True, **SHORT | options).fit(X)
                model.fit(X)
                yield f"warm start {options}, {name}", model, X
        X = data["curved"].astype(dtype)
        denoiser = DenoisingAutoencoder(2, **SHORT).fit(X + 0.3, X_clean=X)
        yield f"X_clean, {np.dtype(dtype)}", denoiser, X
        nested = AutoencoderTransformer(3, nested=True, warm_start=True, **SHORT).fit(X).fit(X)
        yield f"warm start, nested, {np.dtype(dtype)}", nested, X


def digest(value):
    """Return a short hash of the bits of a value."""
    if value is None:
        return "None"
    array = np.ascontiguousarray(value)
    found = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()[:16]


def answers(model, X):
    """Return the hash of each fitted attribute and of what each method says."""
    found = {name: digest(getattr(model, name)) for name in ATTRIBUTES if hasattr(model, name)}
    architecture = {k: v for k, v in model.architecture_.items() if k != "margin"}
    found["architecture_"] = hashlib.sha256(repr(architecture).encode()).hexdigest()[:16]
    for name in METHODS:
        if hasattr(model, name):
            found[name] = digest(getattr(model, name)(X))
    found["one sample"] = digest(model.transform(X[:1]))
    found["beyond"] = digest(model.reconstruct(20 * X[:5]) if model.loss != "log_loss" else None)
    code = model.transform(X)
    found["inverse_transform"] = digest(model.inverse_transform(code))
    if getattr(model, "nested", False):
        found["first column"] = digest(model.inverse_transform(code[:, :1]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=["write", "check"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    found = {name: answers(model, X) for name, model, X in models()}
    if arguments.action == "write":
        arguments.file.write_text(json.dumps(found, indent=1))
        print(f"{len(found)} models, {sum(map(len, found.values()))} hashes")
        return 0
    expected = json.loads(arguments.file.read_text())
    n_different = 0
    for name in expected.keys() | found.keys():
        before, after = expected.get(name, {}), found.get(name, {})
        different = [
            key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
        ]
        if different:
            n_different += 1
            print(f"{name}: {', '.join(different)}")
    print(f"{n_different} of {len(expected)} models differ")
    return int(n_different > 0)


if __name__ == "__main__":
    sys.exit(main())
