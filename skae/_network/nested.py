"""Codes of every size from one network: which decoder reads which rows, cut to which size.

Truncating codes at random makes their first columns carry the most (Rippel, Gelbart & Adams,
2014, ICML, "Learning ordered representations with nested dropout"). Here each decoder has
its own sizes, from one more than the next narrower one reads up to what it reads itself.
"""

import math

import numpy as np

N_READINGS, N_READINGS_ALONE = 2.5, 3.5  # with an encoder that is trained, or not
OFTEN, OFTEN_WHOLE = 0.35, 0.7  # how often a decoder reads all that it can, or the whole code
WHOLE = 2.0  # what the whole code counts, any other size one


def sizes_of_decoders(n_components):
    """The sizes of code with a decoder of their own: all columns, 1, 2, 3, 4, 6, 8, 12, 16, ...

    These are the powers of two and what lies halfway between them.
    """
    doubled = {base * 2**i for base in (2, 3) for i in range(n_components.bit_length())}
    return (n_components, *sorted((n for n in {1} | doubled if n < n_components), reverse=True))


def share_read(n_decoders, n_readings=N_READINGS):
    """Which share of a batch a decoder reads."""
    return min(n_readings / n_decoders, 1.0)


def spans(n_rows, n_decoders, n_readings=N_READINGS):
    """Return each decoder's slice of a batch: each row is read about n_readings times.

    Encoding is half the work of a plain step and a reading the other half: with the optimizer's
    work on more parameters, two and a half make a step of about twice the cost, whatever the
    size of the code.
    """
    length = math.ceil(n_rows * share_read(n_decoders, n_readings))
    step = (n_rows - length) / max(n_decoders - 1, 1)
    return [slice(round(step * k), round(step * k) + length) for k in range(n_decoders)]


class SizeDraws:
    """Draws a size for every row and decoder: often its largest, else any that it is for.

    The whole code is drawn mostly, being what transform makes. The others are there for the
    sizes below them as well.
    """

    def __init__(self, decoder_sizes, rng):
        self.largest = np.array(decoder_sizes)
        self.least = np.append(self.largest[1:], 0) + 1
        self.often = np.append(OFTEN_WHOLE, np.full(len(self.largest) - 1, OFTEN))
        self.rng = rng

    def __len__(self):
        return len(self.largest)

    def draw(self, out):
        """Fill an array of shape (n_rows, n_decoders)."""
        places = np.minimum(self.rng.random(out.shape) / (1 - self.often), 1)
        places *= self.largest - self.least + 1
        np.minimum(self.least + np.floor(places), self.largest, out=out, casting="same_kind")


def decoder_weights(losses):
    """Weigh the decoders' losses so that each counts in units of what it was at the start.

    weight_k = c_k losses_0 / (C losses_k) with C the sum of c: together they start at the loss
    of the whole code, which counts twice, being what transform makes. A loss below a thousandth
    of the largest counts as that: nothing is left to learn there.
    """
    losses = np.abs(losses)
    losses = np.maximum(losses, 1e-3 * losses.max()) if losses.any() else np.ones(len(losses))
    counted = np.append(WHOLE, np.ones(len(losses) - 1))
    return counted / counted.sum() * losses[0] / losses
