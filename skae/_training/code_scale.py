"""The scale of the code: its variance is the variance of the samples that it explains."""

from dataclasses import replace
import math

from skae._network.code_order import code_variances
from skae._sampling import evenly_spaced


def with_code_scale(run, model, explained, max_rows):
    """Return the model with the scale of its code, and the variance of each column.

    The total variance of a linear code is the variance of the samples that it explains, as in PCA:
    `explained` are the shares of its columns. PCA's own code, which a linear encoder has too, a
    code with another activation or a penalty, a code without variance and a variational one, which
    has that of its prior, keep their scale. At most `max_rows` samples are measured, fewer with a
    large network.
    """
    variances, total = _measure(run, model, max_rows)
    share, is_linear = float(explained.sum()), model.network.latent_activation.is_identity
    is_free = is_linear and run.options.penalty is None and run.options.bound is None
    has_linear_encoder = run.state.fixed_encoder or run.options.has_linear_encoder
    is_trained = (run.resumed or run.history.best_iter > 0) and not has_linear_encoder
    if is_free and is_trained and share * variances.sum() > 0:
        code_scale = math.sqrt(share * total / variances.sum())
        if model.scaling.scale.ndim == 0:
            code_scale *= float(model.scaling.scale)
        model = replace(model, code_scale=model.code_scale.dtype.type(code_scale).reshape(()))
    return model, _unbiased(run, model, variances)


def running_variances(run, model, max_rows):
    """Return the variance of each column of the code over all samples of all passes."""
    variances = _unbiased(run, model, _measure(run, model, max_rows)[0])
    before = run.previous.explained_variance if run.resumed else None
    if before is None:
        return variances
    share = run.rows.n_given / (run.rows.n_given + run.previous.n_samples_seen)
    return share * variances + (1 - share) * before


def _measure(run, model, max_rows):
    """Return the variances of the code's columns and the total variance of the scaled samples."""
    X, weights, max_rows = run.rows.target, run.rows.weights, model.n_measured(max_rows)
    if len(X) > max_rows:
        chosen = evenly_spaced(len(X), max_rows)
        X, weights = X[chosen], weights[chosen]
    return code_variances(model, X, weights)


def _unbiased(run, model, variances):
    """Return the variances in the units of the code, with PCA's divisor: total weight less one."""
    total_weight = run.trainer.total_weight
    unbiased = total_weight / (total_weight - 1) if total_weight > 1 else 1.0
    return variances * float(model.code_scale) ** 2 * unbiased
