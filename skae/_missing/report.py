"""What `AutoencoderImputer.summary` says of a fitted imputation."""

import numpy as np

from skae._training.report import time_lines

COLUMN_WIDTHS = 26, 12, 8


def record_of(missing):
    """Return what a summary says of training samples, given which of their cells are missing."""
    return {
        "n_samples": len(missing),
        "n_incomplete": int(missing.any(axis=1).sum()),
        "missing_share": float(missing.mean()),
    }


def summary_text(state, record, n_iter, feature_errors, names):
    """Return the text of `summary`.

    `state` is the imputation as a dict, empty without features; `record` is empty if the fit is
    that of an earlier version.
    """
    noun = "feature" if len(names) == 1 else "features"
    lines = [f"AutoencoderImputer: {len(names)} {noun}"]
    if state:
        lines += ["", *density_table(state)]
    if record and state:
        lines += ["", *fit_lines(record, n_iter, state["correction"] is not None)]
        lines += error_lines(feature_errors, names)
    return "\n".join(lines)


def overall_error(feature_errors):
    """Return the root mean square of the errors of all features that have one, else NaN."""
    known = feature_errors[~np.isnan(feature_errors)]
    return float(np.sqrt(np.mean(np.square(known)))) if len(known) else np.nan


def density_table(state):
    """Return lines of the densities of an imputation, which is given as a dict, by weight."""
    kind, components, weight = COLUMN_WIDTHS
    lines = [f"{'density':<{kind}}{'components':>{components}}{'weight':>{weight}}"]
    pairs = zip(state["weights"], state["mixtures"], strict=True)
    for share, mixture in sorted(pairs, key=lambda pair: -pair[0]):
        name, n_components = density_name(mixture), len(mixture["shares"])
        lines.append(f"{name:<{kind}}{n_components:>{components}}{share:>{weight}.2f}")
    return lines


def density_name(mixture):
    """Return what kind of density a mixture, given as a dict, is."""
    if "knots" in mixture:
        return "mixture of normal scores"
    return "mixture" if len(mixture["shares"]) > 1 else "Gaussian"


def fit_lines(record, n_iter, is_corrected):
    lines = [
        f"Samples: {record['n_samples']:,}, {record['n_incomplete']:,} of them incomplete; "
        f"{record['missing_share']:.1%} of the cells missing."
    ]
    kept = "kept" if is_corrected else "not kept: hidden cells did not gain for certain"
    lines.append(f"Autoencoder: {n_iter} epochs run, {kept}." if n_iter else "Autoencoder: none.")
    return lines + time_lines(record)


def error_lines(feature_errors, names):
    overall = overall_error(feature_errors)
    if np.isnan(overall):
        return ["Error of hidden cells: unknown, as no cell could be hidden."]
    best, worst = np.nanargmin(feature_errors), np.nanargmax(feature_errors)
    return [
        f"Error of hidden cells: {overall:.2f} standard deviations, from "
        f"{feature_errors[best]:.2f} ({names[best]}) to {feature_errors[worst]:.2f} "
        f"({names[worst]}). The mean has an error of 1."
    ]
