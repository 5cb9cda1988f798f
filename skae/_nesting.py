"""Codes of every size from one network: which decoder reads which rows, cut to which size.

Truncating codes at random makes their first columns carry the most (Rippel, Gelbart & Adams,
2014, ICML, "Learning ordered representations with nested dropout"). Here each decoder has
its own sizes, from one more than the next narrower one reads up to what it reads itself.
"""

import math

import numpy as np

N_READINGS = 2.5


def sizes_of_decoders(n_components):
    """The sizes of code that have a decoder of their own: all columns, and powers of two."""
    powers = [2**i for i in range(n_components.bit_length()) if 2**i < n_components]
    return (n_components, *reversed(powers))


def spans(n_rows, n_decoders, n_readings=N_READINGS):
    """Return each decoder's slice of a batch: each row is read about n_readings times.

    Encoding is half the work of a plain step and a reading the other half: with the optimizer's
    work on more parameters, two and a half make a step of about twice the cost, whatever the
    size of the code.
    """
    length = math.ceil(n_rows * min(n_readings / n_decoders, 1))
    step = (n_rows - length) / max(n_decoders - 1, 1)
    return [slice(round(step * k), round(step * k) + length) for k in range(n_decoders)]


class SizeDraws:
    """Draws a size for every row and decoder: half the largest, a quarter the least, or any.

    The least are the ones at which a decoder has to be better than the next narrower one.
    """

    def __init__(self, decoder_sizes, rng):
        self.largest = np.array(decoder_sizes)
        self.least = np.append(self.largest[1:], 0) + 1
        self.rng = rng

    def __len__(self):
        return len(self.largest)

    def draw(self, out):
        """Fill an array of shape (n_rows, n_decoders)."""
        places = np.clip(4 * self.rng.random(out.shape) - 1, 0, 1)
        places *= self.largest - self.least + 1
        np.minimum(self.least + np.floor(places), self.largest, out=out, casting="same_kind")


def decoder_weights(losses):
    """Weigh the decoders' losses so that each counts in units of what it was at the start.

    weight_k = losses_0 / (n losses_k); together they start at the loss of the whole code. A
    loss below a thousandth of the largest counts as that: nothing is left to learn there.
    """
    losses = np.abs(losses)
    losses = np.maximum(losses, 1e-3 * losses.max()) if losses.any() else np.ones(len(losses))
    return losses[0] / (len(losses) * losses)
