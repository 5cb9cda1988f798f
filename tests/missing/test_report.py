"""The summary of an imputation: its densities by weight, its samples, and the errors."""

import numpy as np

from skae._missing.report import (
    density_table,
    error_lines,
    fit_lines,
    overall_error,
    record_of,
    summary_text,
)


def test_densities_are_listed_by_weight():
    one, three = {"shares": np.ones(1)}, {"shares": np.full(3, 1 / 3)}
    state = {"weights": [0.2, 0.7, 0.1], "mixtures": [one, three, three | {"knots": []}]}
    rows = [line.split() for line in density_table(state)]
    assert rows == [
        ["density", "components", "weight"],
        ["mixture", "3", "0.70"],
        ["Gaussian", "1", "0.20"],
        ["mixture", "of", "normal", "scores", "3", "0.10"],
    ]


def test_lines_on_the_fit():
    missing = np.arange(3000).reshape(1500, 2) < 375 * 2
    record = record_of(missing) | {"seconds": 2.0}
    lines = fit_lines(record, 0, False)
    assert lines[0] == "Samples: 1,500, 375 of them incomplete; 25.0% of the cells missing."
    assert lines[1:] == ["Autoencoder: none.", "Time: 2 s."]
    assert fit_lines(record, 7, True)[1] == "Autoencoder: 7 epochs run, kept."
    assert "not kept" in fit_lines(record, 7, False)[1]


def test_errors_name_the_extreme_features():
    errors = np.array([0.6, np.nan, 0.8])
    assert overall_error(errors) == np.sqrt(0.5)
    (line,) = error_lines(errors, ["a", "b", "c"])
    assert "0.71 standard deviations, from 0.60 (a) to 0.80 (c)" in line
    (line,) = error_lines(np.full(2, np.nan), ["a", "b"])
    assert "unknown" in line


def test_without_features_there_is_a_title():
    assert summary_text({}, {}, 0, np.full(1, np.nan), ["a"]) == "AutoencoderImputer: 1 feature"
