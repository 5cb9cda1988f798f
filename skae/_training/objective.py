"""The objective: the mean loss of a batch with its gradient, and the loss of each sample."""

from dataclasses import dataclass
from functools import partial
import math
from typing import NamedTuple

import numpy as np

from skae._kernels import bind, replay
from skae._network import nested
from skae._network.gaussian_code import GaussianWorkspace
from skae._network.workspace import DecoderBatch, TrainingWorkspace
from skae._parallel import run_sequentially
from skae._training.bound import Bound, bind_bound
from skae.optimizers import slices

MIN_PARALLEL_FLOPS = 10**8  # of a step in float32: about a millisecond
MIN_PARALLEL_ROWS, MIN_PART_ROWS = 100, 256
MAX_DECODER_GROUPS = 4  # groups of decoders that run in parallel
MAX_RELATIVE_LOSS = 1e4


class DivergedError(FloatingPointError):
    """The loss of a batch is not finite, or far above that of the first batch."""


def count_parts(network, batch_size, dtype):
    n_operations = 6 * batch_size * network.n_parameters_per_sample
    is_small = n_operations * dtype.itemsize / 4 < MIN_PARALLEL_FLOPS
    if is_small or batch_size < MIN_PARALLEL_ROWS:
        return 1
    return next((n for n in (8, 4) if batch_size >= MIN_PART_ROWS * n), 2)


def add_up(total, others):
    for other in others:
        yield np.add, total, other, total


@dataclass(frozen=True)
class Plan:
    """How an objective processes a batch.

    Without `backward` there is no gradient, and nested codes are truncated to the validated sizes.
    With `fixed_encoder` only the decoders have a gradient. Nested decoders have the weights
    `decoder_weights` in the loss, and each of n reads `reads_per_sample` / n of a batch. A batch is
    cut into `n_parts`; with `leaves_sum` it is left to the `Step` to add up their gradients.
    A variational network has a `bound`. `linear_weight` is that of the loss of
    `TrainingWorkspace.straighten`.
    """

    backward: bool = True
    fixed_encoder: bool = False
    linear_weight: float = 0.0
    decoder_weights: tuple = (1.0,)
    reads_per_sample: float = nested.READS_PER_SAMPLE
    n_parts: int = 1
    leaves_sum: bool = False
    bound: Bound | None = None


class PenaltyTerm:
    """A penalty on the code, its state, and its value for the last batch."""

    def __init__(self, penalty, n_rows, network, dtype):
        self.penalty = penalty
        self.state = penalty.init(n_rows, network.n_components, dtype)
        self.value = 0.0

    def add_gradient(self, code, delta, scale, share):
        penalty = self.penalty
        self.value = penalty.value_and_add_gradient(code, delta, scale, share, self.state)


class BoundBatch(NamedTuple):
    """The calls of a batch: some before the jobs, the jobs, and some after them.

    `losses` holds a function for each part of the loss, `sample_losses` an array of the loss of
    each sample for each validated size, without a gradient.
    """

    before: list
    jobs: list
    after: list
    losses: list
    sample_losses: list | None


