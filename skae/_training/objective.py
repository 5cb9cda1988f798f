"""The mean loss of a batch with its gradient, and the losses of rows one by one."""

from functools import partial
import math

import numpy as np

from skae._kernels import bind, replay
from skae._network.nested import N_READINGS, share_read, spans
from skae._network.network import Reading, TrainingWorkspace
from skae._parallel import run_sequentially
from skae.optimizers import slices

LARGE = 10**8  # floating-point operations of a step in float32: about a millisecond
MOST_READERS = 4  # groups of decoders at work side by side


class DivergedError(FloatingPointError):
    """The loss of a batch is not finite, or far above that of the first batch."""


def count_parts(network, batch_size, dtype):
    """Return in how many parts to work through a batch: 1, 2, 4 or 8, of 256 rows from 2 on."""
    n_operations = 6 * batch_size * network.n_parameters_of_a_row
    if n_operations * dtype.itemsize / 4 < LARGE or batch_size < 100:
        return 1
    return next((n for n in (8, 4) if batch_size >= 256 * n), 2)


def add_up(total, others):
    """total += the others, one after the other."""
    for other in others:
        yield np.add, total, other, total


class Objective:
    """Mean loss of a batch, with its gradient: the calls of every slot, bound on first use.

    Batches of large networks are cut into parts that `run_jobs`, given the jobs, may spread over
    threads. The parts depend on the network and the batch alone, so results do not depend
    on the threads.

    Of a nested network each decoder reads some of the rows, cut to sizes that the feed draws,
    and its mean loss counts by `decoder_weights`. There a part is what some of the decoders do:
    they read few rows each as it is. With `backward=False` every decoder reads all rows, cut to
    the sizes that are watched. With `fixed_encoder=True` the decoders alone have a gradient.
    """

    def __init__(
        self,
        network,
        parameters,
        feed,
        penalty=None,
        backward=True,
        run_jobs=run_sequentially,
        decoder_weights=(1.0,),
        n_readings=N_READINGS,
        fixed_encoder=False,
    ):
        self.network = network
        self.feed = feed
        self.run_jobs = run_jobs
        self.decoder_weights, self.n_readings = decoder_weights, n_readings
        self.fixed_encoder = fixed_encoder
        n_parts = 1
        if backward and penalty is None:
            n_parts = count_parts(network, feed.batch_size, parameters.flat.dtype)
        self.n_parts = n_parts
        n_rows = feed.batch_size if network.nested else math.ceil(feed.batch_size / n_parts)
        self.n_part_rows = n_rows
        n_copies = 1 if network.nested else n_parts
        self.workspaces = [TrainingWorkspace(network, parameters, n_rows) for _ in range(n_copies)]
        self.workspace = self.workspaces[0]
        self.gradient = self.workspace.gradient
        self.readers = [self.workspace]
        if network.nested and n_parts > 1:
            n_decoders = len(network.decoder_sizes)
            n_read = math.ceil(n_rows * share_read(n_decoders, n_readings))
            self.readers += [
                TrainingWorkspace(network, parameters, n_read, beside=self.workspace)
                for _ in range(min(n_decoders, MOST_READERS) - 1)
            ]
        self.penalty = penalty
        self.penalty_value = 0.0
        if penalty is not None:
            self.penalty_state = penalty.init(
                feed.batch_size, network.n_components, parameters.flat.dtype
            )
        self.backward = backward
        self.bound = {}
        self.adds_up, self.gathers = True, False
        self.limit = math.inf

    def __call__(self, index, n_rows):
        """Run a slot: return its mean loss, leave the gradient in `gradient.flat`."""
        self.last = index, n_rows
        bound = self.bound.get(self.last)
        if bound is None:
            bound = self.bound[self.last] = self._bind(index, n_rows)
        before, parts, after, sums, self.row_errors = bound
        for call in before:
            call()
        if parts:
            self.run_jobs(parts)
        for call in after:
            call()
        return sum([float(sum_errors()) for sum_errors in sums]) + self.penalty_value

    def check(self, loss):
        """Raise DivergedError for a loss that is not finite or far above the first one."""
        if self.limit == math.inf:
            self.limit = 1e4 * (abs(loss) + 1)
        if not loss < self.limit:
            raise DivergedError

    def check_last(self):
        """Check the loss that the last batch has by now."""
        self.check(self(*self.last))

    def _bind(self, index, n_rows):
        """Return the calls of a slot, jobs, the calls after them, those of its loss; errors."""
        slot = (*self.feed.slot(index, n_rows), self.feed.slot_sizes(index, n_rows))
        if len(self.workspaces) == 1:
            before, reads, after, sums, row_errors = self._bind_part(self.workspace, n_rows, *slot)
            if len(reads) > 1:
                return before, [partial(replay, each) for each in reads], after, sums, row_errors
            return before + reads[0] + after, (), (), sums, row_errors
        length, first = self.n_part_rows, self.feed.view(index, n_rows).start
        parts, sums = [], []
        for workspace, start in zip(self.workspaces, range(0, n_rows, length)):
            part = [None if a is None else a[start : start + length] for a in slot]
            before, [reads], after, of_part, _ = self._bind_part(workspace, n_rows, *part)
            calls = before + reads + after
            if self.gathers:
                rows = slice(first + start, first + min(start + length, n_rows))
                calls = [partial(self.feed.gather, rows), *calls]
            parts.append(partial(replay, calls))
            sums += of_part
        return (), parts, self._bind_sum(len(parts)), sums, None

    def gather_in_parts(self):
        """Gather the rows of a batch where they are worked on, from now on."""
        if len(self.workspaces) > 1:
            self.gathers = self.feed.defer()
            self.bound.clear()

    def leave_sum(self):
        """Return the gradients that whoever calls adds to `gradient`, from now on."""
        self.adds_up = False
        self.bound.clear()
        return [w.gradient.trained for w in self.workspaces[1:]]

    def _bind_sum(self, n_parts):
        """Return the calls that add up the gradients of so many parts, or empty the others."""
        gradients = [w.gradient.trained for w in self.workspaces]
        if not self.adds_up:
            return bind([(np.add, 0, 0, unused) for unused in gradients[n_parts:]])
        total, *others = gradients[:n_parts]
        additions = [
            partial(replay, bind(add_up(total[of], [other[of] for other in others])))
            for of in slices(total.size, len(self.workspaces))
        ]
        return [partial(self.run_jobs, additions)] if others else []

    def _readings(self, n_rows, sizes):
        """Who reads which of n_rows rows, and by what its mean loss counts."""
        network, everything = self.network, slice(0, n_rows)
        if not network.nested:
            return [(Reading(everything), 1.0)]
        if self.backward:
            rows = spans(n_rows, len(network.decoder_sizes), self.n_readings)
            return [
                (Reading(rows[k], k, sizes[rows[k], k : k + 1]), float(weight))
                for k, weight in enumerate(self.decoder_weights)
            ]
        dtype = self.gradient.flat.dtype
        return [
            (Reading(everything, network.decoder_of(size), np.full((n_rows, 1), size, dtype)), 1.0)
            for size in network.watched_sizes
        ]

    def _bind_part(self, workspace, n_batch, inputs, targets, weights, sizes):
        """Return the calls that encode some rows, those of each reader, and those back."""
        n_rows, dtype = len(inputs), inputs.dtype
        shares = np.full(n_rows, 1 / n_batch, dtype)
        before = [] if weights is None else bind([(np.divide, weights, n_batch, shares)])
        before += bind(workspace.encode(inputs))
        readers = self.readers if workspace is self.workspace else [workspace]
        adds = self.backward and self.network.nested
        reads = [bind(reader.begin_delta(n_rows)) if adds else [] for reader in readers]
        row_errors, sums = [], []
        for k, (reading, weight) in enumerate(self._readings(n_rows, sizes)):
            scale, which = weight * n_rows / len(reading), k % len(readers)
            of_rows = targets[reading.rows], shares[reading.rows], weights is not None
            calls, of_reading, errors = self._bind_reading(readers[which], reading, scale, *of_rows)
            reads[which] += calls
            sums.append(of_reading)
            row_errors.append(errors)
        delta, *others = [reader.code(n_rows)[1] for reader in readers]
        after = bind(add_up(delta, others))
        penalize = None
        if self.penalty is not None:
            share = n_rows / len(self.feed.rows) if self.backward else 1.0
            column = shares[:1].reshape(()) if weights is None else shares[:, None]
            penalize = partial(self._penalize, column=column, share=share)
        if self.backward:
            after += bind(workspace.encode_backward(inputs, penalize, self.fixed_encoder))
        elif penalize is not None:
            after += bind(workspace.begin_delta(n_rows))
            after.append(partial(penalize, *workspace.code(n_rows)))
        return before, reads, after, sums, row_errors

    def _bind_reading(self, workspace, reading, scale, target, shares, weighted):
        """Return the calls of one decoder, that of its loss, and each row's loss or None."""
        n_rows, n_features = target.shape
        dtype, calls, row_errors = target.dtype, [], None
        factors = shares
        if scale != 1:
            factors = shares * np.asarray(scale, dtype)
            calls += bind([(np.multiply, shares, scale, factors)] if weighted else [])
        if self.backward and not weighted and self.network.loss.sums:
            total = np.empty(1, dtype)
            sum_errors = total.item
            calls += bind(workspace.read(reading, target, total, float(factors[0])))
        else:
            row_errors = np.empty(n_rows, dtype)
            sum_errors = partial(factors.dot, row_errors)
            calls += bind(workspace.read(reading, target, row_errors))
        if self.backward:
            column = factors[:1].reshape(()) / np.asarray(n_features, dtype)
            if weighted:
                column = np.empty((n_rows, 1), dtype)
                calls += bind([(np.divide, factors[:, None], n_features, column)])
            calls += bind(workspace.read_backward(reading, column))
        return calls, sum_errors, row_errors

    def _penalize(self, code, delta, column, share):
        self.penalty_value = self.penalty.value_and_add_gradient(
            code, delta, column, share, self.penalty_state
        )


def row_losses(objective, rng):
    """Loss of every row of an objective's feed, in their order, with the penalty; float64.

    An ndarray of shape (n_rows,), or (n_rows, n_sizes) where codes are nested: a column for
    each of the sizes that are watched.
    """
    feed, nested = objective.feed, objective.network.nested
    shape = (len(objective.network.watched_sizes),) if nested else ()
    losses = np.empty((len(feed.rows), *shape))
    for chosen in feed.chunks(np.arange(len(losses))):
        feed.fill(chosen, rng)
        for index, n_rows in feed.slots(len(chosen)):
            objective(index, n_rows)
            first = chosen[0] + index * feed.batch_size
            found = objective.row_errors
            losses[first : first + n_rows] = np.transpose(found) if nested else found[0]
            losses[first : first + n_rows] += objective.penalty_value
    return losses
