"""The search for the fewest components that explain a share of the variance."""

import pickle

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae._training import component_search, fit, validation

TRANSFORMERS = [AutoencoderTransformer, DenoisingAutoencoder]
QUICK = {
    "hidden_layer_sizes": (32,),
    "activation": "tanh",
    "learning_rate_init": 0.02,
    "alpha": 1e-3,
    "max_iter": 40,
    "random_state": 0,
}
LEFT_BY_PCA = 0.8 ** np.arange(1, 21)
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(n_rows, seed=0):
    """Rows whose two sources make eight columns: PCA needs more than two to explain most."""
    t = np.random.default_rng(seed).uniform(-1, 1, (n_rows, 2))
    return np.hstack([t, t**2, np.sin(4 * t), t**3]) + np.arange(8)


@pytest.fixture
def tried(monkeypatch):
    """The sizes of which fits are made."""
    sizes, run_size = [], fit._run_size

    def noted(run, X_val, n_components, tasks):
        sizes.append(n_components)
        return run_size(run, X_val, n_components, tasks)

    monkeypatch.setattr(fit, "_run_size", noted)
    return sizes


# ---------------------------------------------------------------- the search


def search_among(left_by_model, left, left_by_pca=LEFT_BY_PCA):
    """Search among models of which is known what they leave; return the sizes tried, and found."""
    search, tried = component_search.Bisection(left_by_pca, left), []
    while search.is_open:
        size = search.guess()
        assert search.too_few < size < search.enough
        tried.append(size)
        assert search.is_enough(left_by_model[size - 1]) == (left_by_model[size - 1] <= left)
    return tried, search.enough


def test_the_first_guess_is_right_if_a_model_leaves_what_most_do():
    """The smallest size of which PCA leaves so little that seven tenths of it will do."""
    search = component_search.Bisection(LEFT_BY_PCA, 0.1)
    size = search.guess()
    assert 0.7 * LEFT_BY_PCA[size - 1] <= 0.1 < 0.7 * LEFT_BY_PCA[size - 2]


@pytest.mark.parametrize("part", [0.01, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("left", [0.7, 0.3, 0.0116])
def test_where_the_model_leaves_an_even_part_of_what_pca_leaves_few_sizes_are_tried(left, part):
    left_by_pca = LEFT_BY_PCA[: np.sum(left <= LEFT_BY_PCA) + 1]
    tried, found = search_among(part * left_by_pca, left, left_by_pca)
    assert found == np.argmax(part * left_by_pca <= left) + 1
    assert len(tried) <= 3


def test_where_no_smaller_size_is_enough_it_is_pca_s():
    for n_most in (1, 2, 20):
        left_by_pca = LEFT_BY_PCA[:n_most]
        tried, found = search_among(1.5 * left_by_pca, left_by_pca[-1], left_by_pca)
        assert found == n_most
        assert len(tried) <= 2
        assert n_most == 1 or tried[-1] == n_most - 1


@pytest.mark.parametrize("seed", range(20))
def test_what_is_found_is_enough_and_one_less_is_not(seed):
    """Whatever the models leave, be it more than smaller ones do or nothing."""
    rng = np.random.default_rng(seed)
    left_by_model = rng.uniform(0, 2, 20) * LEFT_BY_PCA * rng.integers(0, 2, 20)
    tried, found = search_among(left_by_model, LEFT_BY_PCA[-1])
    assert found == 20 or left_by_model[found - 1] <= LEFT_BY_PCA[-1]
    assert found == 1 or left_by_model[found - 2] > LEFT_BY_PCA[-1]
    assert len(tried) == len(set(tried)) <= component_search.MAX_GUESSES + 5


def test_guesses_that_lead_astray_give_way_to_halves():
    left_by_pca = np.linspace(0.9, 0.05, 200)
    left_by_model = np.where(np.arange(1, 201) < 150, 1.001 * left_by_pca[-1], 0)
    tried, found = search_among(left_by_model, left_by_pca[-1], left_by_pca)
    assert found == 150
    assert len(tried) <= component_search.MAX_GUESSES + 8


# ---------------------------------------------------------------- the model


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "share"), [(300, 0.8), (900, 0.8)])
@pytest.mark.parametrize("Estimator", TRANSFORMERS)
def test_it_is_the_plain_model_of_the_fewest_columns_that_explain_it(
    Estimator, n_rows, share, tried
):
    """Cross-validated and with rows held out."""
    X, unseen = rows(n_rows), rows(2000, seed=1)
    options = QUICK | ({"noise_level": 0.05} if Estimator is DenoisingAutoencoder else {})
    model = Estimator(share, **options).fit(X)
    n_found, n_tried = model.n_components_, len(tried)
    assert n_found < PCA(share).fit(X).n_components_
    assert {n_found, n_found - 1} <= set(tried)
    assert not model.architecture_["nested"]
    assert model.score(unseen) > share - 0.02
    plain = Estimator(n_found, **options).fit(X)
    assert_array_equal(model.theta_, plain.theta_)
    assert model.loss_curve_ == plain.loss_curve_
    assert (model.n_iter_, model.best_iter_) == (plain.n_iter_, plain.best_iter_)
    again = Estimator(share, **options).fit(X)
    assert_array_equal(again.theta_, model.theta_)
    assert tried == tried[:n_tried] * 2


