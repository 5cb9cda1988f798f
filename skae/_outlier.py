"""AutoencoderOutlierDetector."""

from numbers import Real

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._base import _BaseAutoencoder, is_stochastic
from skae._compat import Interval, StrOptions, fit_context


class AutoencoderOutlierDetector(OutlierMixin, _BaseAutoencoder):
    """Outlier detector: rows that the autoencoder reconstructs badly are outliers.

    Every feature is standardised, so that units do not matter. The score of a row is minus
    the mean of its squared residuals in these units. The detector is a transformer as well.

    Parameters
    ----------
    n_components : int or float in (0, 1), default=2
        Number of columns of the code. A float is the share of the variance that the code
        is to explain: the fewest components with which PCA explains it are taken.
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them. `()` leaves a
        linear autoencoder.
    activation : str, default="relu"
        Activation of the hidden layers: "identity", "logistic", "tanh", "relu",
        "softplus", "exponential", "leaky_relu", "elu", "gelu" or "silu".
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        Adam and stochastic gradient descent go through mini-batches; L-BFGS uses all
        rows at once and suits small data.
    alpha : float, default=1.0
        Weight decay, on weights only: never on biases nor on the linear path. Adam and
        SGD take it apart from the gradient (each step multiplies the weights by
        1 - rate * alpha), L-BFGS as a penalty of alpha / (2 * n_samples) times the sum of
        squares.
    batch_size : int or "auto", default="auto"
        Rows of a mini-batch; "auto" is min(200, n_samples).
    learning_rate : {"constant", "invscaling", "cosine"}, default="constant"
        Schedule of the learning rate of Adam and SGD: as it is, divided by
        (t + 1) ** power_t at step t, or falling to zero along half a cosine over
        `max_iter` epochs. `partial_fit` knows no end: there "cosine" means "constant".
    learning_rate_init : float, default=2e-3
        The learning rate at the first step.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
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
        their content: equal ones are never on both sides.
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
        Decay of the running average of the parameters that Adam and SGD end with: the
        average over about the last 1 / (1 - averaging) steps. 0 ends with the last ones.
    max_fun : int, default=15000
        Evaluations of the loss by L-BFGS at most.
    latent_activation : str, default="auto"
        Activation of the code, a name as for `activation`; "auto" is "logistic" with
        ``sparsity="kl"`` and "identity" without.
    output_activation : str, default="auto"
        Activation of the output; "auto" is the one that belongs to the loss: "logistic"
        to "log_loss", "exponential" to "poisson", "identity" to all others.
    loss : str, default="squared_error"
        "squared_error", "absolute_error", "huber" (quadratic up to one, linear beyond, in
        units of the scaled features), "log_loss" (Bernoulli cross-entropy, X in [0, 1]) or
        "poisson" (counts, X >= 0). A row's loss is the mean over its features.
    linear_path : {"pca"} or None, default="pca"
        Beside the networks, a linear map into the code and one out of it that start as
        PCA and stay so: the networks begin at zero and learn what PCA misses. None leaves
        the plain network of the textbooks.
    sparsity : {"kl", "l1"} or None, default=None
        Penalty on the code: "kl" draws each column's mean activation over the training
        rows towards `sparsity_target`, "l1" adds the mean absolute activation.
    sparsity_target : float in (0, 1), default=0.05
        Mean activation that "kl" aims at.
    sparsity_weight : float, default=1.0
        Weight of the penalty beside the loss.
    contamination : float in (0, 0.5] or "auto", default="auto"
        Share of the training rows to flag. "auto" flags rows whose error lies above the
        third quartile of the training rows' by more than 1.5 interquartile ranges.

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
        Mean of the training rows.
    scale_ : ndarray of shape (n_features,)
        Standard deviation of each feature, by which it is divided; 1 where it is zero.
    code_scale_ : ndarray of shape ()
        What a linear code is multiplied by when it leaves the network.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance of the training rows that each column of the code explains,
        in descending order: what is lost when the column is held at its mean, scaled so
        that the sum is the share that the reconstruction explains. PCA's meaning for a
        linear network.
    reconstruction_err_ : float
        Mean squared error of the reconstructed training rows, over rows and features.
    loss_ : float or None
        Loss of the last epoch, None after no epoch.
    best_loss_ : float or None
        Least of the losses that were watched: on held-out rows if there are any.
    loss_curve_ : list of float
        Mean training loss of each epoch; under cross-validation the mean over the folds.
    validation_loss_curve_ : list of float
        Mean loss on the held-out rows after each epoch, where rows were held out; under
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
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names.
    offset_ : float
        Threshold on `score_samples`: rows that score lower are outliers.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Isolates rows by random splits.
    AutoencoderTransformer : The transformer alone.

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

    _scale_per_feature = True

    _parameter_constraints = _BaseAutoencoder._parameter_constraints | {
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(128, 128),
        activation="relu",
        solver="adam",
        alpha=1.0,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=2e-3,
        power_t=0.5,
        max_iter=200,
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

    def _finish_fit(self, X, weights, fit):
        super()._finish_fit(X, weights, fit)
        scores = self._score_samples(X)
        if self.contamination == "auto":
            first, third = (weighted_quantile(scores, weights, q) for q in (0.25, 0.75))
            self.offset_ = first - 1.5 * (third - first)
        else:
            self.offset_ = weighted_quantile(scores, weights, self.contamination)

    def _score_features(self, X):
        contributions = np.empty(X.shape, np.float64)
        scale = self.scale_.astype(np.float64)
        for rows, output in self._reconstruction_blocks(X):
            np.subtract(X[rows], output, out=contributions[rows])
        contributions /= scale
        contributions *= contributions
        contributions *= -1 / X.shape[1]
        return contributions

    def _score_samples(self, X):
        return self._score_features(X).sum(axis=1)

    def score_features(self, X):
        """Return what each feature contributes to the score of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to explain.

        Returns
        -------
        contributions : ndarray of shape (n_samples, n_features)
            float64; each row adds up to its `score_samples`. The lowest ones say why a
            row is an outlier.
        """
        check_is_fitted(self)
        return self._score_features(self._validate(X))

    def score_samples(self, X):
        """Return the score of each row: higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            float64, minus the mean of the squared residuals of the standardised features.
        """
        check_is_fitted(self)
        return self._score_samples(self._validate(X))

    def decision_function(self, X):
        """Return `score_samples(X) - offset_`: negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to judge.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            float64, below zero for outliers.
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
            int, 1 for inliers and -1 for outliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)


def weighted_quantile(values, weights, q):
    """The q-quantile of a weighted sample, halfway between two values where they tie for it."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    kept = weights > 0
    values, reached = values[kept], np.cumsum(weights[kept])
    reached /= reached[-1]
    i = min(int(np.searchsorted(reached, q - 1e-12)), len(values) - 1)
    following = min(i + (reached[i] <= q + 1e-12), len(values) - 1)
    return float((values[i] + values[following]) / 2)
