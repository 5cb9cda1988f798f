"""The mean loss of a batch with its gradient, and the losses of single samples."""

from dataclasses import dataclass
from functools import partial
import math

import numpy as np

from skae._kernels import bind, replay
from skae._network import nested
from skae._network.workspace import DecoderBatch, TrainingWorkspace
from skae._parallel import run_sequentially
from skae.optimizers import slices

MIN_PARALLEL_FLOPS = 10**8  # of a step in float32: about a millisecond
MIN_PARALLEL_ROWS, MIN_PART_ROWS = 100, 256
MAX_DECODER_GROUPS = 4  # groups of decoders that work side by side
MAX_RELATIVE_LOSS = 1e4


class DivergedError(FloatingPointError):
    """The loss of a batch is not finite, or far above that of the first batch."""


def count_parts(network, batch_size, dtype):
    """Return into how many parts to cut a batch: 1, 2, 4 or 8, of 256 rows from 4 on."""
    n_operations = 6 * batch_size * network.n_parameters_per_sample
    is_small = n_operations * dtype.itemsize / 4 < MIN_PARALLEL_FLOPS
    if is_small or batch_size < MIN_PARALLEL_ROWS:
        return 1
    return next((n for n in (8, 4) if batch_size >= MIN_PART_ROWS * n), 2)


def add_up(total, others):
    """total += the others, one after the other."""
    for other in others:
        yield np.add, total, other, total


@dataclass(frozen=True)
class Plan:
    """How an objective works through a batch.

    Without `backward` there is no gradient, and nested codes are cut to the validated sizes.
    With `fixed_encoder` the decoders alone have a gradient. The losses of nested decoders count
    by `decoder_weights`. A batch is cut into `n_parts`; with `leaves_sum` their gradients are
    added up by whoever takes the step.
    """

    backward: bool = True
    fixed_encoder: bool = False
    decoder_weights: tuple = (1.0,)
    reads_per_sample: float = nested.READS_PER_SAMPLE
    n_parts: int = 1
    leaves_sum: bool = False


class PenaltyTerm:
    """A penalty on the codes, its state over the batches, and its value for the last one."""

    def __init__(self, penalty, n_rows, network, dtype):
        self.penalty = penalty
        self.state = penalty.init(n_rows, network.n_components, dtype)
        self.value = 0.0

    def add_gradient(self, code, delta, scale, share):
        """Add the derivative of the penalty to delta; keep its value."""
        penalty = self.penalty
        self.value = penalty.value_and_add_gradient(code, delta, scale, share, self.state)


