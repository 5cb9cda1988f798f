"""Runs of training by the parameters of an estimator, without the estimator around them."""

from gradients import make_rows

from skae import AutoencoderTransformer
from skae._training.options import read_options
from skae._training.run import Run
from skae._training.state import Previous, start_state
from skae._training.trainer import Trainer


def make_trainer(rows, warn=None, **parameters):
    """Return a Trainer by the parameters of a small transformer with two components."""
    options = {"hidden_layer_sizes": (4,), "learning_rate_init": 2e-3, "random_state": 0}
    estimator = AutoencoderTransformer(2, **options)
    options = read_options(estimator.set_params(**parameters).get_params(deep=False))
    warnings = {} if warn is None else {"warn": warn}
    return Trainer(options, rows.weights.sum(), **warnings)


def make_run(X, *, weights=None, corruption=None, warn=None, **parameters):
    """Return a Run at its start, with equal weights for nested decoders."""
    rows = make_rows(X, weights=weights, corruption=corruption)
    trainer = make_trainer(rows, warn, **parameters)
    return Run(trainer, rows, start_state(rows, trainer.options))


def previous_of(run, n_samples_seen=100):
    """Return what an earlier fit would have left of the state of a run."""
    state = run.state
    return Previous(state.model, state.optimizer, state.decoder_weights, [], [], n_samples_seen)
