"""The end of training: a start that is exact already, and what the user is told."""

import numpy as np

from skae._kernels import run as run_kernel

# Of the machine epsilon: the error of PCA, in standard deviations, that counts as rounding. It is
# 1e-11 in float64, as the directions of a covariance that is nearly singular are inexact.
ROUNDING_POWER = 0.7

EXACT = "the held-out samples are restored up to rounding errors without training"
STALLED = "the loss has not fallen by tol={tol} of its value in n_iter_no_change={n} epochs"
ASKED = "a callback stopped it"
CONVERGED = "L-BFGS has converged"
LIMITS = "max_iter", "max_fun"


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


def rounding_error(dtype):
    """Return the largest difference that counts as a rounding error, in standard deviations."""
    return float(np.finfo(dtype).eps ** ROUNDING_POWER)


def rounding_loss(loss, dtype):
    """Return the loss of outputs that all differ from their targets by a rounding error."""
    X, Z, errors, delta = np.zeros((4, 1, 1), dtype)
    Z[...] = rounding_error(dtype)
    run_kernel(loss.errors_and_delta(X, Z, errors, delta))
    return float(errors[0, 0])


def print_end(reason, options):
    """Print why training ended if `verbose`: one of the reasons above, or the name of a limit."""
    if options.verbose:
        value = f"={getattr(options.solver, reason)} is reached" if reason in LIMITS else ""
        print(f"Training ended: {reason}{value}.")
