"""The scale of the code: its variance is the variance of the samples that it explains."""

from dataclasses import replace
import math

import numpy as np

from skae._network.code_order import code_variances
from skae._network.inference import blocks
from skae._sampling import evenly_spaced


def with_code_scale(run, model, explained, max_rows):
    """Return the model with the scale of its code, and the variance of each column.

    The total variance of a linear code is the variance of the samples that it explains, as in PCA:
    `explained` are the shares of its columns. PCA's own code, which a linear encoder has too, a
    code with another activation or a penalty, a constant one and a variational one, which has the
    scale of its prior, keep theirs.
    """
    variances, _, total = _measure(run, model, max_rows)
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
    """Return the variance of each column of the code over the samples of all passes.

    Variances and means of the passes are pooled (Chan, Golub & LeVeque, 1983, The American
    Statistician 37), each measured with the model after its pass. The mean so far is kept in the
    optimizer's memory; after `fit`, it is the code of the mean sample.
    """
    variances, means, _ = _measure(run, model, max_rows)
    variances, means = _unbiased(run, model, variances), means * float(model.code_scale)
    memory, before = run.state.optimizer, run.previous.explained_variance if run.resumed else None
    if before is None:
        memory["code_mean"] = means
        return variances
    n_new, n_before = run.rows.n_given, run.previous.n_samples_seen
    n_all = n_before + n_new
    mean_before = memory.get("code_mean")
    if mean_before is None:
        mean_before = _code_of_mean(model) * float(model.code_scale)
    shift = means - mean_before
    memory["code_mean"] = mean_before + n_new / n_all * shift
    squares = (n_before - 1) * before + max(n_new - 1, 0) * variances
    return (squares + n_before * n_new / n_all * np.square(shift)) / (n_all - 1)


def start_variances(model, moments):
    """Return variance and mean of each column of PCA's code of samples with these moments."""
    scaling, encoder, code_scale = model.scaling, model.parameters.path[0], model.code_scale
    unbiased = max(moments.weight - 1, 1.0)
    squares = np.square(moments.factor / scaling.scale @ encoder).sum(axis=0)
    means = (moments.mean - scaling.mean) / scaling.scale @ encoder
    return squares / unbiased * float(code_scale) ** 2, means * float(code_scale)


def _code_of_mean(model):
    """Return the network's own code of the mean sample."""
    sample = model.scaling.mean.reshape(1, -1)
    (_, code), *_ = blocks(sample, model, "encode", raw=True)
    return code[0].astype(np.float64)


def _measure(run, model, max_rows):
    """Return variances and means of the code's columns, and the scaled samples' total variance."""
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
