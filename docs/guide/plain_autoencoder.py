"""A plain autoencoder in NumPy, to be read before the library: layers, loss, Adam, early stopping.

``python plain_autoencoder.py`` trains it on scikit-learn's digits.
"""

from itertools import pairwise

import numpy as np


class Layer:
    """a = relu(x W + b), or a = x W + b in the code and the output."""

    def __init__(self, W, b, is_linear):
        self.W, self.b, self.is_linear = W.copy(), b.copy(), is_linear

    def forward(self, x):
        """Return a, and keep x and z for the way back."""
        self.x, self.z = x, x @ self.W + self.b
        return self.z if self.is_linear else np.maximum(self.z, 0)

    def backward(self, da):
        """Take d loss / d a, keep d loss / d W and d b, and return d loss / d x."""
        delta = da if self.is_linear else da * (self.z > 0)
        self.gradients = self.x.T @ delta, delta.sum(axis=0)
        return delta @ self.W.T


class Adam:
    """Kingma & Ba (2015), algorithm 1, for a list of arrays."""

    def __init__(self, arrays, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.arrays, self.rate, self.epsilon = arrays, rate, epsilon
        self.betas, self.t = (beta_1, beta_2), 0
        self.m, self.v = ([np.zeros_like(array) for array in arrays] for _ in range(2))

    def step(self, gradients):
        """Change the arrays in place by one step."""
        (beta_1, beta_2), self.t = self.betas, self.t + 1
        for array, m, v, g in zip(self.arrays, self.m, self.v, gradients, strict=True):
            m += (1 - beta_1) * (g - m)
            v += (1 - beta_2) * (g**2 - v)
            m_hat, v_hat = m / (1 - beta_1**self.t), v / (1 - beta_2**self.t)
            array -= self.rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


class Autoencoder:
    """Layers from the features to the code and back, trained on batches of scaled samples."""

    def __init__(self, weights, biases):
        last, code = len(weights) - 1, len(weights) // 2 - 1
        pairs = enumerate(zip(weights, biases, strict=True))
        self.layers = [Layer(W, b, is_linear=i in (code, last)) for i, (W, b) in pairs]

    def reconstruct(self, x):
        """Send samples through all layers."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x):
        """Half the squared error, averaged over features and samples."""
        return np.mean((self.reconstruct(x) - x) ** 2) / 2

    def gradients(self, x):
        """Return the derivatives of the loss by all W and b, by backpropagation."""
        da = (self.reconstruct(x) - x) / x.size
        for layer in reversed(self.layers):
            da = layer.backward(da)
        return [g for layer in self.layers for g in layer.gradients]

    def fit(self, x, x_val, max_iter=200, batch_size=200, rate=0.001, patience=10, seed=0):
        """Train, and return to the epoch with the lowest loss on validation samples."""
        parameters = [array for layer in self.layers for array in (layer.W, layer.b)]
        adam, rng, waited, self.curve = Adam(parameters, rate), np.random.default_rng(seed), 0, []
        best_loss, best = np.inf, []
        while len(self.curve) < max_iter and waited < patience:
            order = rng.permutation(len(x))
            for start in range(0, len(x), batch_size):
                adam.step(self.gradients(x[order[start : start + batch_size]]))
            self.curve.append(self.loss(x_val))
            waited += 1
            if self.curve[-1] < best_loss:
                best_loss, best, waited = self.curve[-1], [p.copy() for p in parameters], 0
        for parameter, value in zip(parameters, best, strict=True):
            parameter[...] = value
        return self


def random_start(widths, seed=0):
    """Return weights of the variance 2 / n_inputs (He et al., 2015), and biases of zero."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(widths))
    weights = [rng.normal(scale=np.sqrt(2 / n_in), size=(n_in, n_out)) for n_in, n_out in pairs]
    return weights, [np.zeros(n_out) for _, n_out in pairs]


if __name__ == "__main__":
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X_train, X_test = train_test_split(load_digits().data / 16, random_state=0)
    X_train, X_val = train_test_split(X_train, test_size=0.1, random_state=0)
    mean, scale = X_train.mean(axis=0), np.sqrt(X_train.var(axis=0).mean())
    train, val, test = ((X - mean) / scale for X in (X_train, X_val, X_test))
    model = Autoencoder(*random_start([64, 64, 32, 4, 32, 64, 64])).fit(train, val)
    unexplained = 2 * model.loss(test) / np.mean((test - test.mean(axis=0)) ** 2)
    print(f"{len(model.curve)} epochs, R2 on test samples: {1 - unexplained:.2f}")
