"""What happened in a fit: a record of plain values, and the sentences that state it.

The record is a dict. `way` tells how the epoch was selected: by "held-out" samples, by a
"validation set", by "folds", not at all ("plain"), or "passes" of `partial_fit`. `n_train` and
`n_validation` count samples. `ending` is why training ended: see `ending`.
"""

from skae._training.ending import EXACT, SENTENCES

MIN_FALL = 0.02  # of the loss in the last epochs, for training to count as unfinished
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
        f"by {_percent(fall, 1)} in the last {n_last} epochs. Raise max_iter."
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


def time_lines(record):
    """Return a line with the seconds that `fit` took, if they are known."""
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
    if record["way"] == "passes":
        return f"{n_iter:,}, one in each call."
    if n_iter == 0:
        return f"none. {SENTENCES[EXACT]}." if record["ending"] == EXACT else "none."
    kept = f"epoch {best_iter} kept" if best_iter else "none kept"
    if record["way"] == "folds" and best_iter:
        kept = f"{best_iter} selected and repeated on all samples"
    return f"{n_iter} run, {kept}. {SENTENCES[record['ending']]}."


def _seconds(seconds):
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"


def _percent(share, n_digits=0):
    return f"{100 * share:.{n_digits}f} %"
