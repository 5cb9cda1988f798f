"""Write files of fitted estimators, for later versions to read (`tests/test_persistence.py`).

    python tests/make_fixtures.py

writes tests/fixtures/skae-VERSION/: a pickle and a skops file for each class, and in
outputs.npz the rows and what each model said about them. Run it once for a version, just
before it is released, and commit what it wrote; never for a version that has been released.
Run it with the oldest dependencies (`.ci/versions oldest` leaves an environment that has
them): newer ones read what older ones write, and not always the other way round.
"""

from pathlib import Path
import pickle
import zipfile

import numpy as np
import pandas as pd

import skae


def rows(n_rows=80):
    """Four columns near a curved surface."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(n_rows, 2))
    X = np.column_stack([sources, sources[:, 0] ** 2, sources.sum(axis=1)])
    return X + 0.1 * rng.normal(size=X.shape) + [0, 1, 2, 3]


def models():
    """One of each class, between them of both dtypes, with and without names of columns."""
    X = rows()
    small = {"hidden_layer_sizes": (3,), "max_iter": 5, "random_state": 0}
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    yield skae.AutoencoderTransformer(2, **small).fit(frame)
    denoiser = skae.DenoisingAutoencoder(2, noise="masking", linear_path=None, **small)
    yield denoiser.partial_fit(X.astype(np.float32)).partial_fit(X.astype(np.float32))
    yield skae.AutoencoderOutlierDetector(2, **small).fit(X)
    yield skae.VariationalAutoencoder(2, **small).fit(X)
    yield skae.AutoencoderImputer(n_components=2, **small).fit(with_gaps(X))


def with_gaps(X):
    """Return X with missing values in two columns."""
    X = X.copy()
    X[::3, 1] = X[1::4, 2] = np.nan
    return X


def outputs(model, X):
    """What a model says about rows, by the name of the method."""
    if isinstance(model, skae.AutoencoderImputer):
        return {"transform": model.transform(with_gaps(X))}
    X = X.astype(model.theta_.dtype)
    if hasattr(model, "feature_names_in_"):
        X = pd.DataFrame(X, columns=model.feature_names_in_)
    code = np.asarray(model.transform(X))
    found = {"transform": code, "inverse_transform": np.asarray(model.inverse_transform(code))}
    methods = ["reconstruct", "score_samples"]
    if hasattr(model, "predict"):
        methods += ["decision_function", "predict", "predict_pvalue", "score_features"]
    return found | {method: np.asarray(getattr(model, method)(X)) for method in methods}


def main():
    import skops.io

    folder = Path(__file__).parent / "fixtures" / f"skae-{skae.__version__}"
    folder.mkdir(parents=True, exist_ok=True)
    X = rows(20)
    arrays = {"X": X}
    for model in models():
        name = type(model).__name__
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))
        skops.io.dump(
            model, folder / f"{name}.skops", compression=zipfile.ZIP_DEFLATED, compresslevel=9
        )
        arrays |= {f"{name}.{method}": found for method, found in outputs(model, X).items()}
    np.savez_compressed(folder / "outputs.npz", **arrays)


if __name__ == "__main__":
    main()
