"""Reconstruction of MNIST by a deep autoencoder, 784-1000-500-250-30, against the clock.

The measure is that of the literature: pixels from 0 to 1, squared errors summed over the pixels
of an image, averaged over the 10,000 test images. There: PCA 13.87, Hinton & Salakhutdinov 2006
3.00, Martens 2010 2.28, and 2.55 without pretraining. With `--defaults` instead: the defaults at
2, 8, 16 and 30 columns, with the accuracy of classifiers on the codes.

    python bench_mnist.py --data mnist.npz          # x_train, y_train, x_test, y_test

The clock stands still while test images are reconstructed. With `--copies` training images are
there in so many distorted versions besides, each turned, stretched, sheared and moved a little:
what is learned is then no longer of the 60,000 images alone, as it was in the literature. An epoch
goes through all versions, and the clock runs while they are made.
"""

import argparse
import json
from time import perf_counter

from joblib import Parallel, delayed
import numpy as np
from scipy import ndimage
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, DenoisingAutoencoder


def load(path):
    """Return training images, test images and their labels, an image a row, pixels up to 1."""
    with np.load(path) as archive:
        images = [archive[name] for name in ("x_train", "x_test")]
        labels = archive["y_train"], archive["y_test"]
    return [x.reshape(len(x), -1).astype(np.float32) / 255 for x in images], labels


def distorted(X, rng):
    """Return images turned up to 8 degrees, stretched 8 %, sheared 0.1 and moved half a pixel."""
    found = np.empty_like(X)
    center = np.full(2, 13.5)
    for image, out in zip(X.reshape(-1, 28, 28), found.reshape(-1, 28, 28)):
        angle = np.deg2rad(rng.uniform(-8, 8))
        turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        shear = [[1, 0], [rng.uniform(-0.1, 0.1), 1]]
        matrix = turn @ (shear * (1 + rng.uniform(-0.08, 0.08, 2)))
        offset = center - matrix @ center + rng.uniform(-0.5, 0.5, 2)
        ndimage.affine_transform(image, matrix, offset, output=out)
    return np.clip(found, 0, 1, out=found)


def test_error(model, X):
    """Squared error summed over pixels, averaged over images."""
    errors = (model.inverse_transform(model.transform(X)) - X) ** 2
    return float(errors.sum(axis=1, dtype=np.float64).mean())


class Stopwatch:
    """A callback that notes seconds and test error after each epoch, and stops in time."""

    def __init__(self, X_test, seconds):
        self.X_test, self.limit = X_test, seconds
        self.start, self.found = perf_counter(), []

    def setup(self, estimator, context):
        """The clock runs already."""

    def teardown(self, estimator, context):
        """Nothing is left to do."""

    def on_fit_task_begin(self, estimator, context):
        """Go on from where the clock was stopped."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """Look at the model as it stands."""
        if context.task_name != "epoch":
            return False
        seconds = perf_counter() - self.start
        error = test_error(fitted_estimator, self.X_test)
        self.found.append((seconds, error))
        print(f"epoch {len(self.found):3}  {seconds:7.1f} s  test error {error:7.3f}", flush=True)
        self.start += perf_counter() - self.start - seconds
        return seconds > self.limit


def train_deep(options):
    """Train the deep network against the clock."""
    (X, X_test), _ = load(options.data)
    X = X[: options.max_rows]
    Model, noise = AutoencoderTransformer, {}
    if options.noise:
        Model, noise = DenoisingAutoencoder, {"noise_level": options.noise}
    model = Model(
        30,
        hidden_layer_sizes=(1000, 500, 250),
        activation=options.activation,
        solver=options.solver,
        loss="log_loss",
        linear_path=None if options.plain else "pca",
        batch_size=options.batch_size,
        learning_rate="cosine",
        learning_rate_init=options.learning_rate,
        alpha=options.alpha,
        averaging=options.averaging,
        early_stopping=False,
        max_iter=options.epochs,
        tol=0,
        n_iter_no_change=options.epochs,
        random_state=options.seed,
        **noise,
    )
    print(f"PCA(30): {test_error(PCA(30).fit(X), X_test):.3f}")
    watch = Stopwatch(X_test, 60 * options.minutes)
    versions = [X]
    rngs = np.random.default_rng(options.seed).spawn(options.copies)
    versions += Parallel(n_jobs=2)(delayed(distorted)(X, rng) for rng in rngs)
    model.set_callbacks(watch).fit(np.concatenate(versions))
    print(f"best test error {min(error for _, error in watch.found):.3f}")
    print(f"training error {test_error(model, X[:10_000]):.3f}, of 10,000 images at most")
    return watch.found


def train_defaults(options):
    """Fit the defaults on all rows; compare them and their codes with PCA's."""
    (X, X_test), (y, y_test) = load(options.data)
    X, y = X[: options.max_rows], y[: options.max_rows]
    results = []
    print(f"{'':12} {'d':>3} {'seconds':>8} {'error':>7} {'logistic':>9} {'5-NN':>6}")
    for size in options.sizes:
        for model in (PCA(size), AutoencoderTransformer(size, random_state=0)):
            start = perf_counter()
            model.fit(X)
            seconds = perf_counter() - start
            code, code_test = model.transform(X), model.transform(X_test)
            logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
            accuracy = logistic.fit(code, y).score(code_test, y_test)
            nearest = KNeighborsClassifier(5).fit(code, y).score(code_test, y_test)
            name = type(model).__name__[:11]
            results.append((name, size, seconds, test_error(model, X_test), accuracy, nearest))
            print("{:12} {:3} {:8.1f} {:7.2f} {:9.3f} {:6.3f}".format(*results[-1]), flush=True)
    return results


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="mnist.npz")
    parser.add_argument("--defaults", action="store_true", help="the defaults at several sizes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 8, 16, 30])
    parser.add_argument("--max-rows", type=int, help="train on the first rows only")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--solver", choices=["adam", "shampoo"], default="adam")
    parser.add_argument("--plain", action="store_true", help="no linear path")
    parser.add_argument("--alpha", type=float, default=0.0)
    parser.add_argument(
        "--noise", type=float, default=0.0, help="deviation of noise to learn to remove"
    )
    parser.add_argument(
        "--copies", type=int, default=0, help="distorted versions of each image besides itself"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--averaging", type=float, default=0.998)
    parser.add_argument("--output", help="write the figures to this file, as JSON")
    options = parser.parse_args()
    found = (train_defaults if options.defaults else train_deep)(options)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(found, file)


if __name__ == "__main__":
    main()
