"""Features for a linear classifier: 1,000 overcomplete units learned from MNIST without labels.

The protocol of Makhzani & Frey, 2013, arXiv 1312.5663, table 1: an autoencoder with one hidden
layer of 1,000 units learns from the 60,000 training images, and logistic regression classifies
by its code, which stays as it is. Their test errors: pixels 7.20 %, denoising autoencoder 1.95 %,
k-sparse autoencoder 1.35 %. Here all units learn to restore noisy images: those that are sparse by
a penalty or by the k largest of a row, too, as without noise they serve a classifier less.

    python bench_features.py --data mnist.npz          # x_train, y_train, x_test, y_test
"""

import argparse
import json
from time import perf_counter
import warnings

from bench_mnist import load
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from skae import DenoisingAutoencoder

PLAIN = {
    "hidden_layer_sizes": (),
    "linear_path": None,
    "early_stopping": False,
    "alpha": 0.0,
    "learning_rate": "cosine",
    "tol": 0,
    "random_state": 0,
}


class Progress:
    """A callback that says how far the training is."""

    def setup(self, estimator, context):
        """Count from zero."""
        self.n_epochs, self.limit = 0, estimator.max_iter

    def teardown(self, estimator, context):
        """Leave an empty line for what comes next."""
        print("\r" + 30 * " ", end="\r", flush=True)

    def on_fit_task_begin(self, estimator, context):
        """Nothing to say yet."""

    def on_fit_task_end(self, estimator, context):
        """Say which epoch is over."""
        if context.task_name == "epoch":
            self.n_epochs += 1
            print(f"\repoch {self.n_epochs} of {self.limit}", end="", flush=True)


def features(options):
    """Yield names and transformers: all but the pixels learn to restore noisy images."""
    yield "pixels", FunctionTransformer()
    sparse = {
        "denoising": {"latent_activation": "relu"},
        "sparse (KL)": {
            "sparsity": "kl",
            "sparsity_target": options.target,
            "sparsity_weight": options.weight,
            "learning_rate_init": 8e-3,
        },
        "top-k": {"latent_activation": "top_k", "sparsity_target": options.share},
    }
    for name, more in sparse.items():
        yield (
            name,
            DenoisingAutoencoder(
                options.units,
                noise=options.noise,
                noise_level=options.noise_level,
                loss="log_loss",
                max_iter=options.epochs,
                **PLAIN | more,
            ),
        )


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="mnist.npz")
    parser.add_argument("--max-rows", type=int, help="train on the first rows only")
    parser.add_argument("--units", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--noise", default="gaussian")
    parser.add_argument("--noise-level", type=float, default=0.4)
    parser.add_argument("--target", type=float, default=0.05)
    parser.add_argument("--weight", type=float, default=0.003)
    parser.add_argument("--share", type=float, default=0.15, help="of the units that top-k keeps")
    parser.add_argument("--C", type=float, default=[0.03, 0.1], nargs="+")
    parser.add_argument("--only", help="part of a name")
    parser.add_argument("--output", help="write the figures to this file, as JSON")
    options = parser.parse_args()
    (X, X_test), (y, y_test) = load(options.data)
    X, y = X[: options.max_rows], y[: options.max_rows]
    n_fit = len(X) * 5 // 6
    warnings.simplefilter("ignore", ConvergenceWarning)
    results = []
    print(f"{'features':12} {'seconds':>8} {'C':>6} {'training error':>15} {'test error':>11}")
    for name, reducer in features(options):
        if options.only and options.only not in name:
            continue
        start = perf_counter()
        if name != "pixels":
            reducer.set_callbacks(Progress())
        code, code_test = reducer.fit(X).transform(X), reducer.transform(X_test)
        seconds = perf_counter() - start

        size = np.sqrt(np.square(code).mean())
        code, code_test = code / size, code_test / size

        def classifier(C):
            return LogisticRegression(C=C, max_iter=150)

        # The penalty is chosen on the last sixth of the training images.
        judged = {
            C: classifier(C).fit(code[:n_fit], y[:n_fit]).score(code[n_fit:], y[n_fit:])
            for C in options.C
        }
        C = max(judged, key=judged.get)
        chosen = classifier(C).fit(code, y)
        errors = [100 - 100 * chosen.score(*rows) for rows in ((code, y), (code_test, y_test))]
        results.append({"features": name, "seconds": seconds, "C": C, "errors": errors})
        line = "{:12} {:8.0f} {:6.3g} {:13.2f} % {:9.2f} %"
        print(line.format(name, seconds, C, *errors), flush=True)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as file:
            json.dump(results, file)


if __name__ == "__main__":
    main()
