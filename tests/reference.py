"""Textbook formulas, slow and obvious: what the fast kernels are compared with.

Each table mirrors a registry of the package. A new entry there needs one here: the tests
loop over the registries and look their references up.
"""

import math

import numpy as np

# ---------------------------------------------------------------- activations: a(z), da/dz


def logistic(z):
    """1 / (1 + exp(-z)), written so that it cannot overflow."""
    return np.exp(-np.logaddexp(0, -z))


def silu_slope(z):
    """s + z s (1 - s) with s the logistic function."""
    return logistic(z) + z * logistic(z) * logistic(-z)


GELU_C = math.sqrt(2 / math.pi)


def gelu(z):
    """z (1 + tanh(c (z + 0.044715 z**3))) / 2."""
    return z * (1 + np.tanh(GELU_C * (z + 0.044715 * z**3))) / 2


def gelu_slope(z):
    """Apply the product rule and the chain rule to `gelu`."""
    t = np.tanh(GELU_C * (z + 0.044715 * z**3))
    return (1 + t) / 2 + z * (1 - t**2) / 2 * GELU_C * (1 + 3 * 0.044715 * z**2)


def negative_exp(z):
    """exp(z) for z < 0, 1 beyond: the exponential where only its left half is asked for."""
    return np.exp(np.minimum(z, 0))


def top_k(z, k=1):
    """z where it is among the k greatest of its row, else 0."""
    return np.where(is_kept(z, k), z, 0)


