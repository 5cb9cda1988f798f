"""DenoisingAutoencoder."""

from dataclasses import replace
from numbers import Real

from sklearn.utils.metaestimators import available_if

from skae._base import _BaseAutoencoder, is_stochastic
from skae._compat import Interval, Offers, StrOptions, fit_context
from skae.corruptions import CORRUPTIONS, Corruption, make_corruption


class DenoisingAutoencoder(_BaseAutoencoder):
    """Autoencoder trained to restore clean rows from corrupted ones.

    In every epoch the rows get new noise, and the network learns to reconstruct the rows
    as they were (Vincent, Larochelle, Bengio & Manzagol, 2008, ICML). `reconstruct` of a
    noisy row is the cleaned row. Noise is added in the units of X.

    Parameters
    ----------
    n_components : int or float in (0, 1), default=2
        Number of columns of the code. A float is the share of the variance that the code
        is to explain. A transformer takes the fewest columns whose reconstruction explains
        it on held-out rows, at PCA's number at the latest: fits of two or three sizes tell.
        PCA's number, the fewest components with which PCA explains the share, is what a
        detector takes, and a plain transformer without held-out rows.
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them. `()` leaves a
        linear autoencoder.
    activation : str, default="auto"
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
    nested : bool, default=False
        Whether to train codes of every size at once, which takes about three times as long.
        The first j columns are then a code of their own, for every j, which `reconstruct` and
        `inverse_transform` decode. One encoder is trained with a decoder for the whole code
        and one for each of the sizes 1, 2, 3, 4, 6, 8, 12, 16, ... below, from wide to narrow
        in `coefs_`; ``activation="auto"`` begins with "silu". Of each batch a decoder reads a
        part, of n decoders 2.5 / n, and `alpha` counts as much less. An epoch is kept only if
        every size of code gains. Where that cannot be, the code stays PCA's and the decoders
        alone are trained, each kept as it was best: `best_iter_` is then the last of their
        epochs. A size at which held-out rows are better off with fewer columns is decoded from
        these. The columns stay in PCA's order, and `explained_variance_ratio_` of a column is
        what it adds to those before it. Where `n_components` is a share of the variance, the
        code then ends with the column by which the reconstruction of held-out rows explains it,
        at PCA's number at the latest.
    noise : {"masking", "gaussian", "salt_pepper", "swap"}, callable or None, \
            default="gaussian"
        "masking": a cell becomes 0 with probability `noise_level`. "gaussian": a cell gains
        a normal number with standard deviation `noise_level`. "salt_pepper": a cell becomes
        the least or the greatest value of its column, with probability `noise_level`.
        "swap": a cell takes the value of its column in another training row, with
        probability `noise_level`. A callable is given (X, rng), an ndarray of training rows
        (a batch or several, or, once before training, about 5000 with repetitions) and a
        numpy Generator, and returns the corrupted rows. None adds no noise.
    noise_level : float, default=0.3
        Probability or standard deviation of the noise.

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
    scale_ : ndarray of shape ()
        Root mean square of the centred training rows, by which they are divided.
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

    See Also
    --------
    sklearn.decomposition.PCA : The linear case, solved exactly.
    AutoencoderTransformer : The same without noise.
    AutoencoderOutlierDetector : Judges rows by their reconstruction.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skae import DenoisingAutoencoder
    >>> X = load_digits().data / 16
    >>> noisy = X + 0.3 * np.random.default_rng(0).standard_normal(X.shape)
    >>> denoiser = DenoisingAutoencoder(16, max_iter=20, random_state=0).fit(X)
    >>> error = np.mean((denoiser.reconstruct(noisy) - X) ** 2)
    >>> bool(error < np.mean((noisy - X) ** 2) / 2)
    True
    """

    _parameter_constraints = _BaseAutoencoder._parameter_constraints | {
        "nested": ["boolean"],
        "noise": [StrOptions(set(CORRUPTIONS)), callable, None, Offers(Corruption)],
        "noise_level": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(128, 128),
        activation="auto",
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
        nested=False,
        noise="gaussian",
        noise_level=0.3,
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
        self.nested = nested
        self.noise = noise
        self.noise_level = noise_level

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, *, X_clean=None, X_val=None):
        """Train the autoencoder to restore X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; a row of weight zero counts as absent.
        X_clean : array-like of shape (n_samples, n_features), default=None
            The clean rows that those of X are corrupted copies of. X is then taken as
            it is: no noise is added.
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
        return self._fit(X, sample_weight, X_clean=X_clean, X_val=X_val)

    @available_if(is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None, *, X_clean=None):
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
        X_clean : array-like of shape (n_samples, n_features), default=None
            The clean rows that those of X are corrupted copies of. X is then taken as
            it is: no noise is added.

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
        return self._partial_fit(X, sample_weight, X_clean=X_clean)

    def _training_rows(self, X, weights, X_clean, options, previous=None):
        """Return the samples to train on, with the noise to add to them if they are clean."""
        rows = super()._training_rows(X, weights, X_clean, options, previous)
        if X_clean is not None:
            return rows
        corruption = make_corruption(self.noise, self.noise_level, rows.X)
        return replace(rows, corruption=corruption)
