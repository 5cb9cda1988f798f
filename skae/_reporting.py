"""Reports of a fitted outlier detector: p-values, selections, contributions and explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._containers import column_names, features_in_container, table_in_container
from skae._missing.gaps import Filled
from skae._missing.one_hot import with_categories
from skae._outliers.calibration import FALSE_ALARM_RATE
from skae._outliers.explanation import (
    Region,
    explain,
    read_features,
    shares_of_blame,
)
from skae._outliers.robust import weighted_quantile
from skae._outliers.scoring import expected_contributions, expected_scores, likely_completion
from skae._outliers.selection import (
    benjamini_hochberg,
    check_ratio,
    check_share,
    false_discovery_bounds,
    least_rate,
    weighted_selection,
    why_none,
)
from skae._outliers.shift import MIN_ROWS, warn_of_gaps, warn_of_shift
from skae._parametrized import warn


class OutlierReports:
    """Mixin with what a detector says of new samples beyond scores and labels."""

    _quantiles, _n_compared, _missing_shares = None, 0, None  # in files of version 0.3

    calibration_scores_: NDArray[np.float64]
    calibration_weights_: NDArray[np.float64]
    calibration_indices_: NDArray[np.intp]
    mean_: NDArray[Any]

    def predict_pvalue(self, X: ArrayLike) -> NDArray[np.float64]:
        """Compute the conformal p-value of each sample.

        It estimates the probability that a new normal sample scores as low as this one or lower. At
        most 1 % of normal samples have a p-value of at most 0.01. This is exact if X had more than
        `max_samples` samples in `fit`; otherwise false alarms are slightly rarer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to judge.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            (1 + number of calibration scores that are not higher) / (1 + number of calibration
            scores), in float64. A sample weight counts as a number of samples. Ties count as not
            higher, so that false alarms on discrete data are rarer than stated.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        _, scores = self._validate_and_score(X)
        return self._calibration.p_values(scores)

    def select(
        self,
        X: ArrayLike,
        fdr: float = 0.1,
        *,
        density_ratio: ArrayLike | None = None,
        calibration_density_ratio: ArrayLike | None = None,
    ) -> NDArray[np.bool_]:
        """Select the samples to report as outliers, so that few of them are false discoveries.

        The false discovery rate, the expected share of normal samples among those that are
        reported, is at most `fdr`: the procedure of Benjamini and Hochberg is applied to the
        conformal p-values (Bates et al., 2023). All samples of X are judged together, so pass them
        in one call. With a Pipeline, call ``pipe[-1].select(pipe[:-1].transform(X))``, and the
        other reports likewise.

        Normal samples in X must follow the law of the training samples. If they follow another one,
        pass the ratio of the two densities: samples are then selected by weighted conformal
        selection (Jin and Candès, 2023).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to judge.
        fdr : float in (0, 1), default=0.1
            False discovery rate: the expected share of normal samples among the selected ones.
        density_ratio : array-like of shape (n_samples,), default=None
            Density of normal new samples divided by that of the training samples, at each sample of
            X, up to a common factor. Greater than zero. None stands for equal laws.
        calibration_density_ratio : array-like of shape (n_held_out,), default=None
            The same ratio at each calibration sample, the rows `calibration_indices_` of X_train.
            Either both ratios are given or none.

        Returns
        -------
        selected : ndarray of shape (n_samples,)
            True for the samples to report. It selects rows of arrays and of data frames.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X, `fdr` or a density ratio is invalid.

        Warns
        -----
        UserWarning
            If no sample is selected though some have low p-values: what it would take.
        ShiftedSamplesWarning
            If X differs as a whole from the training samples, as in `predict`, and no density ratio
            is given.

        See Also
        --------
        bound_false_discoveries : The share of false discoveries, for all thresholds at once.
        predict_pvalue : The p-values.

        Examples
        --------
        >>> import numpy as np
        >>> from skae import AutoencoderOutlierDetector
        >>> rng = np.random.default_rng(0)
        >>> detector = AutoencoderOutlierDetector(random_state=0).fit(rng.normal(size=(300, 3)))
        >>> X = rng.normal(size=(100, 3))
        >>> X[:10] += 6
        >>> selected = detector.select(X, fdr=0.1)
        >>> bool(selected[:10].all()), bool(selected[10:].mean() < 0.05)
        (True, True)
        """
        fdr, (filled, scores) = check_share(fdr, "fdr"), self._validate_and_score(X)
        if not len(scores):
            return np.zeros(0, bool)
        calibration = self._calibration
        ratio = self._density_ratios(density_ratio, calibration_density_ratio, len(scores))
        if ratio is None:
            self._warn_of_shift(X, filled, scores < self.offset_)
            p_values = calibration.p_values(scores)
            selected = benjamini_hochberg(p_values, fdr)
        else:
            calibration = calibration.reweighted(ratio[1])
            p_values = calibration.p_values(scores, ratio[0])
            selected = weighted_selection(calibration, scores, ratio[0], fdr)
        reason = "" if selected.any() else why_none(calibration.weights.sum(), p_values, fdr)
        if reason:
            least = least_rate(p_values, fdr) if ratio is None else ""
            text = f"No sample is selected with fdr={fdr!r}. {least}{reason}"
            warn(text)
        return selected

    def bound_false_discoveries(self, X: ArrayLike, confidence: float = 0.9) -> NDArray[np.float64]:
        """Bound the share of false discoveries for every threshold.

        The bound of a sample holds for the share of normal samples among this sample and all others
        with p-values that are not larger. All bounds hold together with probability `confidence`,
        so a threshold may be chosen after looking at them. They result from closed testing with
        Simes' tests (Goeman and Solari, 2011); see `select` for what that assumes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to judge, all in one call.
        confidence : float in (0, 1), default=0.9
            Probability that no bound is exceeded.

        Returns
        -------
        bounds : ndarray of shape (n_samples,)
            Upper bound of the share of normal samples, in [0, 1], in float64.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or `confidence` is invalid.

        Warns
        -----
        UserWarning
            If all bounds are 1: what lower ones would take.

        See Also
        --------
        select : Samples with the expected share of false discoveries controlled.

        Examples
        --------
        >>> import numpy as np
        >>> from skae import AutoencoderOutlierDetector
        >>> rng = np.random.default_rng(0)
        >>> detector = AutoencoderOutlierDetector(random_state=0).fit(rng.normal(size=(400, 3)))
        >>> X = rng.normal(size=(100, 3))
        >>> X[:20] += 6
        >>> bounds = detector.bound_false_discoveries(X)
        >>> int(np.sum(bounds <= 0.2)) >= 20
        True
        """
        p_values, confidence = self.predict_pvalue(X), check_share(confidence, "confidence")
        level = 1 - confidence
        bounds, reason = false_discovery_bounds(p_values, level), ""
        if len(bounds) and bounds.min() == 1:
            reason = why_none(self.calibration_weights_.sum(), p_values, level)
        if reason:
            text = f"All bounds are 1 with confidence={confidence!r}. "
            warn(text + least_rate(p_values, level) + reason)
        return bounds

    def score_features(self, X: ArrayLike) -> Any:
        """Compute the contribution of each feature to the score of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to explain.

        Returns
        -------
        contributions : ndarray or data frame of shape (n_samples, n_features)
            Contributions in float64; those of a sample sum to its `score_samples`. The lowest ones
            are the features that make it an outlier; NaN for a missing cell. A data frame if
            `inverse_transform` returns one, or if X is one, of pandas or polars, and no container
            is configured.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        filled = self._validate_filled(X, ensure_min_samples=0)
        contributions = self._contributions(filled)[0]
        return features_in_container(self, contributions, X, like_X=True)

    def explain(
        self,
        X: ArrayLike,
        n_features: int = 3,
        *,
        groups: Mapping[str, Sequence[Any]] | None = None,
    ) -> Any:
        """Name the features that make each sample an outlier, with the values to expect instead.

        A feature is to blame for what its contribution (see `score_features`) is below that of a
        typical sample. Its expected value is the one with which the sample would score highest,
        given the other features, within five `scale_` of `mean_` and, with a linear path, within
        the values of the training samples. If it is the value that a feature has, another feature
        is likely to be wrong.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to explain, perhaps none. With a Pipeline those that its other steps return:
            ``pipe[-1].explain(pipe[:-1].transform(X)[selected])``.
        n_features : int, default=3
            Number of features to name for each sample, those with the largest shares.
        groups : dict of {str: list}, default=None
            Features that have several columns, with the names or indices of these columns: for
            example ``{"colour": ["colour_red", "colour_blue"]}`` for a category that is encoded
            one-hot. Each is explained as one feature.

        Returns
        -------
        explanation : DataFrame or structured ndarray
            A table with a row for each sample and leading feature, and the columns

            - "sample": the index label of a pandas frame, else the number of the sample;
            - "rank": 1 for the feature with the largest share;
            - "feature": its name;
            - "value" and "expected": its value, and the expected one. Of a one-hot group these are
              category names, without the name of the group; of another group tuples of floats. The
              value of a missing cell is NaN; such features have the share 0 and come last;
            - "share": its share of the blame, in [0, 1]. If no feature of a sample is to blame, all
              shares are zero.

            A polars frame if X is one, or if `set_output` or the configuration asks for polars;
            otherwise a pandas frame, or without pandas a structured array, which is read in the
            same way.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X, the number of features or `groups` is invalid.

        See Also
        --------
        score_features : The contribution of every feature.
        skae.plotting.FeatureScoreDisplay : The contributions in a plot.

        Examples
        --------
        >>> import numpy as np
        >>> from skae import AutoencoderOutlierDetector
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 1)) * [1, 2, 3] + 0.1 * rng.normal(size=(300, 3))
        >>> detector = AutoencoderOutlierDetector(1, random_state=0).fit(X)
        >>> explanation = detector.explain([[1, 2, -4]], n_features=1)
        >>> explanation["feature"][0]
        'x2'
        >>> bool(2 < explanation["expected"][0] < 4)
        True
        """
        filled = self._validate_filled(X, ensure_min_samples=0)
        names, is_empty = column_names(self, X), not len(filled.X)
        if is_empty:  # a row for the dtypes of the table
            filled = Filled(self.mean_[None])
        if not isinstance(n_features, Integral) or isinstance(n_features, bool) or n_features < 1:
            raise ValueError(f"n_features must be a positive int, got {n_features!r}.")
        features = read_features(names, groups)
        calibration, scorer = self._calibration, self._scorer
        typical = weighted_quantile(calibration.scores, calibration.weights, 0.5)
        contributions, samples = self._contributions(filled)
        shares = shares_of_blame(contributions, typical, features)
        if filled.missing is not None:
            is_discrete = self._has_values_zero_and_one()
            groups = [feature.columns for feature in features]
            samples = with_categories(samples, filled.missing, groups, is_discrete)
        region = Region.of(self._model)
        columns = explain(scorer.score_samples, samples, shares, features, n_features, region)
        if filled.missing is not None:
            members = {feature.name: feature.columns for feature in features}
            cells = zip(columns["sample"], columns["feature"], columns["value"], strict=True)
            columns["value"] = [
                math.nan if filled.missing[i, members[name]].any() else value
                for i, name, value in cells
            ]
        index = getattr(X, "index", None) if hasattr(X, "columns") else None
        if index is not None and not is_empty:
            columns["sample"] = [index[i] for i in columns["sample"]]
        table = table_in_container(self, columns, X)
        return table[:0] if is_empty else table

    def _validate_and_score(self, X):
        """Return samples, which may be none, as Filled, and their scores."""
        filled = self._validate_filled(X, ensure_min_samples=0)
        return filled, expected_scores(self._scorer, filled.X, filled.missing)

    def _contributions(self, filled):
        """Return the contributions of the cells to the scores, and the samples that are scored."""
        scorer, X, missing = self._scorer, filled.X, filled.missing
        if missing is None:
            return scorer.score_features(X), X
        X = likely_completion(scorer, X, missing)
        return expected_contributions(scorer, X, missing), X

    def _has_values_zero_and_one(self):
        kinds = (self._column_values or {"values": [None] * self.n_features_in_})["values"]
        return np.array([isinstance(k, np.ndarray) and np.isin(k, (0, 1)).all() for k in kinds])

    def _warn_of_shift(self, X, filled, is_flagged=None):
        """Warn if the samples as a whole differ from the training samples.

        `is_flagged` is None if they are about to be learned.
        """
        if len(filled.X) < MIN_ROWS:
            return
        is_empty = filled.missing is not None and filled.missing.all()
        before = self._quantiles, self._n_compared, column_names(self, X)
        flags = None
        if is_flagged is not None:
            rate = FALSE_ALARM_RATE if self.contamination == "auto" else self.contamination
            total = self._calibration.total
            flags = is_flagged, max(rate, 1 / (1 + total)), total
        if not is_empty:
            warn_of_shift(filled, before, flags)
        shares = 0 if self.gaussian_ is None or is_empty else self._missing_shares
        if filled.missing is not None and shares is not None:
            warn_of_gaps(filled.missing, shares, before[2], is_flagged is None)

    def _density_ratios(self, new, calibration, n_samples):
        """Return the density ratios, validated and relative to the mean of the new ones, or None.

        The calibration samples then weigh as many new ones as they stand for.
        """
        if new is None and calibration is None:
            return None
        if new is None or calibration is None:
            raise ValueError(
                "density_ratio and calibration_density_ratio must be given together, got only "
                f"{'calibration_density_ratio' if new is None else 'density_ratio'}."
            )
        new = check_ratio(new, n_samples, "density_ratio")
        if not new.all():
            raise ValueError("density_ratio must be greater than zero, got zeros.")
        n_held_out = len(self.calibration_scores_)
        name = "calibration_density_ratio"
        return new / new.mean(), check_ratio(calibration, n_held_out, name) / new.mean()
