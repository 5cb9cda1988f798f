"""VariationalAutoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skae._base import _BaseAutoencoder, warn_convergence
from skae._compat import Interval, Offers, StrOptions
from skae._constraints import CONSTRAINTS
from skae._containers import FloatArray, Splits
from skae._fitted_model import measured_samples
from skae._network import evidence, inference
from skae._network.gaussian_code import noise_variances
from skae._training.bound import BoundOptions
from skae._training.callbacks import NULL_TASKS
from skae._training.options import read_options
from skae.activations import ACTIVATIONS, Activation
from skae.optimizers import Optimizer

MIN_ACTIVE_VARIANCE = 0.01  # of the means of an active component
OMITTED = {"latent_activation", "output_activation", "sparsity", "sparsity_target"}
OMITTED |= {"sparsity_weight", "whiten"}
LOSSES = {"squared_error", "log_loss", "poisson"}


class VariationalAutoencoder(_BaseAutoencoder):
    """Variational autoencoder: an autoencoder that is a probabilistic model of the samples.

    The encoder computes a normal distribution of codes for each sample, and the decoder turns a
    code into a distribution of samples. Training maximises a lower bound on the likelihood of the
    samples under the model in which codes are drawn from the standard normal distribution. Codes
    drawn from it therefore decode to new samples, and samples have a likelihood.

    Training starts at the linear case, probabilistic PCA. Samples are centred and divided by one
    number (see `noise_variance`) before they enter the networks; reconstructions are in the units
    of X.

    Parameters
    ----------
    n_components : int, float in (0, 1) or None, default=2
        Number of components of the code, at most min(n_samples, n_features) with a linear path.
        None stands for this maximum. A float is the share of the variance that PCA would explain
        with as many.
    hidden_layer_sizes : int, sequence of int or "auto", default=(128, 128)
        Numbers of units in the hidden layers of the encoder; the decoder mirrors them. `()` gives a
        linear autoencoder. "auto" is two layers of twice as many units as features, from 96 to 128,
        in multiples of 16.
    activation : str or Activation, default="auto"
        Activation of the hidden layers: "identity", "logistic", "tanh", "isru", "relu", "softplus",
        "exponential", "leaky_relu", "elu", "gelu", "silu" or "auto". "auto" is "relu"; if early
        stopping then keeps probabilistic PCA, "isru" is tried, which is bounded. An instance (see
        :class:`skae.activations.Activation`), such as ``skae.activations.TopK(share=0.1)``, has
        parameters of its own.
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
    max_iter : int, default=200
        Maximum number of epochs, or of iterations of L-BFGS. With 0 the network is not trained:
        with a linear path the result is probabilistic PCA.
    shuffle : bool, default=True
        Whether to shuffle the samples in each epoch.
    random_state : int, RandomState instance, Generator or None, default=None
        Determines the initial weights, the order of the samples, the held-out samples and the codes
        drawn in training. Pass an int for reproducible results. None draws from NumPy's global
        generator (``np.random.seed``).
    tol : float, default=1e-3
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
        Whether the bound on held-out samples determines the number of epochs. An epoch can be kept
        once their mean gain over the initial model exceeds about 2.25 standard errors. With a
        linear path, the result is otherwise probabilistic PCA. Up to 500 samples and 200,000 values
        are cross-validated in five folds, and up to 20,000 samples in two if those held out leave
        the gain in doubt; the network is then trained on all. Near copies, and successive samples
        of a time series, are held out together. `partial_fit` holds out no samples. See the user
        guide.
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
        Number of epochs without improvement after which training stops. The epochs of `kl_warm_up`
        are added.
    averaging : float in [0, 1), default=0.998
        Decay of the exponential moving average of the parameters, over about the last
        1 / (1 - averaging) steps. The fitted parameters are this average; with 0 they are those of
        the last step.
    max_fun : int, default=15000
        Maximum number of evaluations of the loss by L-BFGS.
    loss : {"squared_error", "log_loss", "poisson"}, default="squared_error"
        Distribution of a sample, given its code. "squared_error" is a normal distribution with a
        learned variance (see `noise_variance`). "log_loss" is a Bernoulli distribution, for binary
        features or values between 0 and 1. "poisson" is for counts, X >= 0.
    linear_path : {"pca"} or None, default="pca"
        Linear maps beside encoder and decoder: probabilistic PCA, which is not trained. The
        networks start at zero and learn what it misses. None gives the plain network of textbooks,
        which starts near the mean.
    kl_weight : float, default=1.0
        Weight of the Kullback-Leibler divergence of the codes from the prior. With 1 training
        maximises a lower bound on the likelihood. More gives a smoother code with fewer active
        components, less a sharper reconstruction ("beta-VAE").
    kl_warm_up : int, default=0
        Number of epochs in which the weight rises linearly from zero to `kl_weight`. It can keep
        components from collapsing onto the prior early on. L-BFGS ignores it.
    free_bits : float, default=0.0
        Divergence of each component, averaged over a batch and in nats, that costs nothing. It
        keeps components from collapsing, but what is maximised is then no bound. Needs
        ``n_samples=1``.
    n_samples : int, default=1
        Number of codes drawn for each sample in a training step. More than one maximises the
        importance-weighted bound, which is closer to the likelihood and takes about `n_samples`
        times as long.
    noise_variance : {"shared", "per_feature"}, default="shared"
        Whether all features share one noise variance, with ``loss="squared_error"``. With
        "per_feature" each has its own, features are standardised, and training starts as factor
        analysis instead of probabilistic PCA.
    n_samples_bound : int, default=100
        Number of codes that `score_samples` draws for each sample.

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
        Root mean square of the centred training samples, by which they are divided. With
        ``noise_variance="per_feature"`` that of each feature, of shape (n_features,).
    components_ : ndarray of shape (n_components, n_features)
        Directions of the linear part of the code, of unit length: PCA's components, in the order of
        the code. Absent without a linear path.
    code_scale_ : ndarray of shape ()
        Factor by which `transform` multiplies a code: 1, as codes have the scale of the prior.
    reach_ : ndarray of shape (2,) or None
        Largest norms of inputs that the encoder and the decoder read as they are, in the scaled
        space: 1.5 times those of the training samples and of their codes. More distant inputs are
        pulled in, except for the linear path. None without a linear path.
    bounds_ : ndarray of shape (2, n_features) or None
        None: outputs are not clipped, as the likelihood is that of the outputs as they are.
    explained_variance_ : ndarray of shape (n_components,)
        Variance of each component of the code over the training samples, before whitening, measured
        on at most 10,000 of them (1,000 with a large network). `partial_fit` pools all its calls.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance of the training samples that each component explains, in descending
        order: what is lost if it is fixed at its mean, scaled to sum to the share that the
        reconstruction explains.
    noise_variance_ : ndarray of shape (n_features,) or None
        Variance of each feature, given the code, in the squared units of X. None unless
        ``loss="squared_error"``.
    kl_divergence_ : ndarray of shape (n_components,)
        Divergence of each component from the prior, averaged over the training samples, or at most
        10,000 of them (1,000 with a large network), in nats. The sum is the rate.
    n_active_components_ : int
        Number of components whose mean has a variance above 0.01 over the training samples. The
        others have collapsed onto the prior and say nothing.
    gain_over_pca_ : float or dict or None
        None: a likelihood has no zero of which a gain could be a share. Compare `score` with that
        of ``sklearn.decomposition.PCA``.
    gain_over_pca_bound_ : float or dict or None
        None, like the gain.
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
        In training they have no density; in new samples they count like observed ones. None if X
        was complete; NaN in new samples is filled in the same way.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.decomposition.PCA : Linear dimensionality reduction, with the likelihood of
        probabilistic PCA.
    sklearn.mixture.GaussianMixture : Density of samples with few features.
    AutoencoderTransformer : Autoencoder for dimensionality reduction.

    References
    ----------
    Kingma & Welling, 2014, "Auto-encoding variational Bayes", arXiv 1312.6114.

    Tipping & Bishop, 1999, "Probabilistic principal component analysis", J. Royal Statistical
    Society B 61.

    Burda, Grosse & Salakhutdinov, 2016, "Importance weighted autoencoders", arXiv 1509.00519.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import VariationalAutoencoder
    >>> X = load_iris().data
    >>> autoencoder = VariationalAutoencoder(n_components=2, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (150, 2)
    >>> autoencoder.sample(3, random_state=0).shape
    (3, 4)
    """

    _parameter_constraints = {k: v for k, v in CONSTRAINTS.items() if k not in OMITTED} | {
        "activation": [StrOptions({"auto"} | set(ACTIVATIONS) - {"top_k"}), Offers(Activation)],
        "loss": [StrOptions(LOSSES)],
        "kl_weight": [Interval(Real, 0, None, closed="left")],
        "kl_warm_up": [Interval(Integral, 0, None, closed="left")],
        "free_bits": [Interval(Real, 0, None, closed="left")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "noise_variance": [StrOptions({"shared", "per_feature"})],
        "n_samples_bound": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int | float | None = 2,
        *,
        hidden_layer_sizes: int | Sequence[int] | NDArray[Any] | str = (128, 128),
        activation: str | Activation = "auto",
        solver: str | Optimizer = "adam",
        alpha: float = 1.0,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | str = 2e-3,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        tol: float = 1e-3,
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
        loss: str = "squared_error",
        linear_path: str | None = "pca",
        kl_weight: float = 1.0,
        kl_warm_up: int = 0,
        free_bits: float = 0.0,
        n_samples: int = 1,
        noise_variance: str = "shared",
        n_samples_bound: int = 100,
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
        self.loss = loss
        self.linear_path = linear_path
        self.kl_weight = kl_weight
        self.kl_warm_up = kl_warm_up
        self.free_bits = free_bits
        self.n_samples = n_samples
        self.noise_variance = noise_variance
        self.n_samples_bound = n_samples_bound

    # ---------------------------------------------------------------- fitting

    def _options(self):
        if self.free_bits > 0 and self.n_samples > 1:
            raise ValueError(
                f"free_bits={self.free_bits!r} needs n_samples=1, got n_samples={self.n_samples}: "
                "the importance-weighted bound has no divergence of each component."
            )
        plain = {"latent_activation": "identity", "output_activation": "auto"}
        plain |= {"sparsity": None, "sparsity_target": 0.5}
        options = read_options(self._parameters() | plain, searches_components=False)
        n_epochs = options.solver.n_iter_no_change + self.kl_warm_up
        noise_per_feature = self.noise_variance == "per_feature"
        standardize = noise_per_feature and self.loss == "squared_error"
        return replace(
            options,
            network=replace(options.network, clips=False, standardize=standardize),
            solver=replace(options.solver, n_iter_no_change=n_epochs),
            bound=BoundOptions(
                kl_weight=float(self.kl_weight),
                kl_warm_up=int(self.kl_warm_up),
                free_bits=float(self.free_bits),
                n_draws=int(self.n_samples),
                noise_per_feature=noise_per_feature,
            ),
        )

    def _fitted_attributes(self, result, X, weights, trainer=None, tasks=NULL_TASKS):
        fitted = super()._fitted_attributes(result, X, weights, trainer, tasks)
        model = result.model
        X, weights = measured_samples(model, X, weights, is_preview=trainer is None)
        fitted["kl_divergence_"] = evidence.mean_divergences(model, X, weights)
        is_active = result.explained_variance > MIN_ACTIVE_VARIANCE
        fitted["n_active_components_"] = int(np.sum(is_active))
        fitted["noise_variance_"] = None
        if model.network.n_noise_variances:
            _, theta = model.parameters.layers[model.network.n_layers + 1]
            v = noise_variances(theta) * np.square(model.scaling.scale)
            fitted["noise_variance_"] = np.broadcast_to(v, X.shape[1]).copy()
        return fitted

    def _fit(self, *samples, **others):
        """Fit as the base class does; warn if the code says nothing about the samples."""
        super()._fit(*samples, **others)
        self._warn_if_collapsed()
        return self

    def _warn_if_collapsed(self):
        lowest, highest = self._column_values["range"]
        is_constant = np.array_equal(lowest, highest)
        if self.n_active_components_ == 0 and self.n_iter_ > 0 and not is_constant:
            warn_convergence(
                f"All {self.n_components_} components have collapsed onto the prior: the code says "
                f"nothing about the samples. Try a lower kl_weight (now {self.kl_weight}), "
                f"kl_warm_up (now {self.kl_warm_up}) of some epochs, or free_bits (now "
                f"{self.free_bits}). If the features are independent of each other, there is "
                "nothing to find."
            )

    def _onnx_score_samples(self, X):
        raise TypeError(
            "score_samples of a VariationalAutoencoder draws codes and cannot be exported to ONNX. "
            "Export Encoder, Decoder or Reconstructor instead."
        )

    # ---------------------------------------------------------------- public

    def posterior_std(self, X: ArrayLike) -> FloatArray:
        """Compute the standard deviations of the code of each sample.

        `transform` returns the means. A deviation near 1 says that the sample tells nothing about
        this component, one near 0 that it determines the component.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to encode.

        Returns
        -------
        std : ndarray of shape (n_samples, n_components)
            Standard deviation of each component of each code.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        X = self._validate(X)
        return evidence.posterior_deviations(self._model, X)

    def score_samples(self, X: ArrayLike) -> FloatArray:
        """Compute a lower bound on the log-likelihood of each sample.

        This is the importance-weighted bound with `n_samples_bound` codes for each sample, which
        rises with their number towards the log-likelihood. The random numbers are the same in each
        call. With ``loss="log_loss"`` it is a likelihood only if all features are binary.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Lower bound on log p(x) in nats, in float64. Higher is better. For a normal
            distribution p is the density of samples in the units of X.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid.
        """
        X = self._validate(X)
        return self._log_likelihood_bounds(X)

    def _log_likelihood_bounds(self, X):
        model = self._model
        shape = self.n_samples_bound, self.n_components_
        noise = np.random.default_rng(0).standard_normal(shape).astype(model.parameters.flat.dtype)
        return evidence.log_likelihood_bound(model, X, noise)

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean of the lower bounds on the log-likelihood of the samples.

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
            Weighted mean of `score_samples`, as for PCA and GaussianMixture.
            :func:`skae.metrics.reconstruction_score` computes the share of the variance that the
            reconstruction explains.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X or the weights are invalid.
        """
        X = self._validate(X)
        weights = self._validate_weights(sample_weight, X)
        return float(np.average(self._log_likelihood_bounds(X), weights=weights))

    def _draw(self, n_samples, rng):
        """Return samples whose values may still be out of range."""
        dtype = self._model.parameters.flat.dtype
        code = rng.standard_normal((n_samples, self.n_components_), dtype=dtype)
        X = inference.decode(self._model, code)
        self._add_noise(X, rng)
        return X

    def _draw_given(self, X, missing, rng):
        """Return samples with missing cells drawn, whose values may still be out of range."""
        code = evidence.draw_codes(self._model, self._fill(X, missing), missing, rng)
        drawn = inference.decode(self._model, code)
        self._add_noise(drawn, rng)
        return drawn

    def _sampling_attributes(self, result):
        """Return what `sample` needs as private attributes: no density, as codes have a prior."""
        return self._updated_sampling_attributes(result)

    def _add_noise(self, X, rng):
        """Replace the expectations of samples by samples."""
        if self.noise_variance_ is not None:
            X += np.sqrt(self.noise_variance_) * rng.standard_normal(X.shape, dtype=X.dtype)
        elif self._model.network.loss.highest == np.inf:
            X[...] = rng.poisson(X)
        else:  # grey values have no distribution: they stay expectations
            for j, values in enumerate(self._column_values["values"]):
                is_listed = not (values is None or isinstance(values, int))
                if set(values) <= {0, 1} if is_listed else values == 0:
                    X[:, j] = rng.random(len(X)) < X[:, j]