class Objective:
    """Mean loss of a batch, with its gradient: the calls of every slot of the loader, bound.

    Batches of large networks are cut into parts that `run_jobs` may spread over threads. The
    parts depend on the network and the batch alone, so that results do not depend on threads.

    In a nested network each decoder reads some of the samples, cut to sizes that the loader
    draws. There a part is a group of decoders, as each reads few samples anyway.
    """

    def __init__(self, model, loader, plan=Plan(), penalty=None, run_jobs=run_sequentially):
        network, parameters = model.network, model.parameters
        self.loader = loader
        self.plan = plan
        self.run_jobs = run_jobs
        n_rows = loader.batch_size
        n_copies = 1 if network.nested else plan.n_parts
        n_part_rows = math.ceil(n_rows / n_copies)
        self.workspaces = [
            TrainingWorkspace(network, parameters, n_part_rows) for _ in range(n_copies)
        ]
        self.decoders = self.workspaces[:1]
        if network.nested and plan.n_parts > 1:
            n_decoders = len(network.decoder_sizes)
            n_read = math.ceil(n_rows * nested.share_read(n_decoders, plan.reads_per_sample))
            self.decoders += [
                TrainingWorkspace(network, parameters, n_read, encoder=self.workspaces[0])
                for _ in range(min(n_decoders, MAX_DECODER_GROUPS) - 1)
            ]
        self.penalty = None
        if penalty is not None:
            self.penalty = PenaltyTerm(penalty, n_rows, network, parameters.flat.dtype)
        self.last, self.sample_losses = None, None
        self.limit = math.inf
        self.bound = {slot: self._bind(*slot) for slot in loader.all_slots()}

    @property
    def workspace(self):
        return self.workspaces[0]

    @property
    def other_gradients(self):
        """Return the gradients that whoever takes the step adds to `gradient`."""
        others = self.workspaces[1:] if self.plan.leaves_sum else []
        return [workspace.gradient.trained for workspace in others]

    def __call__(self, index, n_rows):
        """Run a slot: return its mean loss, leave the gradient in the workspace's `gradient`."""
        self.last = index, n_rows
        before, parts, after, sums, self.sample_losses = self.bound[self.last]
        for call in before:
            call()
        if parts:
            self.run_jobs(parts)
        for call in after:
            call()
        loss = sum([float(sum_losses()) for sum_losses in sums])
        return loss if self.penalty is None else loss + self.penalty.value

    def check(self, loss):
        """Raise DivergedError for a loss that is not finite or far above the first one."""
        if self.limit == math.inf:
            self.limit = MAX_RELATIVE_LOSS * (abs(loss) + 1)
        if not -math.inf < loss < self.limit:
            raise DivergedError

    def check_last(self):
        """Check the loss of the last batch at the present parameters."""
        self.check(self(*self.last))

    def _bind(self, index, n_rows):
        """Return calls, jobs, the calls after them and those of the loss; losses by sample."""
        slot = self.loader.slot(index, n_rows)
        if len(self.workspaces) == 1:
            before, jobs, after, sums, losses = self._bind_part(self.workspace, n_rows, slot)
            if len(jobs) > 1:
                return before, [partial(replay, calls) for calls in jobs], after, sums, losses
            return before + jobs[0] + after, (), (), sums, losses
        length = math.ceil(self.loader.batch_size / len(self.workspaces))
        first = self.loader.view(index, n_rows).start
        parts, sums = [], []
        for workspace, start in zip(self.workspaces, range(0, n_rows, length)):
            part = [None if a is None else a[start : start + length] for a in slot]
            before, [decoding], after, of_part, _ = self._bind_part(workspace, n_rows, part)
            calls = before + decoding + after
            if self.loader.defers:
                rows = slice(first + start, first + min(start + length, n_rows))
                calls = [partial(self.loader.gather, rows), *calls]
            parts.append(partial(replay, calls))
            sums += of_part
        return (), parts, self._bind_sum(len(parts)), sums, None

    def _bind_sum(self, n_parts):
        """Return the calls that add up the gradients of the parts, or clear unused ones."""
        gradients = [workspace.gradient.trained for workspace in self.workspaces]
        if self.plan.leaves_sum:
            return bind([(np.add, 0, 0, unused) for unused in gradients[n_parts:]])
        total, *others = gradients[:n_parts]
        additions = [
            partial(replay, bind(add_up(total[piece], [other[piece] for other in others])))
            for piece in slices(total.size, len(self.workspaces))
        ]
        return [partial(self.run_jobs, additions)] if others else []

    def _decoder_batches(self, n_rows, sizes):
        """Return what each decoder reads of n_rows samples, and the weights of its mean loss."""
        plan, network = self.plan, self.workspace.network
        if not network.nested:
            return [(DecoderBatch(slice(0, n_rows)), 1.0)]
        if not plan.backward:
            return nested.validation_batches(network, n_rows, self.workspace.gradient.flat.dtype)
        weights, reads = plan.decoder_weights, plan.reads_per_sample
        return nested.training_batches(network, n_rows, sizes, weights, reads)

    def _bind_part(self, workspace, n_batch, slot):
        """Return the calls that encode some samples, those of each decoder, and those back."""
        inputs, targets, weights, sizes = slot
        n_rows, dtype = len(inputs), inputs.dtype
        shares = np.full(n_rows, 1 / n_batch, dtype)
        before = [] if weights is None else bind([(np.divide, weights, n_batch, shares)])
        before += bind(workspace.encode(inputs))
        decoders = self.decoders if workspace is self.workspace else [workspace]
        adds = self.plan.backward and workspace.network.nested
        jobs = [bind(decoder.clear_code_delta(n_rows)) if adds else [] for decoder in decoders]
        sample_losses, sums = [], []
        for k, (batch, weight) in enumerate(self._decoder_batches(n_rows, sizes)):
            which = k % len(decoders)
            factors = shares[batch.rows], weight * n_rows / len(batch), weights is not None
            bound = self._bind_decoder(decoders[which], batch, targets[batch.rows], *factors)
            calls, sum_losses, losses = bound
            jobs[which] += calls
            sums.append(sum_losses)
            sample_losses.append(losses)
        delta, *others = [decoder.code(n_rows)[1] for decoder in decoders]
        after = bind(add_up(delta, others))
        after += self._bind_backward(workspace, inputs, shares, weights is not None)
        return before, jobs, after, sums, sample_losses

    def _bind_decoder(self, workspace, batch, target, shares, scale, weighted):
        """Return the calls of one decoder, that of its loss, and each sample's loss or None."""
        n_rows, n_features = target.shape
        dtype, calls, losses = target.dtype, [], None
        factors = shares
        if scale != 1:
            factors = shares * np.asarray(scale, dtype)
            calls += bind([(np.multiply, shares, scale, factors)] if weighted else [])
        if self.plan.backward and not weighted and workspace.network.loss.sums:
            total = np.empty(1, dtype)
            sum_losses = total.item
            calls += bind(workspace.decode(batch, target, total, float(factors[0])))
        else:
            losses = np.empty(n_rows, dtype)
            sum_losses = partial(factors.dot, losses)
            calls += bind(workspace.decode(batch, target, losses))
        if self.plan.backward:
            column = factors[:1].reshape(()) / np.asarray(n_features, dtype)
            if weighted:
                column = np.empty((n_rows, 1), dtype)
                calls += bind([(np.divide, factors[:, None], n_features, column)])
            calls += bind(workspace.decode_backward(batch, column))
        return calls, sum_losses, losses

    def _bind_backward(self, workspace, inputs, shares, weighted):
        """Return the calls of the penalty, and those from the delta of the code back."""
        n_rows, penalize = len(inputs), None
        if self.penalty is not None:
            share = n_rows / len(self.loader.rows) if self.plan.backward else 1.0
            scale = shares[:, None] if weighted else shares[:1].reshape(())
            penalize = partial(self.penalty.add_gradient, scale=scale, share=share)
        if self.plan.backward:
            fixed = self.plan.fixed_encoder
            return bind(workspace.encode_backward(inputs, penalize, fixed))
        if penalize is None:
            return []
        clear = bind(workspace.clear_code_delta(n_rows))
        return [*clear, partial(penalize, *workspace.code(n_rows))]


def sample_losses(objective, rng):
    """Return the loss of every sample of the loader, in their order, penalty included; float64.

    An ndarray of shape (n_rows,), or (n_rows, n_sizes) where codes are nested: a column for
    each validated size.
    """
    loader, network = objective.loader, objective.workspace.network
    shape = (len(nested.validated_sizes(network)),) if network.nested else ()
    losses = np.empty((len(loader.rows), *shape))
    for chosen in loader.chunks(np.arange(len(losses))):
        loader.fill(chosen, rng)
        for index, n_rows in loader.slots(len(chosen)):
            objective(index, n_rows)
            first = chosen[0] + index * loader.batch_size
            batch_losses = objective.sample_losses
            batch_losses = np.transpose(batch_losses) if network.nested else batch_losses[0]
            losses[first : first + n_rows] = batch_losses
            if objective.penalty is not None:
                losses[first : first + n_rows] += objective.penalty.value
    return losses
