"""AutoencoderTransformer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skae._base import _BaseAutoencoder
from skae._compat import Interval
from skae._containers import Splits
from skae.activations import Activation
from skae.losses import Loss
from skae.optimizers import Optimizer
from skae.penalties import Penalty


class AutoencoderTransformer(_BaseAutoencoder):
    """Autoencoder for dimensionality reduction: nonlinear PCA by a neural network.

    An encoder network maps samples to a code of `n_components` components, and a decoder network
    maps the code back. A linear path beside both networks is PCA itself: training starts at PCA's
    reconstruction, and the networks learn what it misses. Samples are centred and divided by one
    number before they enter the networks; reconstructions are in the units of X.

    Parameters
    ----------
    n_components : int, float in (0, 1) or None, default=2
        Number of components of the code, at most min(n_samples, n_features) with a linear path.
        None stands for this maximum. A float is the share of the variance to explain, with the
        fewest components that reach it on held-out samples. The detector, and a transformer without
        held-out samples, use as many as PCA needs; others never use more.
    hidden_layer_sizes : int, sequence of int or "auto", default="auto"
        Numbers of units in the hidden layers of the encoder; the decoder mirrors them. `()` gives a
        linear autoencoder. "auto" is two layers of twice as many units as features, from 96 to 128,
        in multiples of 16.
    activation : str or Activation, default="auto"
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
    learning_rate_init : float or "auto", default="auto"
        Initial learning rate. With Adam and Shampoo "auto" is 4e-3, reached in 50 steps. If the
        narrowest hidden layer has h < 64 units, the rate is multiplied by 64 / h, at most 16, and
        `alpha` is divided by this factor. With SGD "auto" is 2e-3.
    power_t : float, default=0.5
        Exponent of the schedule "invscaling".
    max_iter : int, default=200
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
    whiten : bool, default=False
        Whether `transform` divides each component of the code by its standard deviation over the
        training samples; `inverse_transform` undoes it.
    nested : bool, default=False
        Whether to train codes of all sizes at once, which takes about three times as long. For
        every j, the first j components are then a code of their own, which `inverse_transform` and
        `reconstruct` can decode. Components stay in the order of PCA; `explained_variance_ratio_`
        is what each adds to those before it. One encoder is trained with several decoders, which
        `coefs_` holds from the largest code size to the smallest. An epoch is kept only if all
        sizes gain. If none is, the code remains PCA's, and each decoder keeps its best epoch;
        `best_iter_` is the last of these. ``activation="auto"`` starts with "silu" instead of
        "relu".

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
        Mean of the training samples.
    scale_ : ndarray of shape ()
        Root mean square of the centred training samples, by which they are divided.
    components_ : ndarray of shape (n_components, n_features)
        Directions of the linear part of the code, of unit length: PCA's components, in the order of
        the code. Absent without a linear path.
    code_scale_ : ndarray of shape ()
        Factor by which `transform` multiplies a linear code, so that its total variance is the
        variance that the reconstruction explains, as in PCA.
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

    See Also
    --------
    sklearn.decomposition.PCA : Linear dimensionality reduction.
    DenoisingAutoencoder : Autoencoder that learns to remove noise.
    AutoencoderOutlierDetector : Outlier detection with an autoencoder.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> X = load_iris().data
    >>> autoencoder = AutoencoderTransformer(n_components=2, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (150, 2)
    >>> autoencoder.score(X) > 0.97
    True

    Suppose that each garden has five of the flowers. No garden is both trained on and held out,
    with the usual folds and then with those of a splitter:

    >>> import numpy as np
    >>> from sklearn.model_selection import GroupKFold
    >>> gardens = np.arange(150) % 30
    >>> autoencoder.fit(X, groups=gardens).score(X) > 0.97
    True
    >>> autoencoder = autoencoder.set_params(validation_split=GroupKFold(3))
    >>> autoencoder.fit(X, groups=gardens).score(X) > 0.97
    True
    """

    _parameter_constraints = _BaseAutoencoder._parameter_constraints | {
        "linear_weight": [Interval(Real, 0, None, closed="both")],
        "nested": ["boolean"],
        "whiten": ["boolean"],
    }

    def __init__(
        self,
        n_components: int | float | None = 2,
        *,
        hidden_layer_sizes: int | Sequence[int] | NDArray[Any] | str = "auto",
        activation: str | Activation = "auto",
        solver: str | Optimizer = "adam",
        alpha: float = 1.0,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | str = "auto",
        power_t: float = 0.5,
        max_iter: int = 200,
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
        whiten: bool = False,
        nested: bool = False,
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
        self.whiten = whiten
        self.nested = nested