class Objective:
    """The mean loss of a batch with its gradient; the calls of each slot of the loader are bound.

    Batches of large networks are cut into parts, which are jobs for `run_jobs` and depend only on
    the network and the batch. In a nested network each decoder reads some of the samples, truncated
    to sizes that the loader draws, and each job is a group of decoders.
    """

    def __init__(self, model, loader, plan=Plan(), penalty=None, run_jobs=run_sequentially):
        network, parameters = model.network, model.parameters
        self.loader = loader
        self.plan = plan
        self.run_jobs = run_jobs
        n_rows = loader.batch_size
        n_copies = 1 if network.nested else plan.n_parts
        n_part_rows = math.ceil(n_rows / n_copies)
        make_workspace = TrainingWorkspace
        if plan.bound is not None:
            make_workspace = partial(GaussianWorkspace, n_draws=plan.bound.n_draws)
        self.workspaces = [
            make_workspace(network, parameters, n_part_rows) for _ in range(n_copies)
        ]
        self.decoder_workspaces = self.workspaces[:1]
        if network.nested and plan.n_parts > 1:
            n_decoders = len(network.decoder_sizes)
            n_read = math.ceil(n_rows * nested.share_read(n_decoders, plan.reads_per_sample))
            self.decoder_workspaces += [
                TrainingWorkspace(network, parameters, n_read, encoder=self.workspaces[0])
                for _ in range(min(n_decoders, MAX_DECODER_GROUPS) - 1)
            ]
        self.penalty = None
        if penalty is not None:
            self.penalty = PenaltyTerm(penalty, n_rows, network, parameters.flat.dtype)
        self.last_slot, self.sample_losses = None, None
        self.first_loss, self.loss_limit = None, math.inf
        self.bound_batches = {slot: self._bind(*slot) for slot in loader.all_slots()}

    @property
    def workspace(self):
        return self.workspaces[0]

    def clear_first_gradient(self):
        """Set the gradient of the encoder to zero, beside a linear path.

        The residual of PCA is orthogonal to its code, so the first gradient consists of rounding
        errors. Adam would take steps of full length along them, other ones in float32.
        """
        for workspace in self.workspaces if self.workspace.network.linear_path else ():
            for gradients in workspace.gradient.layers[: workspace.network.n_encoder_layers]:
                for gradient in gradients:
                    gradient[...] = 0

    @property
    def other_gradients(self):
        others = self.workspaces[1:] if self.plan.leaves_sum else []
        return [workspace.gradient.trained for workspace in others]

    def __call__(self, index, n_rows):
        self.last_slot = index, n_rows
        before, jobs, after, losses, self.sample_losses = self.bound_batches[self.last_slot]
        for call in before:
            call()
        if jobs:
            self.run_jobs(jobs)
        for call in after:
            call()
        loss = sum([float(loss()) for loss in losses])
        return loss if self.penalty is None else loss + self.penalty.value

    def check(self, loss):
        """Raise DivergedError if a loss is not finite or far above the first one."""
        if self.first_loss is None:
            self.first_loss, self.loss_limit = loss, MAX_RELATIVE_LOSS * (abs(loss) + 1)
        if not -math.inf < loss < self.loss_limit:
            text = f"the loss of a batch went from {self.first_loss:.3g} to {loss:.3g}"
            raise DivergedError(text)

    def check_last(self):
        self.check(self(*self.last_slot))

    def _bind(self, index, n_rows):
        slot = self.loader.slot(index, n_rows)
        if len(self.workspaces) == 1:
            part = self._bind_part(self.workspace, n_rows, slot)
            if len(part.jobs) > 1:
                return part._replace(jobs=[partial(replay, calls) for calls in part.jobs])
            return part._replace(before=part.before + part.jobs[0] + part.after, jobs=[], after=[])
        part_rows = math.ceil(self.loader.batch_size / len(self.workspaces))
        first = self.loader.view(index, n_rows).start
        jobs, losses = [], []
        for workspace, start in zip(self.workspaces, range(0, n_rows, part_rows)):
            arrays = [None if a is None else a[start : start + part_rows] for a in slot]
            part = self._bind_part(workspace, n_rows, arrays)
            calls = part.before + part.jobs[0] + part.after
            if self.loader.defers:
                rows = slice(first + start, first + min(start + part_rows, n_rows))
                calls = [partial(self.loader.gather, rows), *calls]
            jobs.append(partial(replay, calls))
            losses += part.losses
        return BoundBatch([], jobs, self._bind_sum(len(jobs)), losses, None)

    def _bind_sum(self, n_parts):
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
        """Return pairs: the rows that a decoder reads, and the weight of their mean loss."""
        plan, network = self.plan, self.workspace.network
        if not network.nested:
            return [(DecoderBatch(slice(0, n_rows)), 1.0)]
        if not plan.backward:
            return nested.validation_batches(network, n_rows, self.workspace.gradient.flat.dtype)
        weights, reads = plan.decoder_weights, plan.reads_per_sample
        return nested.training_batches(network, n_rows, sizes, weights, reads)

    def _bind_part(self, workspace, n_batch, slot):
        if self.plan.bound is not None:
            options = self.plan.backward, self.loader.rows.is_incomplete
            bound = bind_bound(self.plan.bound, workspace, slot, n_batch, *options)
            calls, losses, sample_losses = bound
            return BoundBatch(calls, [[]], [], losses, [sample_losses])
        inputs, targets, weights, sizes = slot
        n_rows, dtype = len(inputs), inputs.dtype
        shares = np.full(n_rows, 1 / n_batch, dtype)
        before = [] if weights is None else bind([(np.divide, weights, n_batch, shares)])
        before += bind(workspace.encode(inputs))
        straighten, losses = self._bind_straightening(before, workspace, shares)
        decoders = self.decoder_workspaces if workspace is self.workspace else [workspace]
        adds_deltas = self.plan.backward and workspace.network.nested
        jobs = [bind(d.clear_code_delta(n_rows)) if adds_deltas else [] for d in decoders]
        sample_losses = []
        for k, (batch, weight) in enumerate(self._decoder_batches(n_rows, sizes)):
            which = k % len(decoders)
            factors = shares[batch.rows], weight * n_rows / len(batch), weights is not None
            bound = self._bind_decoder(decoders[which], batch, targets[batch.rows], *factors)
            calls, loss, losses_of_samples = bound
            jobs[which] += calls
            losses.append(loss)
            sample_losses.append(losses_of_samples)
        delta, *others = [decoder.code(n_rows)[1] for decoder in decoders]
        after = bind(add_up(delta, others)) + straighten
        after += self._bind_backward(workspace, inputs, shares, weights is not None)
        return BoundBatch(before, jobs, after, losses, sample_losses)

    def _bind_straightening(self, before, workspace, shares):
        """Return the calls and the losses of `TrainingWorkspace.straighten`, if it has a weight.

        The call that must follow the encoder is appended to `before`.
        """
        plan = self.plan
        if not plan.backward or plan.fixed_encoder or not plan.linear_weight:
            return [], []
        *arrays, factors = workspace.init_bends(plan.linear_weight)
        bends, scaled = (array[: len(shares)] for array in arrays)
        before += bind(workspace.measure_bends(bends))
        calls = bind(workspace.straighten(bends, scaled, factors, shares.reshape(-1, 1)))
        return calls, [partial(np.vdot, bends, scaled)]

    def _bind_decoder(self, workspace, batch, target, shares, scale, weighted):
        """Return the calls of one decoder, the function of its loss, and each sample's loss.

        The loss is the sum of the samples' losses times their shares and `scale`; these are None if
        only their sum is computed.
        """
        n_rows, n_features = target.shape
        dtype, calls, losses = target.dtype, [], None
        factors = shares
        if scale != 1:
            factors = shares * np.asarray(scale, dtype)
            calls += bind([(np.multiply, shares, scale, factors)] if weighted else [])
        incomplete = self.loader.rows.is_incomplete
        sums = workspace.network.loss.sums and not incomplete
        if self.plan.backward and not weighted and sums:
            total = np.empty(1, dtype)
            loss = total.item
            calls += bind(workspace.decode(batch, target, total, float(factors[0])))
        else:
            losses = np.empty(n_rows, dtype)
            loss = partial(factors.dot, losses)
            calls += bind(workspace.decode(batch, target, losses, incomplete=incomplete))
        if self.plan.backward:
            column = factors[:1].reshape(()) / np.asarray(n_features, dtype)
            if weighted:
                column = np.empty((n_rows, 1), dtype)
                calls += bind([(np.divide, factors[:, None], n_features, column)])
            calls += bind(workspace.decode_backward(batch, column))
        return calls, loss, losses

    def _bind_backward(self, workspace, inputs, shares, weighted):
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
    """Return the loss of each sample of the loader, penalty included, in float64.

    If codes are nested, there is a column for each validated size.
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
