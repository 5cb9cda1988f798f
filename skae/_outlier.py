"""AutoencoderOutlierDetector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OutlierMixin

from skae import _persistence
from skae._base import _BaseAutoencoder, available_without_lbfgs
from skae._compat import Interval, RealNotInt, StrOptions, validate_parameters
from skae._containers import Splits
from skae._network.scaling import COMPARED_ROWS
from skae._onnx import exporter
from skae._outliers.calibration import (
    FALSE_ALARM_RATE,
    Calibration,
    CalibrationSamples,
    calibrate,
    count_max_samples,
    subsample_weights,
    tie_tolerance,
)
from skae._outliers.density import Density
from skae._outliers.robust import (
    Ellipsoid,
    downweight_outliers,
    fit_ellipsoid,
    weighted_quantile,
    weights_as_counts,
)
from skae._outliers.scoring import Scorer, expected_scores, fit_scorer, update_scorer
from skae._outliers.shift import MIN_ROWS, kept_for_comparison
from skae._parametrized import warn
from skae._reporting import OutlierReports
from skae._sampling import evenly_spaced
from skae._training.batches import deal_copies
from skae._training.callbacks import NULL_TASKS
from skae._training.options import read_options
from skae._validation import read_splits
from skae.activations import Activation
from skae.losses import Loss
from skae.optimizers import Optimizer
from skae.penalties import Penalty

MAX_PASS_NUMBERS = 2**20  # of samples that the first pass of `partial_fit` trains on: 8 MiB
MEMORY_SAMPLES = 1000  # scores, and samples of the mixtures, that `partial_fit` remembers


class AutoencoderOutlierDetector(OutlierReports, OutlierMixin, _BaseAutoencoder):
    """Outlier detector: samples that are unlikely under a density based on an autoencoder.

    A sample is judged by its position along the surface of the reconstructions and by its distance
    from it together. Its score is the log-density of the standardised sample after the surface has
    been flattened: the mean over three Gaussian mixtures of up to 6, 16 and 64 Gaussians, minus a
    constant that makes the integral one. The user guide has the formulas.

    Features are standardised, so units do not matter (see `scale_`). Distant training samples count
    less, so that outliers have little influence. If the training samples are known to be normal,
    say so by ``novelty=True``. The p-values come from samples held out of training, and so does the
    threshold with ``contamination="auto"``. No training samples are stored.

    A common factor of the sample weights changes nothing. Weights that are multiples of the
    smallest one are numbers of copies of a sample. Otherwise the effective number of samples,
    (sum w)**2 / sum w**2, counts.

    If `n_components` is a share of the variance, the code has at least one component fewer than X
    has features. The detector is also a transformer.

    Parameters
    ----------
    n_components : int, float in (0, 1) or None, default=0.8
        Number of components of the code, at most min(n_samples, n_features) with a linear path.
        None stands for this maximum. A float is the share of the variance to explain, with the
        fewest components that reach it on held-out samples. The detector, and a transformer without
        held-out samples, use as many as PCA needs; others never use more.
    hidden_layer_sizes : int, sequence of int or "auto", default=(64,)
        Numbers of units in the hidden layers of the encoder; the decoder mirrors them. `()` gives a
        linear autoencoder. "auto" is two layers of twice as many units as features, from 96 to 128,
        in multiples of 16.
    activation : str or Activation, default="relu"
        Activation of the hidden layers: "identity", "logistic", "tanh", "isru", "relu", "softplus",
        "exponential", "leaky_relu", "elu", "gelu", "silu", "top_k" or "auto". "top_k" keeps the
        share `sparsity_target` of a layer's outputs, the largest, and sets the others to zero.
        "auto" is "relu"; if early stopping then keeps PCA, "isru" is tried, which is bounded. An
        instance (see :class:`skae.activations.Activation`), such as
        ``skae.activations.TopK(share=0.1)``, has parameters of its own; `sparsity_target` does not
        apply to it.
    solver : {"adam", "sgd", "shampoo", "lbfgs"} or Optimizer, default="adam"
        Method that minimises the loss. "lbfgs" uses all samples at once and suits small data sets;
        the others train on mini-batches. "shampoo" takes fewer but costlier steps, which pays off
        without a linear path and with layers of several hundred units. An instance (see
        :class:`skae.optimizers.Optimizer`), such as ``skae.optimizers.Adam(beta_1=0.5)``, has
        parameters of its own; `momentum`, `nesterovs_momentum`, `beta_1`, `beta_2` and `epsilon` do
        not apply to it.
    alpha : float, default=1.0
        Strength of the weight decay, which spares biases and the linear path. Adam and Shampoo
        multiply the weights by 1 - (learning rate) * alpha in each step. SGD and L-BFGS add
        alpha / (2 * n_samples) times the sum of squared weights to the loss. An instance as
        `solver` is treated like Adam if its ``is_scale_free`` is True, and otherwise like SGD.
    batch_size : int or "auto", default="auto"
        Number of samples in a mini-batch. "auto" is min(200, n_samples). L-BFGS ignores it.
    learning_rate : {"constant", "invscaling", "cosine"}, default="constant"
        Schedule of the learning rate. "invscaling" divides it by (t + 1) ** power_t at step t.
        "cosine" lowers it to zero along half a cosine over `max_iter` epochs; in `partial_fit` it
        means "constant". L-BFGS ignores the schedule.
    learning_rate_init : float or "auto", default=2e-3
        Initial learning rate. With Adam and Shampoo "auto" is 4e-3, reached in 50 steps. If the
        narrowest hidden layer has h < 64 units, the rate is multiplied by 64 / h, at most 16, and
        `alpha` is divided by this factor. With SGD "auto" is 2e-3.
    power_t : float, default=0.5
        Exponent of the schedule "invscaling".
    max_iter : int, default=100
        Maximum number of epochs, or of iterations of L-BFGS. With 0 the network is not trained:
        with a linear path the result is PCA.
    shuffle : bool, default=True
        Whether to shuffle the samples in each epoch.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the initial weights, the order of the samples, the held-out samples and the
        noise. Pass an int for reproducible results. None draws from NumPy's global generator
        (``np.random.seed``).
    tol : float, default=1e-2
        Relative tolerance. Training stops when the loss, of the held-out samples if there are any,
        has not decreased by this fraction of its value within `n_iter_no_change` epochs.
    verbose : bool or int, default=False
        Whether to print the loss of each epoch, restarts, and at the end what `summary` says of the
        training. Any number above 0 means True.
    warm_start : bool, default=False
        Whether `fit` continues from the previous solution instead of starting again.
    momentum : float in [0, 1], default=0.9
        Momentum of "sgd".
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=True
        Whether held-out samples determine the number of epochs. An epoch can be kept once their
        mean gain over the initial model exceeds about 2.25 standard errors. With a linear path, the
        result is otherwise PCA. Up to 500 samples and 200,000 values are cross-validated in five
        folds, and up to 20,000 samples in two if those held out leave the gain in doubt; the
        network is then trained on all. Near copies, and successive samples of a time series, are
        held out together. `partial_fit` holds out no samples. See the user guide.
    validation_fraction : float in (0, 1), default=0.1
        Share of the samples to hold out, rounded to 1/2, 1/3, 1/4 and so on, where there is no
        cross-validation. L-BFGS and warm starts never use it.
    validation_split : splitter, iterable of (train, test) or None, default=None
        How to hold out samples: a splitter of scikit-learn, such as ``GroupKFold()`` or
        ``TimeSeriesSplit()``, which gets the X, y and `groups` of `fit`, or pairs of index arrays,
        as for `cv` of GridSearchCV. It replaces `validation_fraction` and the search for dependent
        samples. One split is a training and a validation set. Several are a cross-validation,
        whatever the number of samples; ten splits are used at most, and with L-BFGS and warm starts
        only the last. Without early stopping, or with a validation set passed to `fit`, only
        detectors use the splits. None holds out samples as described at `early_stopping`.
    beta_1 : float in [0, 1), default=0.9
        Decay of the running mean of the gradient in "adam" and "shampoo".
    beta_2 : float in [0, 1), default=0.999
        Decay of the running mean of the squared gradient in "adam" and "shampoo".
    epsilon : float, default=1e-8
        Number added to the denominator of the step in "adam" and "shampoo".
    n_iter_no_change : int, default=20
        Number of epochs without improvement after which training stops.
    averaging : float in [0, 1), default=0.998
        Decay of the exponential moving average of the parameters, over about the last
        1 / (1 - averaging) steps. The fitted parameters are this average; with 0 they are those of
        the last step.
    max_fun : int, default=15000
        Maximum number of evaluations of the loss by L-BFGS.
    latent_activation : str or Activation, default="auto"
        Activation of the code: a name or an instance as for `activation`. "auto" is the one that
        `sparsity` needs ("logistic" for "kl"), otherwise "identity".
    output_activation : str or Activation, default="auto"
        Activation of the output: a name or an instance as for `activation`, but not "gelu", "silu"
        or "top_k". An instance must also offer `inverse`. "auto" is the one that belongs to the
        loss: "logistic" for "log_loss", "exponential" for "poisson", otherwise "identity" with
        outputs clipped to `bounds_`.
    loss : str or Loss, default="squared_error"
        Error to minimise: "squared_error", "absolute_error", "huber" (quadratic up to one, linear
        beyond, in units of the scaled features), "log_loss" (Bernoulli cross-entropy, for X in
        [0, 1]) or "poisson" (for counts, X >= 0). The loss of a sample is the mean over its
        features. An instance (see :class:`skae.losses.Loss`), such as ``skae.losses.Huber(k=2.0)``,
        has parameters of its own.
    linear_path : {"pca"} or None, default="pca"
        Linear maps beside encoder and decoder: PCA, which is not trained. The networks start at
        zero and learn what PCA misses. A DenoisingAutoencoder may encode by a regression on noisy
        samples instead of PCA (see the user guide). None gives the plain network of textbooks,
        which starts near the mean.
    linear_weight : float in [0, inf], default=0.0
        Weight of a second loss, which keeps a code that linear models can read: the mean squared
        error, of scaled samples, that the nonlinear part of the code adds if the linear path alone
        decodes it. With ``numpy.inf`` the code is that of the linear path, in PCA's order, and only
        the decoder is nonlinear. Any other value than 0 needs a linear path and a linear code. See
        the user guide.
    sparsity : {"kl", "l1"}, Penalty or None, default=None
        Penalty on the code. "kl" pulls the mean activation of each component over the training
        samples towards `sparsity_target`; "l1" adds the mean absolute activation; None adds
        nothing. An instance (see :class:`skae.penalties.Penalty`), such as
        ``skae.penalties.L1(weight=0.1)``, has parameters of its own; `sparsity_weight` and
        `sparsity_target` do not apply to it.
    sparsity_target : float in (0, 1), default=0.05
        Mean activation at which "kl" aims, or share of the units of a layer that "top_k" keeps.
    sparsity_weight : float, default=1.0
        Weight of the penalty "kl" or "l1" relative to the loss.
    contamination : float in (0, 0.5] or "auto", default="auto"
        Share of the training samples to flag as outliers. "auto" flags the samples with a p-value
        of at most 0.05 (see `predict_pvalue`), which raises false alarms on 5 % of new normal
        samples. With fewer than 19 training samples it flags those that score lower than all
        held-out ones.
    criterion : {"likelihood", "reconstruction"}, default="likelihood"
        Score of a sample: its log-density, or minus the mean of its squared standardised residuals,
        as in textbooks.
    max_samples : int, float in (0, 1] or "auto", default="auto"
        Maximum number of samples to train on, or share of the samples; "auto" is 10,000. If X has
        more, this many are drawn at random, at most four in five, and the others calibrate. These
        are not used for training at all. A warning says if they are most samples, except with
        "auto".
    novelty : bool, default=False
        Whether the training samples are all normal, so that outliers are sought among new samples
        only (novelty detection). All samples then count in full, and the density is finer. Outliers
        among them are learned.

    Attributes
    ----------
    n_components_ : int
        Number of components of the code.
    theta_ : ndarray of shape (n_parameters,)
        All parameters in one vector: weights, biases, linear path.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer, as views of `theta_`. They apply to scaled samples,
        (X - `mean_`) / `scale_`.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer, as views of `theta_`.
    path_coefs_ : list of ndarray
        Matrices of the linear path, not trained, as views of `theta_`: one of shape (n_features,
        n_components) and one of shape (n_components, n_features). Empty without a linear path.
    architecture_ : dict
        Layer widths, activations and loss of the fitted network.
    mean_ : ndarray of shape (n_features,)
        Mean of the training samples; distant ones count less.
    scale_ : ndarray of shape (n_features,)
        Number by which each feature is divided: its standard deviation, or 1 if that is zero.
        Larger if three quarters of the samples share one value (see the user guide); at least 1 /
        sqrt(12) of the step to which the feature is rounded.
    components_ : ndarray of shape (n_components, n_features)
        Directions of the linear part of the code, of unit length: PCA's components, in the order of
        the code. Absent without a linear path.
    code_scale_ : ndarray of shape ()
        Factor by which `transform` multiplies a linear code, so that its total variance is the
        variance of the scaled training samples that it explains, as in PCA.
    reach_ : ndarray of shape (2,) or None
        Largest norms of inputs that the encoder and the decoder read as they are, in the scaled
        space: 1.5 times those of the training samples and of their codes. More distant inputs are
        pulled in, except for the linear path. None without a linear path.
    bounds_ : ndarray of shape (2, n_features) or None
        Minimum and maximum to which each feature of the reconstruction is clipped, -inf and inf
        where there is no limit; None if there is none at all. A limit is an extreme value that many
        training samples share, such as black pixels. Limits need ``output_activation="auto"``, a
        loss with a linear output, and a solver other than "lbfgs". The detector has none.
    explained_variance_ : ndarray of shape (n_components,)
        Variance of each component of the code over the training samples, before whitening, measured
        on at most 10,000 of them (1,000 with a large network). `partial_fit` pools all its calls.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance of the training samples that each component explains, in descending
        order: what is lost if it is fixed at its mean, scaled to sum to the share that the
        reconstruction explains.
    gain_over_pca_ : float or dict or None
        Share of PCA's loss that training has removed, on held-out samples: 1 - L / L_0, with the
        mean `loss` L of the model and L_0 of the start, of scaled samples, noise and penalty
        included. The start is PCA, a denoiser's linear path, or, with `sparsity` or a nonlinear
        `latent_activation`, a model that may be worse than PCA. 0 if the model is left as it
        started. For nested codes a dict by code size. None without held-out samples, without a
        linear path, after a warm start and after `partial_fit`.
    gain_over_pca_bound_ : float or dict or None
        Lower confidence bound of the gain, one-sided, at 95 %, for new samples that are like those
        held out.
    reconstruction_err_ : float
        Mean squared error of the reconstructed training samples, over samples and features,
        measured on at most 10,000 of them (1,000 with a large network).
    loss_ : float or None
        Training loss of the last epoch; None if there was no epoch.
    best_loss_ : float or None
        Lowest loss: on the held-out samples if there are any, otherwise in training.
    loss_curve_ : list of float
        Mean training loss of each epoch. With cross-validation, the mean over the folds.
    validation_loss_curve_ : list of float
        Mean loss of the held-out samples after each epoch; empty if there are none. With
        cross-validation, each sample is judged by the network that was trained without it.
    n_iter_ : int
        Number of epochs or iterations run, at most `max_iter`. With cross-validation, those of the
        folds alone.
    best_iter_ : int
        Epoch whose parameters are kept; 0 is the initial model.
    t_ : int
        Number of optimizer steps taken.
    n_layers_ : int
        Number of layers, including the input.
    n_samples_seen_ : int
        Number of training samples, summed over all calls of `partial_fit`.
    gaussian_ : dict or None
        Mean, covariance and limits (lowest and highest values) of the training samples, by which
        missing cells are filled: with their mean given the others of the sample, within the limits.
        They have no loss and do not count in scores. None if X was complete; NaN in new samples is
        filled in the same way.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.
    offset_ : float
        Threshold of `score_samples`: samples that score lower are outliers.
    calibration_scores_ : ndarray of shape (n_held_out,)
        Scores of samples by models that were not trained on them. With up to 500 samples these are
        all, by cross-validation. With more, they are those held out by early stopping, and, if
        these are fewer than 500 (1,000 of 5,000 or more), others by cross-validation. With more
        than `max_samples`, they are those not drawn for training, 50,000 at most. After later calls
        of `partial_fit` they are the last 1000, scored before the model was trained on them.
    calibration_weights_ : ndarray of shape (n_held_out,)
        Weights of the samples that `calibration_scores_` belong to.
    calibration_indices_ : ndarray of shape (n_held_out,)
        Row numbers of these samples in X. In later calls of `partial_fit` those of the last call,
        and -1 for samples of earlier calls.
    ellipsoid_ : dict or None
        Mean, whitening matrix and size of the ellipsoid outside which samples count less; None with
        ``novelty=True``.
    density_ : dict
        Parameters of the density: basis of the subspace of the codes, axes, mixtures, and the
        logarithm of the integral that the scores are divided by. Only with
        ``criterion="likelihood"``.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Outlier detection by random splits.
    sklearn.covariance.EllipticEnvelope : Outlier detection by one robust Gaussian.
    AutoencoderTransformer : Autoencoder for dimensionality reduction.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import AutoencoderOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1, 2, 3] + rng.normal(scale=0.1, size=(200, 3))
    >>> detector = AutoencoderOutlierDetector(1, random_state=0).fit(X)
    >>> detector.predict([[0, 0, 0], [0, 2, -3]])
    array([ 1, -1])

    A threshold from machines that the model was not trained on, or from later samples:

    >>> from sklearn.model_selection import TimeSeriesSplit
    >>> machines = np.repeat(["a", "b", "c", "d", "e"], 40)
    >>> len(detector.fit(X, groups=machines).calibration_scores_)
    200
    >>> detector = detector.set_params(validation_split=TimeSeriesSplit(4, test_size=30))
    >>> len(detector.fit(X).calibration_scores_)
    120
    """

    offset_: float
    calibration_scores_: NDArray[np.float64]
    calibration_weights_: NDArray[np.float64]
    calibration_indices_: NDArray[np.intp]
    ellipsoid_: dict[str, Any] | None
    density_: dict[str, Any]

    if TYPE_CHECKING:  # a method that scikit-learn has no types for

        def fit_predict(self, X: ArrayLike, y: Any = None, **kwargs: Any) -> NDArray[np.int64]: ...

    _parameter_constraints = _BaseAutoencoder._parameter_constraints | {
        "linear_weight": [Interval(Real, 0, None, closed="both")],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "criterion": [StrOptions({"likelihood", "reconstruction"})],
        "max_samples": [
            StrOptions({"auto"}),
            Interval(Integral, 2, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="right"),
        ],
        "novelty": ["boolean"],
    }

    def __init__(
        self,
        n_components: int | float | None = 0.8,
        *,
        hidden_layer_sizes: int | Sequence[int] | NDArray[Any] | str = (64,),
        activation: str | Activation = "relu",
        solver: str | Optimizer = "adam",
        alpha: float = 1.0,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | str = 2e-3,
        power_t: float = 0.5,
        max_iter: int = 100,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        tol: float = 1e-2,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        validation_split: Splits | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 20,
        averaging: float = 0.998,
        max_fun: int = 15000,
        latent_activation: str | Activation = "auto",
        output_activation: str | Activation = "auto",
        loss: str | Loss = "squared_error",
        linear_path: str | None = "pca",
        linear_weight: float = 0.0,
        sparsity: str | Penalty | None = None,
        sparsity_target: float = 0.05,
        sparsity_weight: float = 1.0,
        contamination: float | Literal["auto"] = "auto",
        criterion: str = "likelihood",
        max_samples: int | float | Literal["auto"] = "auto",
        novelty: bool = False,
    ) -> None:
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
        self.validation_split = validation_split
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
        self.linear_weight = linear_weight
        self.sparsity = sparsity
        self.sparsity_target = sparsity_target
        self.sparsity_weight = sparsity_weight
        self.contamination = contamination
        self.criterion = criterion
        self.max_samples = max_samples
        self.novelty = novelty

    @available_without_lbfgs
    @validate_parameters
    def partial_fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Train for one pass over X, continuing from previous calls.

        The first call sets mean, scale, linear path, ellipsoid and mixtures: give it enough
        samples. It trains on at most `max_samples` of them, and on fewer if these have more than a
        million values; the others calibrate. If samples stay on another level or scale than those
        before, training starts anew.

        Later calls update the mixtures. They score their samples before training on them, and the
        last 1000 scores set the threshold: pass new samples in each call, not the same ones again.
        See the guide on scaling out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, at least two in the first call.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. A sample of weight zero is ignored. None stands for equal
            weights.
        groups : array-like of shape (n_samples,), default=None
            Label of the group of each sample, as in `fit`. The first call sets the threshold from
            held-out samples and never splits a group. Later calls hold no samples out.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, another argument or a parameter is invalid. The estimator is then unchanged.
        TypeError
            If an instance passed as a parameter lacks a required method or attribute. The
            estimator is then unchanged.

        Warns
        -----
        ShiftedSamplesWarning
            If 100 samples or more differ as a whole from those of the call before, as in `predict`.
            They are learned all the same. As an error, by ``warnings.simplefilter("error",
            skae.ShiftedSamplesWarning)``, it leaves the estimator unchanged.
        """
        return self._partial_fit(X, sample_weight, groups=groups)

    # ---------------------------------------------------------------- training

    def _options(self):
        """Return the parameters; a detector standardises every feature."""
        return read_options(self._parameters(), is_detector=True, searches_components=False)

    def _tasks(self, context, given, validated, rows, n_further=1):
        """Return the tasks that report to callbacks; one more is for the calibration."""
        return super()._tasks(context, given, validated, rows, n_further)

    def _drawn_weights(self, weights, options, most=None):
        """Return the weights of at most `max_samples` samples, and zero for the others.

        `most` is a further limit, or None.
        """
        max_samples = count_max_samples(self.max_samples, np.count_nonzero(weights))
        if most is not None:
            max_samples = min(max_samples, most)
        return subsample_weights(weights, max_samples, options.seeds.split)

    def _warn_of_dropped(self, n_drawn, n_samples):
        """Warn if `max_samples` leaves out most samples, unless it is "auto"."""
        if self.max_samples != "auto" and 2 * n_drawn < n_samples:
            warn(
                f"max_samples={self.max_samples!r} leaves {n_samples - n_drawn} of {n_samples} "
                "samples out of training. A tree of an IsolationForest needs few samples, a "
                'network needs many: "auto" trains on up to 10,000.',
            )

    _reads_sparse = False

    def _needs_dense(self):
        return "the density of a detector needs dense samples. Reduce X with TruncatedSVD first"

    def _holds_out(self, options, X_val):
        return True

    def _splits_of_pass(self, anew, X, groups, weights):
        splits = read_splits(self.validation_split if anew else None, X, None, groups, weights)
        return replace(splits, max_numbers=MAX_PASS_NUMBERS) if anew else None

    def _training_rows(self, filled, weights, X_clean, options, splits=None):
        """Return the samples to train on, those outside the ellipsoid with less weight.

        Later calls of `partial_fit` score the samples first, while they are new.
        """
        if splits is not None:
            most = splits.max_numbers and max(splits.max_numbers // filled.X.shape[1], 2)
            drawn = self._drawn_weights(weights, options, most)
            self._warn_of_dropped(np.count_nonzero(drawn), np.count_nonzero(weights))
            rows = super()._training_rows(filled, drawn, None, options, splits)
            if splits.are_independent:
                rows = deal_copies(rows, options.seeds.split)
            ellipsoid = None if self.novelty else fit_ellipsoid(rows, options.seeds.start)
            self.ellipsoid_ = None
            if ellipsoid is not None:
                self.ellipsoid_ = _persistence.in_file_order(vars(ellipsoid))
            # A sample that was not drawn is not new if others of its group were.
            left_out = (drawn == 0) & (weights > 0) & splits.are_independent
            return downweight_outliers(replace(rows, left_out=left_out), ellipsoid)
        rows = super()._training_rows(filled, weights, None, options)
        self._warn_of_shift(filled.X, filled)
        if len(filled.X) >= MIN_ROWS:
            self._keep(kept_for_comparison(filled.X, filled.missing))
        indices = np.flatnonzero(weights)[np.unique(rows.member, return_index=True)[1]]
        indices = np.append(np.full(len(self.calibration_scores_), -1), indices)
        self.calibration_indices_ = indices[-MEMORY_SAMPLES:]
        scores = expected_scores(self._scorer, rows.X, rows.missing)
        scores = np.append(self.calibration_scores_, scores)
        self.calibration_scores_ = scores[-MEMORY_SAMPLES:]
        weights = np.append(self.calibration_weights_, rows.weights)
        self.calibration_weights_ = weights[-MEMORY_SAMPLES:]
        return downweight_outliers(rows, self._ellipsoid)

    def _validate_weights(self, sample_weight, X):
        """Return the weights as numbers of samples, so that a common factor has no effect."""
        return weights_as_counts(super()._validate_weights(sample_weight, X))

    def _fitted_attributes(self, result, X, weights, trainer=None, tasks=NULL_TASKS):
        attributes = super()._fitted_attributes(result, X, weights, trainer, tasks)
        scorer = Scorer(result.model, None, self._ellipsoid)
        if self.criterion == "likelihood":
            density = fit_scorer(result, result.seeds.samples, self._ellipsoid).density.asdict()
            attributes["density_"] = _persistence.in_file_order(density)
            scorer = replace(scorer, density=Density.from_dict(attributes["density_"]))
        filled = self._filled(X)
        counts = trainer is None or self.contamination != "auto"
        scores = expected_scores(scorer, filled.X, filled.missing) if counts else None
        calibration = Calibration(scores, weights)
        if trainer is not None:
            given = filled.X, weights, result.rows.left_out, filled.missing
            samples = CalibrationSamples(*given, self._refill)
            calibration = calibrate(samples, result, scorer, trainer, tasks)
            attributes["calibration_indices_"] = calibration.indices
            attributes["_record"]["n_calibration"] = len(calibration.indices)
            present = np.flatnonzero(weights)
            present = present[evenly_spaced(len(present), COMPARED_ROWS)]
            missing = None if filled.missing is None else filled.missing[present]
            attributes |= kept_for_comparison(filled.X[present], missing)
        return attributes | {
            "calibration_scores_": calibration.scores,
            "calibration_weights_": calibration.weights,
            "offset_": self._threshold(calibration, scores, weights),
        }

    def _updated_attributes(self, result, X, weights, trainer):
        attributes = super()._fitted_attributes(result, X, weights, trainer)
        if self.criterion == "likelihood":
            scorer = replace(self._scorer, model=result.model)
            scorer = update_scorer(scorer, result.rows, MEMORY_SAMPLES)
            attributes["density_"] = _persistence.in_file_order(scorer.density.asdict())
        calibration = self._calibration
        scores, weights = calibration.scores, calibration.weights
        return attributes | {"offset_": self._threshold(calibration, scores, weights)}

    def _threshold(self, calibration, scores, weights):
        if self.contamination == "auto":
            return calibration.threshold(FALSE_ALARM_RATE)
        return weighted_quantile(scores, weights, self.contamination)

    @property
    def _calibration(self):
        tolerance = tie_tolerance(self.theta_.dtype)
        return Calibration(self.calibration_scores_, self.calibration_weights_, tolerance)

    @property
    def _scorer(self):
        density = None
        if self.criterion == "likelihood":
            density = Density.from_dict(self.density_)
        return Scorer(self._model, density, self._ellipsoid)

    @property
    def _ellipsoid(self):
        return None if self.ellipsoid_ is None else Ellipsoid(**self.ellipsoid_)

    def _sampling_attributes(self, result):
        """Return what `sample` needs as private attributes: a density, as no samples are kept."""
        return self._code_density_attributes(result)

    # ---------------------------------------------------------------- files and export

    _needed_when_fitted = _persistence.NEEDED | _persistence.NEEDED_BY_DETECTORS

    _onnx_outputs = {"label": 1, "scores": 1}

    def _onnx_nodes(self, X):
        decision = self._onnx_score_samples(X) - self.offset_
        return [(decision >= 0).choose(decision.lift(1, np.int64), -1), decision]

    def _onnx_score_samples(self, X):
        return exporter.detector_scores(self._scorer, X)

    # ---------------------------------------------------------------- public

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean of `score_samples`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. None stands for equal weights.

        Returns
        -------
        score : float
            Mean score; higher is better. A GridSearchCV finds the most likely density, which need
            not make the best detector. Do not search over `contamination`, on which the score does
            not depend, or `criterion`, whose units differ. For the explained share of the variance
            see :func:`skae.metrics.reconstruction_score`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or the weights are invalid.
        """
        filled = self._validate_filled(X)
        weights = self._validate_weights(sample_weight, filled.X)
        scores = expected_scores(self._scorer, filled.X, filled.missing)
        return float(np.average(scores, weights=weights))

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Compute the score of each sample; higher is more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Scores in float64, of standardised features: the log-density with
            ``criterion="likelihood"``, minus the mean of the squared residuals with
            ``criterion="reconstruction"``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        filled = self._validate_filled(X)
        return expected_scores(self._scorer, filled.X, filled.missing)

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Compute the score of each sample relative to the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to judge.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            `score_samples` minus `offset_`, in float64: negative for outliers.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Label each sample as an inlier or an outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to judge.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            1 for inliers and -1 for outliers.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.

        Warns
        -----
        ShiftedSamplesWarning
            If X has 100 samples or more and differs as a whole from the training samples, such as
            by the unit of a feature. The features are named.
        """
        filled = self._validate_filled(X)
        scores = expected_scores(self._scorer, filled.X, filled.missing)
        is_flagged = scores < self.offset_
        self._warn_of_shift(X, filled, is_flagged)
        return np.where(is_flagged, -1, 1)
