"""AutoencoderOutlierDetector."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.metaestimators import available_if

from skae import _persistence
from skae._base import _BaseAutoencoder, is_stochastic
from skae._compat import Interval, StrOptions, fit_context
from skae._containers import contain
from skae._onnx import exporter
from skae._outliers.calibration import (
    Calibration,
    CalibrationSamples,
    calibrate,
    subsample_weights,
)
from skae._outliers.density import Density
from skae._outliers.robust import (
    Ellipsoid,
    downweight_outliers,
    fit_ellipsoid,
    weighted_quantile,
)
from skae._outliers.scoring import Scorer, fit_scorer, update_scorer
from skae._training.callbacks import NULL_TASKS
from skae._training.options import read_options

FALSE_ALARM_RATE = 0.05
MEMORY = 1000


class AutoencoderOutlierDetector(OutlierMixin, _BaseAutoencoder):
    """Outlier detector: rows that are unlikely given what the autoencoder has learned.

    A row is judged by its code and its residual together. With the code c(x), the
    reconstruction r(x), B the linear regression of the rows on their codes and P the
    projection on the range of B,

        t(x) = B (c(x) - mean c) + (I - P) (x - r(x))

    is the row with the curved surface that the network reproduces laid flat; for a linear
    network it is the centred row. The score of a row is its log-likelihood, the mean of
    log p(t(x)) over two mixtures p of up to 6 and 16 Gaussians with covariances drawn
    towards a common one. With one component and a linear network that is the Gaussian
    log-likelihood that PCA's `score_samples` gives.

    Outliers among the training rows are not learned: rows outside the ellipsoid that holds
    the bulk of the rows, found by the minimum covariance determinant, count the less the
    further out they are, for the network and for the mixtures. Every feature is
    standardised, so that units do not matter (see `scale_`). The threshold and the p-values
    come from rows held out of training, and no training rows are kept. A code whose size is
    given as a share of the variance has PCA's number of columns, though at least one less than
    X: a score rests on code and residual together, and fewer columns are no aim. The detector
    is a transformer as well.

    Parameters
    ----------
    n_components : int or float in (0, 1), default=0.8
        Number of columns of the code. A float is the share of the variance that the code
        is to explain. A transformer takes the fewest columns whose reconstruction explains
        it on held-out rows, at PCA's number at the latest: fits of two or three sizes tell.
        PCA's number, the fewest components with which PCA explains the share, is what a
        detector takes, and a plain transformer without held-out rows.
    hidden_layer_sizes : int or sequence of int, default=(64,)
        Widths of the encoder's hidden layers; the decoder mirrors them. `()` leaves a
        linear autoencoder.
    activation : str, default="relu"
        Activation of the hidden layers: "identity", "logistic", "tanh", "isru", "relu",
        "softplus", "exponential", "leaky_relu", "elu", "gelu", "silu" or "top_k", which
        keeps a row's largest outputs, as many as `sparsity_target` says, and sets the rest
        to zero. "auto" is "relu"; if held-out rows judge no epoch to be better than PCA,
        which a few rows far from the others can bring about, training starts anew with the
        bounded "isru".
    solver : {"adam", "sgd", "shampoo", "lbfgs"}, default="adam"
        Adam, stochastic gradient descent and Shampoo go through mini-batches; L-BFGS uses
        all rows at once and suits small data. Shampoo takes steps as long as Adam's in
        directions whitened by the gradients' covariance: dearer steps, and fewer of them,
        which pays in plain networks with layers of some hundred units.
    alpha : float, default=1.0
        Weight decay, on weights only: never on biases nor on the linear path. Adam takes it
        apart from the gradient (each step multiplies the weights by 1 - rate * alpha), SGD
        and L-BFGS as a penalty of alpha / (2 * n_samples) times the sum of squares.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch; "auto" is min(200, n_samples).
    learning_rate : {"constant", "invscaling", "cosine"}, default="constant"
        Schedule of the learning rate, but for L-BFGS: as it is, divided by
        (t + 1) ** power_t at step t, or falling to zero along half a cosine over
        `max_iter` epochs. `partial_fit` knows no end: there "cosine" means "constant".
    learning_rate_init : float, default=2e-3
        The learning rate at the first step.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=100
        Epochs (iterations of L-BFGS) at most. With 0 the network stays where it starts,
        which with ``linear_path="pca"`` is PCA.
    shuffle : bool, default=True
        Whether to visit the rows in a new order in each epoch.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines initial weights, order of rows, held-out rows and noise. Pass an int
        for results that repeat exactly.
    tol : float, default=1e-2
        Training stops when the loss (on held-out rows if there are any) has not fallen by
        this share of itself within `n_iter_no_change` epochs.
    verbose : bool or int, default=False
        Whether to print a line for each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution instead of starting anew.
    momentum : float in [0, 1], default=0.9
        Momentum of SGD.
    nesterovs_momentum : bool, default=True
        Whether SGD uses Nesterov's momentum.
    early_stopping : bool, default=True
        Whether held-out rows decide how long to train. What counts for an epoch is the mean
        gain of the rows over the start, less one standard error: with a linear path the
        result is PCA itself unless the rows agree that the network is better. Up to 500
        rows and 200,000 values the epoch is chosen by five-fold cross-validation, with 2.5
        standard errors, and all rows are then trained on for as long. Rows are dealt by
        their content: equal ones are never on both sides. `partial_fit` holds none out.
    validation_fraction : float in (0, 1), default=0.1
        Share of the distinct rows that is held out, where there is no cross-validation (nor
        is there with L-BFGS).
    beta_1 : float in [0, 1), default=0.9
        Decay of Adam's mean of the gradient.
    beta_2 : float in [0, 1), default=0.999
        Decay of Adam's mean of the squared gradient.
    epsilon : float, default=1e-8
        Added to Adam's denominator.
    n_iter_no_change : int, default=20
        Epochs without improvement after which training stops.
    averaging : float in [0, 1), default=0.998
        Decay of the running average of the parameters that training ends with: the
        average over about the last 1 / (1 - averaging) steps. 0 ends with the last ones.
    max_fun : int, default=15000
        Evaluations of the loss by L-BFGS at most.
    latent_activation : str, default="auto"
        Activation of the code, a name as for `activation`; "auto" is "logistic" with
        ``sparsity="kl"`` and "identity" without.
    output_activation : str, default="auto"
        Activation of the output, a name as for `activation` other than "gelu", "silu" and
        "top_k"; "auto" is the one that belongs to the loss: "logistic" to "log_loss",
        "exponential" to "poisson", "identity" to all others, and that within `bounds_`.
    loss : str, default="squared_error"
        "squared_error", "absolute_error", "huber" (quadratic up to one, linear beyond, in
        units of the scaled features), "log_loss" (Bernoulli cross-entropy, X in [0, 1]) or
        "poisson" (counts, X >= 0). A row's loss is the mean over its features.
    linear_path : {"pca"} or None, default="pca"
        Beside the networks, a linear map into the code and one out of it that start as
        PCA and stay so: the networks begin at zero and learn what PCA misses. None leaves
        the plain network of the textbooks, which starts near the mean of the training rows.
    sparsity : {"kl", "l1"} or None, default=None
        Penalty on the code: "kl" draws each column's mean activation over the training
        rows towards `sparsity_target`, "l1" adds the mean absolute activation.
    sparsity_target : float in (0, 1), default=0.05
        Mean activation that "kl" aims at, or the share of a layer's units that "top_k" keeps.
    sparsity_weight : float, default=1.0
        Weight of the penalty beside the loss.
    contamination : float in (0, 0.5] or "auto", default="auto"
        Share of the training rows to flag. "auto" flags the rows with a p-value of at most
        0.05 (see `predict_pvalue`): a false alarm on 5 % of new normal rows. With fewer than
        19 training rows, which cannot vouch for so few, rows below all held-out scores are
        flagged.
    criterion : {"likelihood", "reconstruction"}, default="likelihood"
        What the score of a row is: its log-likelihood, as above, or minus the mean of its
        squared standardised residuals, the choice of the textbooks.
    max_samples : int, default=10000
        Rows to learn from at most. Of more rows as many are drawn at random, and the
        threshold comes from rows that were not.

    Attributes
    ----------
    n_components_ : int
        Number of columns of the code.
    theta_ : ndarray of shape (n_parameters,)
        All parameters in one vector: weights, biases, linear path.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer, as views of `theta_`. They act on rows centred by `mean_`
        and divided by `scale_`.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer, as views of `theta_`.
    path_coefs_ : list of ndarray
        Matrices of the linear path, which are not trained, of shapes (n_features, n_components) and
        (n_components, n_features), or an empty list; views of `theta_`.
    architecture_ : dict
        Widths, activations and loss of the fitted network.
    mean_ : ndarray of shape (n_features,)
        Mean of the training rows, those far out counting less.
    scale_ : ndarray of shape (n_features,)
        What each feature is divided by: its standard deviation; 1 where it is zero. Where
        three of four rows hold one value, the standard deviation would tell how rare the
        others are, not how large; there it is, if that is more, the root mean square of
        their distances from that value over sqrt(-2 log p), p being their share.
    code_scale_ : ndarray of shape ()
        What a linear code is multiplied by when it leaves the network.
    reach_ : ndarray of shape (2,) or None
        One and a half times the greatest norms of training rows and of their codes, in the
        geometry of the network. With a linear path the layers read what lies beyond as if it
        were at that distance; the path reads it as it is. None without a path.
    bounds_ : ndarray of shape (2, n_features) or None
        Least and greatest value that each column is restored to, -inf and inf where there is
        no bound; None if no column has one. Where many training rows hold the last value of a
        column, as pixels do at black, nothing lies beyond it: training pays no heed to how far
        the network's output would. Of an output that is further beyond than three times what
        it was from any training row, before it was cut, only as much is cut off: a row like
        none in training is restored about as by PCA. Only with ``output_activation="auto"``, a
        loss that has a linear output, and another solver than "lbfgs"; a detector has none.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance of the training rows that each column of the code explains,
        in descending order: what is lost when the column is held at its mean, scaled so
        that the sum is the share that the reconstruction explains. PCA's meaning for a
        linear network.
    reconstruction_err_ : float
        Mean squared error of the reconstructed training rows, over rows and features; of
        more than 10,000 rows, that of as many, evenly spaced.
    loss_ : float or None
        Loss of the last epoch, None after no epoch.
    best_loss_ : float or None
        Least of the losses that were watched: on held-out rows if there are any.
    loss_curve_ : list of float
        Mean training loss of each epoch; under cross-validation the mean over the folds.
    validation_loss_curve_ : list of float
        Mean loss on the held-out rows after each epoch, empty without such rows; under
        cross-validation each row's is that of the network that has not seen it.
    n_iter_ : int
        Number of epochs or iterations run, those of the folds under cross-validation.
    best_iter_ : int
        The epoch whose parameters are kept; 0 is the start.
    t_ : int
        Number of optimizer steps taken.
    n_layers_ : int
        Number of layers, the input counted.
    n_samples_seen_ : int
        Number of training rows, over all calls of `partial_fit`.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has string names.
    offset_ : float
        Threshold on `score_samples`: rows that score lower are outliers.
    calibration_scores_ : ndarray of shape (n_held_out,)
        Scores of rows by models that had not learned them. Up to 500 rows each is scored
        once, by one of five models trained without a fifth of the rows (ten models and a
        tenth up to 250 rows); up to `max_samples` rows those held out by early stopping, and
        as many such fifths as it takes to have 500; beyond that rows that were not drawn.
        With `partial_fit` the last 1000, scored before they were learned.
    calibration_weights_ : ndarray of shape (n_held_out,)
        Weights of these rows.
    ellipsoid_ : dict
        Mean, whitening matrix and size of the ellipsoid outside of which rows count less.
    density_ : dict
        What the likelihood is computed from: regression on the code, axes, mixtures.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Isolates rows by random splits.
    sklearn.covariance.EllipticEnvelope : One Gaussian, fitted robustly.
    AutoencoderTransformer : The transformer alone.

    References
    ----------
    M. Hubert, P. J. Rousseeuw, T. Verdonck (2012). A deterministic algorithm for robust
    location and scatter. Journal of Computational and Graphical Statistics 21.

    C. Fraley, A. E. Raftery (2007). Bayesian regularization for normal mixture estimation
    and model-based clustering. Journal of Classification 24.

    V. Vovk, A. Gammerman, G. Shafer (2005). Algorithmic learning in a random world.
    Springer. Conformal p-values.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1, 2, 3] + rng.normal(scale=0.1, size=(200, 3))
    >>> detector = AutoencoderOutlierDetector(1, random_state=0).fit(X)
    >>> detector.predict([[0, 0, 0], [0, 2, -3]])
    array([ 1, -1])
    """

    _parameter_constraints = _BaseAutoencoder._parameter_constraints | {
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "criterion": [StrOptions({"likelihood", "reconstruction"})],
        "max_samples": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        n_components=0.8,
        *,
        hidden_layer_sizes=(64,),
        activation="relu",
        solver="adam",
        alpha=1.0,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=2e-3,
        power_t=0.5,
        max_iter=100,
        shuffle=True,
        random_state=None,
        tol=1e-2,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=True,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=20,
        averaging=0.998,
        max_fun=15000,
        latent_activation="auto",
        output_activation="auto",
        loss="squared_error",
        linear_path="pca",
        sparsity=None,
        sparsity_target=0.05,
        sparsity_weight=1.0,
        contamination="auto",
        criterion="likelihood",
        max_samples=10000,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.averaging = averaging
        self.max_fun = max_fun
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.loss = loss
        self.linear_path = linear_path
        self.sparsity = sparsity
        self.sparsity_target = sparsity_target
        self.sparsity_weight = sparsity_weight
        self.contamination = contamination
        self.criterion = criterion
        self.max_samples = max_samples

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Train the autoencoder on X and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; a row of weight zero counts as absent.
        X_val : array-like of shape (n_samples_val, n_features), default=None
            Rows to watch instead of held-out ones: training stops when the loss on them
            no longer improves, and keeps the parameters that were best on them.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter is not as described. The estimator then
            stays as it was.
        """
        return self._fit(X, sample_weight, X_val=X_val)

    @available_if(is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train one pass over the rows of X, after those seen before.

        The first call sets mean, scale and, with a linear path, PCA: give it rows enough.
        It also finds the ellipsoid that tells which rows count less, and starts the mixtures;
        these then follow the rows, with a memory of about 1000. The rows of later calls are
        scored before they are learned, and the last 1000 of these scores set the threshold:
        give new rows in every call, not the same ones again.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two in the first call.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; a row of weight zero counts as absent.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter is not as described. The estimator then
            stays as it was.
        """
        return self._partial_fit(X, sample_weight)

    # ---------------------------------------------------------------- training

    def _options(self):
        """Return the options of a detector, which standardises every feature."""
        parameters = self.get_params(deep=False)
        return read_options(
            parameters, standardize=True, bottleneck=True, searches_components=False
        )

    def _tasks(self, context, given, validated, options, n_further=1):
        """Return the tasks of a fit that a calibration follows."""
        return super()._tasks(context, given, validated, options, n_further)

    def _drawn_weights(self, weights, options):
        """Return the weights of at most `max_samples` samples, and zero for the others."""
        return subsample_weights(weights, self.max_samples, options.seeds.split)

    def _training_rows(self, X, weights, X_clean, options, previous=None):
        """Return the samples to train on: those outside the bulk count less.

        Samples of a later `partial_fit` are scored first, while they are new to the model.
        """
        if previous is None:
            weights = self._drawn_weights(weights, options)
            rows = super()._training_rows(X, weights, None, options)
            ellipsoid = fit_ellipsoid(rows, options.seeds.start)
            self.ellipsoid_ = vars(ellipsoid)
            return downweight_outliers(rows, ellipsoid)
        rows = super()._training_rows(X, weights, None, options)
        scores = np.append(self.calibration_scores_, self._scorer.score_samples(rows.X))
        self.calibration_scores_ = scores[-MEMORY:]
        weights = np.append(self.calibration_weights_, rows.weights)
        self.calibration_weights_ = weights[-MEMORY:]
        return downweight_outliers(rows, Ellipsoid(**self.ellipsoid_))

    def _fitted_attributes(self, result, X, weights, trainer=None, tasks=NULL_TASKS):
        attributes = super()._fitted_attributes(result, X, weights, trainer, tasks)
        scorer = Scorer(result.model)
        if self.criterion == "likelihood":
            scorer = fit_scorer(result, result.seeds.samples)
            attributes["density_"] = scorer.density.asdict()
        scores = scorer.score_samples(X)
        calibration = Calibration(scores, weights)
        if trainer is not None:
            left_out = self._drawn_weights(weights, trainer.options) == 0
            samples = CalibrationSamples(X, weights, left_out & (weights > 0), self.max_samples)
            calibration = calibrate(samples, result, scorer, trainer, tasks)
        return attributes | {
            "calibration_scores_": calibration.scores,
            "calibration_weights_": calibration.weights,
            "offset_": self._threshold(calibration, scores, weights),
        }

    def _updated_attributes(self, result, X, weights, trainer):
        """Return the fitted attributes, with an updated density and threshold."""
        attributes = super()._fitted_attributes(result, X, weights, trainer)
        if self.criterion == "likelihood":
            density = Density.from_dict(self.density_)
            scorer = update_scorer(Scorer(result.model, density), result.rows, MEMORY)
            attributes["density_"] = scorer.density.asdict()
        calibration = self._calibration
        scores, weights = calibration.scores, calibration.weights
        return attributes | {"offset_": self._threshold(calibration, scores, weights)}

    def _threshold(self, calibration, scores, weights):
        """Return the threshold by calibration, or by the contamination of weighted scores."""
        if self.contamination == "auto":
            return calibration.threshold(FALSE_ALARM_RATE)
        return weighted_quantile(scores, weights, self.contamination)

    @property
    def _calibration(self):
        return Calibration(self.calibration_scores_, self.calibration_weights_)

    @property
    def _scorer(self):
        if self.criterion == "reconstruction":
            return Scorer(self._model)
        return Scorer(self._model, Density.from_dict(self.density_))

    # ---------------------------------------------------------------- files and export

    _needed_when_fitted = _persistence.NEEDED | _persistence.NEEDED_BY_DETECTORS

    _onnx_outputs = {"label": 1, "scores": 1}

    def _onnx_nodes(self, X):
        decision = self._onnx_score_samples(X) - self.offset_
        return [(decision >= 0).choose(decision.lift(1, np.int64), -1), decision]

    def _onnx_score_samples(self, X):
        return exporter.detector_scores(self._scorer, X)

    # ---------------------------------------------------------------- public

    def predict_pvalue(self, X):
        """Return how often a new normal row would score as low as each row of X, or lower.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        p_values : ndarray of shape (n_samples,)
            (1 + number of calibration rows with no higher score) / (1 + number of
            calibration rows) in float64, weights counting as numbers: conformal p-values. For new
            rows like the training rows they are at most p with probability p or less, so
            that flagging rows with p-values up to 0.01 raises a false alarm on 1 % of
            these. That holds exactly beyond `max_samples` rows; with fewer, where the
            calibration rows were scored by models trained on most of the rows, it
            holds nearly, and the alarms are rather fewer.
        """
        return self._calibration.p_values(self.score_samples(X))

    def score(self, X, y=None, sample_weight=None):
        """Return the mean of `score_samples`: how likely the rows of X are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Higher is better: GridSearchCV takes the parameters under which held-out rows
            are the most likely. For the share of the variance that the reconstruction
            explains see :func:`skae.metrics.reconstruction_score`.
        """
        X = self._validate(X)
        weights = self._validate_weights(sample_weight, X)
        return float(np.average(self._scorer.score_samples(X), weights=weights))

    def score_features(self, X):
        """Return what each feature contributes to the score of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to explain.

        Returns
        -------
        contributions : ndarray or frame of shape (n_samples, n_features)
            In float64; each row adds up to its `score_samples`. The lowest ones say why a row
            is an outlier. What depends on the column is minus a square; a constant, the
            same for all columns of a row, makes up the sum. A frame where
            `inverse_transform` returns one and, as names are what it is read by, also
            where X is one of pandas or polars and no other container is asked for.
        """
        samples = self._validate(X)
        return contain(self, self._scorer.score_features(samples), X, like_X=True)

    def score_samples(self, X):
        """Return the score of each row: higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            With ``criterion="likelihood"`` the log-likelihood of the row, in units of the
            standardised features, with "reconstruction" minus the mean of their squared
            residuals; float64.
        """
        X = self._validate(X)
        return self._scorer.score_samples(X)

    def decision_function(self, X):
        """Return `score_samples(X) - offset_`: negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Below zero for outliers; float64.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Say of each row whether it is an outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            1 for inliers and -1 for outliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)