@quiet
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"linear_path": None, "max_iter": 3},
        {"solver": "lbfgs", "max_iter": 5},
        {"loss": "log_loss"},
        {"sparsity": "kl", "validation_fraction": 0.4},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_never_more_components_than_pca_s(parameters, dtype):
    X = (load_digits().data[:120, ::2] / 16).astype(dtype)
    model = AutoencoderTransformer(0.7, **QUICK | {"max_iter": 4} | parameters).fit(X)
    assert 1 <= model.n_components_ <= PCA(0.7).fit(X).n_components_
    assert model.transform(X).shape == (120, model.n_components_)
    assert model.reconstruct(X).dtype == dtype
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("Estimator", TRANSFORMERS)
def test_weights_are_repetitions(Estimator):
    X = rows(60)
    weights = np.random.default_rng(2).integers(0, 4, len(X))
    repeated = np.random.default_rng(3).permutation(np.repeat(X, weights, axis=0))
    weighted = Estimator(0.9, **QUICK).fit(X, sample_weight=weights)
    plain = Estimator(0.9, **QUICK).fit(repeated)
    assert_array_equal(weighted.theta_, plain.theta_)


def test_given_validation_samples_judge():
    """Rows along the first direction alone take one column, rows that vary in all take more."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) * [4, 3, 2, 1, 1, 1]
    narrow, wide = X * [1, 0, 0, 0, 0, 0], X * [0, 0, 1, 2, 2, 2]
    options = QUICK | {"max_iter": 2, "early_stopping": False}
    sizes = [
        AutoencoderTransformer(0.85, **options).fit(X, X_val=X_val).n_components_
        for X_val in (narrow, X, wide)
    ]
    assert sizes[0] == 1
    assert sizes[0] < sizes[1] <= sizes[2] == PCA(0.85).fit(X).n_components_


def test_a_denoiser_is_judged_by_what_it_makes_of_clean_rows(monkeypatch):
    X = rows(300)
    noisy = X + np.random.default_rng(1).normal(scale=0.1, size=X.shape)
    judged, errors_of_sizes = [], component_search.errors_of_sizes

    def noted(validators, max_decoded):
        judged.extend(rows.arrays()[1] for _, rows in validators)
        return errors_of_sizes(validators, max_decoded)

    monkeypatch.setattr(component_search, "errors_of_sizes", noted)
    model = DenoisingAutoencoder(0.8, **QUICK | {"max_iter": 4}).fit(noisy, X_clean=X)
    assert 1 <= model.n_components_ <= PCA(0.8).fit(noisy).n_components_
    assert_array_equal(np.unique(np.vstack(judged[:5]), axis=0), np.unique(X, axis=0))


# ---------------------------------------------------------------- where PCA's number is taken


@pytest.mark.parametrize(
    "parameters", [{"max_iter": 0}, {"early_stopping": False}, {"linear_path": None, "max_iter": 0}]
)
@pytest.mark.parametrize("Estimator", TRANSFORMERS)
def test_without_held_out_samples_it_is_pca_s(Estimator, parameters, tried):
    X = rows(60)
    model = Estimator(0.9, **QUICK | parameters).fit(X)
    assert model.n_components_ == PCA(0.9).fit(X).n_components_
    chunked = Estimator(0.9, **QUICK).partial_fit(X)
    assert chunked.n_components_ == model.n_components_
    assert tried == []


def test_a_detector_takes_pca_s(tried):
    X = rows(80)
    detector = AutoencoderOutlierDetector(0.9, max_iter=3, criterion="reconstruction").fit(X)
    start = AutoencoderOutlierDetector(0.9, max_iter=0, criterion="reconstruction").fit(X)
    assert detector.n_components_ == start.n_components_ > 1
    assert tried == []


def test_rows_all_alike():
    model = AutoencoderTransformer(0.9, **QUICK).fit(np.ones((20, 3)))
    assert model.n_components_ == 1
    assert_allclose(model.reconstruct(np.ones((2, 3))), 1)


def test_a_warm_start_keeps_its_size(tried):
    X = rows(300)
    model = AutoencoderTransformer(0.8, **QUICK, warm_start=True).fit(X)
    n_found, n_tried, n_iter = model.n_components_, len(tried), len(model.loss_curve_)
    model.fit(X)
    assert len(model.loss_curve_) > n_iter
    pickle.loads(pickle.dumps(model)).partial_fit(X[:50])
    assert model.n_components_ == n_found
    assert len(tried) == n_tried


# ---------------------------------------------------------------- on the way


def interrupted(monkeypatch, which, n_epochs=3):
    """Have the trial with a number be interrupted after some epochs."""
    run_size, report, n_trials, n_reported = fit._run_size, validation.report, 0, 0

    def counted(*args):
        nonlocal n_trials, n_reported
        n_trials, n_reported = n_trials + 1, 0
        return run_size(*args)

    def report_and_stop(run):
        nonlocal n_reported
        n_reported += 1
        if (n_trials, n_reported) == (which, n_epochs):
            raise KeyboardInterrupt
        report(run)

    monkeypatch.setattr(fit, "_run_size", counted)
    monkeypatch.setattr(validation, "report", report_and_stop)


@pytest.mark.parametrize("n_rows", [300, 900])
def test_an_interrupt_before_anything_is_found_leaves_pca(n_rows, monkeypatch):
    X = rows(n_rows)
    interrupted(monkeypatch, which=1, n_epochs=1)
    model = AutoencoderTransformer(0.999, **QUICK)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X)
    pca = PCA(0.999).fit(X)
    assert model.n_components_ == pca.n_components_
    assert_allclose(model.reconstruct(X), pca.inverse_transform(pca.transform(X)), atol=1e-9)
    assert_allclose(model.explained_variance_ratio_, pca.explained_variance_ratio_)
    assert (model.n_iter_, model.best_iter_, model.t_) == (0, 0, 0)


def test_an_interrupt_without_a_linear_path_leaves_what_was_on_trial(monkeypatch):
    X = rows(900)
    interrupted(monkeypatch, which=1)
    model = AutoencoderTransformer(0.9, **QUICK, linear_path=None)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X)
    assert model.n_iter_ == 3
    assert np.isfinite(model.score(X))


def test_an_interrupt_leaves_the_fewest_components_found(monkeypatch, tried):
    X = rows(900)
    free = AutoencoderTransformer(0.7, **QUICK).fit(X)
    assert tried == [free.n_components_, free.n_components_ - 1]
    interrupted(monkeypatch, which=2)
    model = AutoencoderTransformer(0.7, **QUICK)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X)
    assert_array_equal(model.theta_, free.theta_)


def test_verbose_says_what_is_tried(tried, capsys):
    AutoencoderTransformer(0.7, **QUICK, verbose=True).fit(rows(900))
    lines = [line for line in capsys.readouterr().out.splitlines() if "Components" in line]
    for size, line in zip(tried, lines, strict=True):
        assert line.startswith(f"Components: {size}, leaving 0.")
        assert line.endswith(" of the variance")
