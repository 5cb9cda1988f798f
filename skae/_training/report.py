"""What happened in a fit: a record of plain values, and the sentences that state it.

The record is a dict. `way` tells how the epoch was selected: by "held-out" samples, by a
"validation set", by "folds", not at all ("plain"), or "passes" of `partial_fit`. `n_train` and
`n_validation` count samples. `ending` is why training ended: see `ending`.
"""

import numpy as np

from skae._training.ending import DIVERGED, EXACT, SENTENCES

MIN_FALL = 0.02  # of the loss in the last epochs, for training to count as unfinished
MAX_RISE = 2.0  # of the loss of an epoch, in units of one plus the loss at the start
FEW_SAMPLES = 100  # below which a gain over PCA is seldom certain
MAX_SCALE_RATIO = 1000  # of the deviations of the features of one table
MIN_LARGEST_SHARE = 0.5  # of the variance, so that a feature decides what is reconstructed
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}
NUMBERS |= {9: "nine", 10: "ten"}


def relative_fall(losses, n_last):
    """Return by what share the lowest of the last losses is below the lowest before; at least 0.

    With no more than 2 n_last losses it is too early to tell, and the result is 0.
    """
    if len(losses) <= 2 * n_last:
        return 0.0
    before, last = min(losses[:-n_last]), min(losses[-n_last:])
    return max((before - last) / abs(before), 0.0) if before else 0.0


def unfinished_warning(record, losses, solver):
    """Return a warning that `max_iter` ended a training whose loss was falling; else None.

    The losses are those since the last restart, of the validation samples if there are any.
    L-BFGS has a warning of its own.
    """
    n_last = solver.n_iter_no_change
    fall = relative_fall(losses, n_last)
    if record.get("ending") != "max_iter" or solver.is_lbfgs or fall < MIN_FALL:
        return None
    noun = "training" if record["way"] == "plain" else "validation"
    return (
        f"Training stopped at max_iter={solver.max_iter}, but the {noun} loss was still falling, "
        f"by {_percent(fall)} in the last {n_last} epochs. Raise max_iter."
    )


def has_risen(start, loss):
    return loss > start + MAX_RISE * (1 + abs(start))


def rate_warning(start, loss, solver):
    return (
        f"The training loss rose from {start:.3g} to {loss:.3g}, and no epoch was certainly better "
        "than the start, which is kept. Lower learning_rate_init (now "
        f"{solver.learning_rate_init:g}), or put a StandardScaler in front if units of X differ."
    )


def training_lines(record, n_iter, best_iter, activation=None):
    """Return sentences on samples, epochs, activation and time, one for each line.

    `activation` is what the parameter settled on if it was "auto".
    """
    if not record:  # files of earlier versions
        return []
    lines = [f"Samples: {_samples(record)}", f"Epochs: {_epochs(record, n_iter, best_iter)}"]
    if activation is not None and best_iter:
        lines.append(f'Hidden activation: {activation}, chosen by activation="auto".')
    return lines


def scale_record(X, names):
    """Return what there is to say of features on very different scales; an empty dict if nothing.

    Constant features do not count.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        variances = np.var(X, axis=0, dtype=np.float64)
    varying = variances[variances > 0]
    largest = np.argmax(variances)
    if len(varying) < 2 or not varying.max() > MAX_SCALE_RATIO**2 * varying.min():
        return {}
    share = float(variances[largest] / varying.sum())
    ratio = float(np.sqrt(varying.max() / varying.min()))
    return {"scale_ratio": ratio, "largest": str(names[largest]), "largest_share": share}


def hint_lines(record):
    lines = [f"Hint: {record['high_rate']}"] if "high_rate" in record else []
    lines += [f"Hint: {sentence}" for sentence in record.get("ignored", [])]
    if record.get("way", "passes") != "passes" and record["n_train"] < FEW_SAMPLES:
        text = f"Hint: {record['n_train']} samples are few. Below about {FEW_SAMPLES}, a network "
        text += "is seldom certain to be better than PCA."
        if "n_calibration" in record:
            n_scores = record["n_calibration"]
            least = 1 / (n_scores + 1)
            text += f" With {n_scores} held-out scores, no p-value is below {least:.2g}."
        lines.append(text)
    if "scale_ratio" in record and record["largest_share"] > MIN_LARGEST_SHARE:
        lines.append(
            f"Hint: scales of the features differ by a factor of {record['scale_ratio']:,.0f}; "
            f"{record['largest']!r} has {_percent(record['largest_share'])} of the variance and "
            "decides what is reconstructed. If units differ, put a StandardScaler in front."
        )
    return lines


def time_lines(record):
    return [f"Time: {_seconds(record['seconds'])}."] if "seconds" in record else []


def _samples(record):
    n_train, way = record["n_train"], record["way"]
    n_validation = record.get("n_validation", 0)
    if way == "passes":
        text = f"{n_train:,} seen in calls of partial_fit."
    elif way == "plain":
        text = f"{n_train:,} to train, none held out."
    elif way == "folds":
        n_folds = NUMBERS.get(record["n_folds"], record["n_folds"])
        text = f"{n_train:,} to train. In {n_folds} folds, "
        text += "all of them" if n_validation >= n_train else f"{n_validation:,} of them"
        text += " were held out in turn to choose the epoch and to measure the gain."
    else:
        source = "held out" if way == "held-out" else "in X_val"
        text = f"{n_train:,} to train, {n_validation:,} {source} to choose the epoch and to "
        text += "measure the gain."
    if "n_calibration" in record:
        text += f" {record['n_calibration']:,} held-out scores set the threshold."
    return text


def _epochs(record, n_iter, best_iter):
    why = f"{SENTENCES[record['ending']]}."
    if "divergence" in record:
        why = f"{SENTENCES[DIVERGED]} {record['divergence']}. Lower learning_rate_init."
    if record["way"] == "passes":
        text = f"{n_iter:,}, one in each call."
        return f"{text} {why}" if record["ending"] == DIVERGED else text
    if n_iter == 0:
        return f"none. {why}" if record["ending"] in (EXACT, DIVERGED) else "none."
    kept = f"epoch {best_iter} kept" if best_iter else "none kept"
    if record["way"] == "folds" and best_iter:
        kept = f"{best_iter} selected and repeated on all samples"
    text = f"{n_iter} run, {kept}. {why}"
    if record["ending"] == "max_iter" and not (best_iter or "high_rate" in record):
        text += " A gain may need more epochs: raise max_iter."
    if "n_trial" in record:
        text += f" A trial of {record['n_trial']} epochs had left the gain in doubt."
    return text


def _seconds(seconds):
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"


def _percent(share):
    return f"{100 * share:.1f} %"
