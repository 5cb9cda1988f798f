"""The end of training: a start that is exact already, and the sentences on why training ended."""

import numpy as np

from skae._kernels import run as run_kernel
from skae._network.scaling import rounding_error

EXACT, NORMAL, STALLED = "exact", "normal", "tol"  # reasons
ASKED, CONVERGED, DIVERGED = "callback", "converged", "diverged"
LIMITS = "max_iter", "max_fun"  # parameters, which are reasons too
SENTENCES = {
    EXACT: "Held-out samples are restored up to rounding errors without training",
    NORMAL: "No epoch gained, and PCA is optimal for samples that look normally distributed",
    STALLED: "Training stopped because the loss no longer fell by tol",
    ASKED: "A callback stopped training",
    CONVERGED: "L-BFGS converged",
    DIVERGED: "Training stopped because it diverged",
    "interrupted": "Training was interrupted",
} | {name: f"Training stopped at {name}" for name in LIMITS}


def is_exact(losses, shares, model):
    """Return whether outputs differ from targets by rounding errors: nothing can be learned then.

    `losses` are those of held-out samples, with a column for each size of a nested code. The
    weights of the samples add up to one in `shares`. Outputs must be linear: targets then have a
    variance of about one.
    """
    network = model.network
    is_linear = network.output_activation.is_identity and not network.loss.fused
    if network.is_variational or not is_linear:
        return False
    return bool(np.max(shares @ losses) <= rounding_loss(network.loss, model.parameters.flat.dtype))


def rounding_loss(loss, dtype):
    """Return the loss of outputs that all differ from their targets by a rounding error."""
    X, Z, errors, delta = np.zeros((4, 1, 1), dtype)
    Z[...] = rounding_error(dtype)
    run_kernel(loss.errors_and_delta(X, Z, errors, delta))
    return float(errors[0, 0])


def print_end(reason, options):
    if options.verbose:
        print(f"{SENTENCES[reason]}.")