def is_kept(z, k=1):
    """Whether less than k numbers of its row are greater than a number, one by one."""
    return (z[..., np.newaxis, :] > z[..., np.newaxis]).sum(axis=-1) < k


ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "logistic": (logistic, lambda z: logistic(z) * logistic(-z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "isru": (lambda z: z / np.hypot(1, z), lambda z: np.hypot(1, z) ** -3.0),
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "softplus": (lambda z: np.logaddexp(0, z), logistic),
    "exponential": (lambda z: np.exp(np.minimum(z, 40)),) * 2,
    "leaky_relu": (
        lambda z: np.where(z > 0, z, z / 100),
        lambda z: np.where(z > 0, 1.0, 1 / 100),
    ),
    "elu": (
        lambda z: np.where(z > 0, z, negative_exp(z) - 1),
        lambda z: np.where(z > 0, 1.0, negative_exp(z)),
    ),
    "gelu": (gelu, gelu_slope),
    "silu": (lambda z: z * logistic(z), silu_slope),
    "top_k": (top_k, lambda z: np.where(is_kept(z), 1.0, 0.0)),
}

# ------------------------------- losses: error(x, p) of a reconstruction p, and its d / d p


def huber(x, p, k=1):
    """r**2 / 2 up to |r| = k, k |r| - k**2 / 2 beyond."""
    r = np.abs(p - x)
    return np.where(r <= k, r**2 / 2, k * r - k**2 / 2)


LOSSES = {
    "squared_error": (lambda x, p: (p - x) ** 2 / 2, lambda x, p: p - x),
    "absolute_error": (lambda x, p: np.abs(p - x), lambda x, p: np.sign(p - x)),
    "huber": (huber, lambda x, p: np.clip(p - x, -1, 1)),
    "log_loss": (
        lambda x, p: -x * np.log(p) - (1 - x) * np.log(1 - p),
        lambda x, p: (p - x) / (p * (1 - p)),
    ),
    "poisson": (lambda x, p: p - x * np.log(p), lambda x, p: 1 - x / p),
}


def loss_of_output(loss, link, x, z):
    """Error and its derivative by z of a loss after a link: the chain rule."""
    error, slope = LOSSES[loss]
    activation, activation_slope = ACTIVATIONS[link]
    p = activation(z)
    return error(x, p), slope(x, p) * activation_slope(z)


# The losses that own their link, in a form that is finite for any z.
LOSSES_OF_LOGITS = {
    "log_loss": (lambda x, z: np.logaddexp(0, z) - x * z, lambda x, z: logistic(z) - x),
    "poisson": (lambda x, z: np.exp(z) - x * z, lambda x, z: np.exp(z) - x),
}

# --------------------------- penalties on the code of shape (n, k), the rows' shares sum to 1


def l1(code, share, weight):
    """Weight times the sum of the mean absolute codes."""
    return weight * sum(share @ np.abs(column) for column in code.T)


def l1_slope(code, share, weight):
    """d l1 / d code."""
    return weight * share[:, None] * np.sign(code)


def kl(code, share, weight, target):
    """Weight times the sum of the Kullback-Leibler divergences of the mean activations."""
    total = 0.0
    for column in code.T:
        q = share @ column
        total += target * np.log(target / q) + (1 - target) * np.log((1 - target) / (1 - q))
    return weight * total


def kl_slope(code, share, weight, target):
    """d kl / d code."""
    q = share @ code
    return weight * share[:, None] * (-target / q + (1 - target) / (1 - q))


# name -> (value, derivative, options to try it with)
PENALTIES = {
    "l1": (l1, l1_slope, {"weight": 0.7}),
    "kl": (kl, kl_slope, {"weight": 0.7, "target": 0.2}),
}

# ------------------------------------- optimizers: theta after n steps down gradient_of(theta)


def gradient_descent(gradient_of, theta, n_steps, rate):
    """theta = theta - rate g."""
    for _ in range(n_steps):
        theta = theta - rate * gradient_of(theta)
    return theta


def momentum(gradient_of, theta, n_steps, rate, momentum):
    """Sutskever et al., 2013, equations 1 and 2."""
    v = np.zeros_like(theta)
    for _ in range(n_steps):
        v = momentum * v - rate * gradient_of(theta)
        theta = theta + v
    return theta


def nesterov(gradient_of, theta, n_steps, rate, momentum):
    """Sutskever et al., 2013, equations 3 and 4; returned is the point they look ahead to."""
    v = np.zeros_like(theta)
    for _ in range(n_steps):
        v = momentum * v - rate * gradient_of(theta + momentum * v)
        theta = theta + v
    return theta + momentum * v


def adam(gradient_of, theta, n_steps, rate, beta_1, beta_2, epsilon):
    """Kingma & Ba, 2015, algorithm 1."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, n_steps + 1):
        g = gradient_of(theta)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


# Shapes of the matrices that a vector begins with: wide, tall, a row, square.
SHAPES = ((3, 5), (5, 2), (1, 4), (4, 4))


def shampoo(gradient_of, theta, n_steps, rate, shapes=SHAPES):
    """Steps of Adam's length in directions whitened on one side, matrix by matrix."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    curvatures, roots = {}, {}
    for t in range(1, n_steps + 1):
        g = gradient_of(theta)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        update = rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        start = 0
        for k, (n_rows, n_columns) in enumerate(shapes):
            section = slice(start, start + n_rows * n_columns)
            start = section.stop
            G, M = g[section].reshape(n_rows, n_columns), m[section].reshape(n_rows, n_columns)
            if n_rows > n_columns:
                G, M = G.T, M.T
            makes_root = t in (1, 2, 4, 8, 16, 32, 50, 100)
            if makes_root or t % 5 == 0:
                memory = min(0.95, 1 - 1 / t)
                curvatures[k] = memory * curvatures.get(k, 0) + (1 - memory) * G @ G.T
            if makes_root:
                C = curvatures[k] / np.trace(curvatures[k]) * len(G) + 0.01 * np.eye(len(G))
                values, vectors = np.linalg.eigh(C)
                roots[k] = vectors @ np.diag(values**-0.5) @ vectors.T
            D = roots[k] @ M
            D = D if n_rows <= n_columns else D.T
            update[section] = np.linalg.norm(update[section]) * D.ravel() / np.linalg.norm(D)
        theta = theta - update
    return theta


# name -> a list of (the optimizer's options, reference with them), for vectors with SHAPES
OPTIMIZERS = {
    "sgd": [
        ({"momentum": 0.0}, gradient_descent),
        (
            {"momentum": 0.8, "nesterovs_momentum": False},
            lambda *args: momentum(*args, momentum=0.8),
        ),
        (
            {"momentum": 0.8, "nesterovs_momentum": True},
            lambda *args: nesterov(*args, momentum=0.8),
        ),
    ],
    "adam": [
        ({}, lambda *args: adam(*args, beta_1=0.9, beta_2=0.999, epsilon=1e-8)),
        (
            {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2},
            lambda *args: adam(*args, beta_1=0.5, beta_2=0.9, epsilon=1e-2),
        ),
        (
            {"beta_1": 0.0, "beta_2": 0.0},
            lambda *args: adam(*args, beta_1=0.0, beta_2=0.0, epsilon=1e-8),
        ),
    ],
    "shampoo": [({}, shampoo)],
}

# ----------------------------------- corruptions, cell by cell: x is the cell, column its column


def masked(x, column, level, rng):
    """0 with probability `level`."""
    return 0.0 if rng.random() < level else x


def with_gaussian(x, column, level, rng):
    """x + level * a standard normal number."""
    return x + level * rng.standard_normal()


def salt_or_pepper(x, column, level, rng):
    """With probability `level` the least or the greatest of the column, evenly."""
    if rng.random() < level:
        return column.min() if rng.random() < 0.5 else column.max()
    return x


def swapped(x, column, level, rng):
    """With probability `level` any value of the column."""
    return rng.choice(column) if rng.random() < level else x


CORRUPTIONS = {
    "masking": masked,
    "gaussian": with_gaussian,
    "salt_pepper": salt_or_pepper,
    "swap": swapped,
}

# ---------------------------------------------------------------- PCA


def pca(X, share):
    """Mean, variances (not divided by n - 1) and directions, in descending order."""
    mean = share @ X
    covariance = sum(s * np.outer(x - mean, x - mean) for s, x in zip(share, X, strict=True))
    variances, vectors = np.linalg.eigh(covariance)
    return mean, variances[::-1], vectors.T[::-1]


# ---------------------------------------------------------------- networks


def forward(X, layers, path, activations, n_encoder_layers):
    """Code and output, layer by layer; `path` holds the linear path's two matrices or none."""
    a, code = X, None
    for i, ((W, b), name) in enumerate(zip(layers, activations, strict=True), start=1):
        z = a @ W + b
        if path and i == n_encoder_layers:
            z = z + X @ path[0]
        if path and i == len(layers):
            z = z + code @ path[1]
        a = ACTIVATIONS[name][0](z)
        if i == n_encoder_layers:
            code = a
    return code, a


def backpropagate(x, target, layers, activations):
    """Return the derivatives of mean_j (a_j - target_j)**2 / 2 for one row, unit by unit."""
    n_layers = len(layers)
    outputs, sums = [x], []
    for (W, b), name in zip(layers, activations, strict=True):
        z = np.empty(len(b))
        for k in range(len(b)):
            z[k] = b[k] + sum(outputs[-1][j] * W[j, k] for j in range(len(W)))
        sums.append(z)
        outputs.append(ACTIVATIONS[name][0](z))
    da = (outputs[-1] - target) / len(target)
    gradients = [None] * n_layers
    for i in reversed(range(n_layers)):
        W, b = layers[i]
        slope = ACTIVATIONS[activations[i]][1](sums[i])
        delta = np.array([da[k] * slope[k] for k in range(len(b))])
        dW = np.empty_like(W)
        for j in range(W.shape[0]):
            for k in range(W.shape[1]):
                dW[j, k] = outputs[i][j] * delta[k]
        gradients[i] = (dW, delta)
        da = np.array([sum(W[j, k] * delta[k] for k in range(len(b))) for j in range(len(W))])
    return gradients


def sgd_epoch(X, targets, layers, activations, rate):
    """One pass of stochastic gradient descent, a row at a time: the new layers."""
    layers = [(W.copy(), b.copy()) for W, b in layers]
    for x, target in zip(X, targets, strict=True):
        gradients = backpropagate(x, target, layers, activations)
        for (W, b), (dW, db) in zip(layers, gradients, strict=True):
            W -= rate * dW
            b -= rate * db
    return layers
