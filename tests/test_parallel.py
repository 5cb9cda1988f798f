"""Threads: the limit of BLAS is restored, and results do not depend on threads."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BoundedSemaphore, Lock, get_ident
from time import sleep

import numpy as np
from numpy.testing import assert_array_equal
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits
from versions import needs

from skae import AutoencoderTransformer, DenoisingAutoencoder, _parallel
from skae._network import inference
from skae._parallel import job_runner, run_sequentially
from skae._training import objective

LARGE = {
    "hidden_layer_sizes": (300,),
    "early_stopping": False,
    "max_iter": 2,
    "random_state": 0,
}


def blas_threads():
    return [b["num_threads"] for b in ThreadpoolController().select(user_api="blas").info()]


@pytest.fixture
def two_blas_threads():
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def one_blas_thread():
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_is_limited_to_one_thread_and_restored():
    before = blas_threads()
    with job_runner() as run_jobs:
        assert set(blas_threads()) == {1}
        assert run_jobs is not run_sequentially
        with job_runner() as again:
            assert again is run_jobs
        assert set(blas_threads()) == {1}
        with job_runner() as again:
            assert again is run_jobs
    assert blas_threads() == before
    with pytest.raises(ZeroDivisionError), job_runner():
        raise ZeroDivisionError
    assert blas_threads() == before


def test_only_one_of_concurrent_callers_gets_threads():
    before, barrier = blas_threads(), Barrier(3)

    def work(i):
        with job_runner() as run_jobs:
            barrier.wait()
            results = blas_threads()
            barrier.wait()
            return results, run_jobs

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(work, range(3)))
    assert all(set(threads) == {1} for threads, _ in results)
    assert sum(run_jobs is run_sequentially for _, run_jobs in results) == (
        2 if max(before) > 1 else 3
    )
    assert blas_threads() == before
    assert not _parallel._blas_lock.locked()


@needs("threadpoolctl", 3, 8, because="a limit belongs to no thread")
def test_limits_of_another_thread_stay():
    with threadpool_limits(2, user_api="blas"), ThreadPoolExecutor(1) as pool:

        def work():
            with job_runner() as run_jobs:
                return run_jobs, blas_threads()

        run_jobs, threads = pool.submit(work).result()
    assert run_jobs is run_sequentially
    assert set(threads) == {2}


@pytest.mark.usefixtures("one_blas_thread")
def test_a_limit_set_by_the_user_is_respected():
    with job_runner() as run_jobs:
        assert run_jobs is run_sequentially


@pytest.mark.usefixtures("two_blas_threads")
def test_jobs_may_run_jobs():
    done = []
    with job_runner() as run_jobs:

        def job(i):
            with job_runner() as again:
                again([lambda j=j: done.append((i, j)) for j in range(3)])

        run_jobs([lambda i=i: job(i) for i in range(5)])
    assert sorted(done) == [(i, j) for i in range(5) for j in range(3)]


@pytest.mark.usefixtures("two_blas_threads")
def test_every_job_runs_once_and_errors_are_raised():
    done = []
    with job_runner() as run_jobs:
        run_jobs([lambda i=i: done.append((i, get_ident())) for i in range(7)])
        assert sorted(i for i, _ in done) == list(range(7))
        assert len({thread for _, thread in done}) == 2
        for bad in range(2):
            with pytest.raises(ZeroDivisionError):
                run_jobs([lambda i=i, bad=bad: 1 / (i != bad) for i in range(2)])


@pytest.mark.usefixtures("two_blas_threads")
def test_all_jobs_have_ended_after_an_error():
    done = []

    def late():
        sleep(0.05)
        done.append(True)

    with job_runner() as run_jobs:
        with pytest.raises(ZeroDivisionError):
            run_jobs([lambda: 1 / 0, late])
        assert done


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_results_do_not_depend_on_the_threads(dtype, weighted, monkeypatch):
    X = np.random.default_rng(0).random((512, 300)).astype(dtype)
    weights = np.arange(1, 513) if weighted else None
    results, seen = [], set()
    real = objective.replay
    monkeypatch.setattr(objective, "replay", lambda calls: seen.add(get_ident()) or real(calls))
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            model = AutoencoderTransformer(4, batch_size=200, **LARGE).fit(X, None, weights)
            results.append([model.theta_, model.transform(X), model.score_samples(X)])
        assert len(seen) == n_threads
    for a, b in zip(*results, strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize("batch_size", [100, 200, 255, 301, 1100])
def test_parts_add_up_to_the_whole(batch_size, monkeypatch):
    X = np.random.default_rng(0).random((batch_size, 300))
    weights = np.random.default_rng(1).random(batch_size)
    results = []
    for large in (0, np.inf):
        monkeypatch.setattr(objective, "MIN_PARALLEL_FLOPS", large)
        model = AutoencoderTransformer(4, batch_size=batch_size, solver="sgd", **LARGE)
        results.append(model.fit(X, None, weights))
    np.testing.assert_allclose(results[0].theta_, results[1].theta_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(results[0].loss_curve_, results[1].loss_curve_, rtol=1e-12)


@pytest.mark.usefixtures("two_blas_threads")
def test_pieces_of_many_rows(monkeypatch):
    X = np.random.default_rng(0).random((1300, 300))
    model = AutoencoderTransformer(4, **LARGE | {"max_iter": 1}).fit(X[:300])
    assert model.theta_.size > _parallel.MANY_PARAMETERS
    whole = [model.transform(X), model.reconstruct(X), model.score_samples(X)]
    monkeypatch.setattr(inference, "PIECE_ROWS", 512)
    pieces = [model.transform(X), model.reconstruct(X), model.score_samples(X)]
    for a, b in zip(whole, pieces, strict=True):
        assert_array_equal(a, b)


@pytest.mark.usefixtures("two_blas_threads")
def test_very_many_rows_of_a_small_network(monkeypatch):
    X = np.random.default_rng(0).random((1300, 6))
    model = AutoencoderTransformer(2, **LARGE | {"max_iter": 1, "hidden_layer_sizes": (5,)}).fit(X)
    whole = [model.transform(X), model.reconstruct(X), model.score_samples(X)]
    limits = {"MANY_ROWS": 1000, "LONG_BLOCK_ROWS": 64, "LONG_PIECE_ROWS": 128}
    for name, value in limits.items():
        monkeypatch.setattr(inference, name, value)
    idents, blocks = set(), inference.blocks
    monkeypatch.setattr(
        inference, "blocks", lambda *a, **o: idents.add(get_ident()) or blocks(*a, **o)
    )
    pieces = [model.transform(X), model.reconstruct(X), model.score_samples(X)]
    assert len(idents) > 1
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


# ---------------------------------------------------------------- slots


def test_no_more_fits_run_than_there_are_slots(monkeypatch):
    monkeypatch.setitem(_parallel._slots, "fits", BoundedSemaphore(2))
    lock, at_work, most = Lock(), [], []

    def noise(X, rng):
        with lock:
            at_work.append(get_ident())
            most.append(len(set(at_work)))
        sleep(0.01)
        with lock:
            at_work.remove(get_ident())
        return X

    def fit(_):
        DenoisingAutoencoder(1, noise=noise, **LARGE | {"hidden_layer_sizes": ()}).fit(np.eye(40))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(fit, range(5)))
    assert 1 <= max(most) <= 2
    assert _parallel._slots["fits"].acquire(timeout=0)
    assert _parallel._slots["fits"].acquire(timeout=0)


def test_a_fit_inside_a_fit_uses_its_slot(monkeypatch):
    monkeypatch.setitem(_parallel._slots, "fits", BoundedSemaphore(1))
    monkeypatch.setattr(_parallel, "MAX_WAIT", 3600)
    with _parallel.fit_slot(), _parallel.fit_slot():
        assert not _parallel._slots["fits"].acquire(timeout=0)
    assert _parallel._slots["fits"].acquire(timeout=0)


def test_a_fit_proceeds_without_a_slot_after_a_while(monkeypatch):
    monkeypatch.setitem(_parallel._slots, "fits", BoundedSemaphore(1))
    monkeypatch.setattr(_parallel, "MAX_WAIT", 0.01)
    done = []

    def work():
        with _parallel.fit_slot():
            done.append(get_ident())

    with _parallel.fit_slot(), ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert len(done) == 1
    assert _parallel._slots["fits"].acquire(timeout=0)
    assert not _parallel._slots["fits"].acquire(timeout=0)
