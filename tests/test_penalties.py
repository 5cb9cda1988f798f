"""Penalties against their formulas."""

from gradients import make_penalty
import numpy as np
import pytest
import reference

from skae.penalties import PENALTIES

DTYPES = [np.float32, np.float64]


def codes(n_rows=12, n_components=3, dtype=np.float64, seed=0):
    """Return codes inside (0, 1), where every penalty is defined."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.95, size=(n_rows, n_components)).astype(dtype)


def run(penalty, code, scale, share=1.0, state=None, buffer_rows=None):
    """Return value and derivative of a batch; check that `code` is unchanged."""
    original = code.copy()
    if state is None:
        state = penalty.init(buffer_rows or len(code), code.shape[1], code.dtype)
    delta = np.full_like(code, 2.0)
    value = penalty.value_and_add_gradient(code, delta, scale, share, state)
    np.testing.assert_array_equal(code, original)
    assert type(value) is float
    assert delta.dtype == code.dtype
    return value, delta - 2


def test_every_penalty_has_a_reference():
    assert set(reference.PENALTIES) == set(PENALTIES)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("buffer_rows", [12, 40])
@pytest.mark.parametrize("name", PENALTIES)
def test_value_and_gradient(name, weighted, dtype, buffer_rows):
    code = codes(dtype=dtype)
    share = np.full(len(code), 1 / len(code))
    scale = np.asarray(1 / len(code), dtype)
    if weighted:
        share = np.random.default_rng(1).random(len(code))
        share /= share.sum()
        scale = share[:, None].astype(dtype)
    value, gradient = run(make_penalty(name), code, scale, buffer_rows=buffer_rows)
    function, slope, options = reference.PENALTIES[name]
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    code = code.astype(float)
    np.testing.assert_allclose(value, function(code, share, **options), rtol=tolerance)
    np.testing.assert_allclose(
        gradient, slope(code, share, **options), rtol=10 * tolerance, atol=tolerance
    )


@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_is_the_slope_of_the_value(name):
    code = codes()
    if name == "l1":
        code -= 0.5
    scale = np.asarray(1 / len(code))
    u = np.random.default_rng(2).normal(size=code.shape)
    h = 1e-6
    penalty = make_penalty(name)
    above, below = (run(penalty, code + step * u, scale)[0] for step in (h, -h))
    slope = float(np.vdot(run(penalty, code, scale)[1], u))
    assert slope == pytest.approx((above - below) / (2 * h), rel=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PENALTIES)
def test_silent_and_saturated_units_stay_finite(name, dtype):
    for level in (0.0, 1.0):
        code = np.full((6, 3), level, dtype)
        value, gradient = run(make_penalty(name), code, np.asarray(1 / 6, dtype))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_l1_of_negative_codes():
    code = codes() - 0.5
    share = np.full(len(code), 1 / len(code))
    value, gradient = run(make_penalty("l1"), code, np.asarray(share[0]))
    assert value == pytest.approx(reference.l1(code, share, 0.7))
    np.testing.assert_allclose(gradient, reference.l1_slope(code, share, 0.7))


def test_kl_is_zero_at_its_target():
    code = np.full((8, 3), 0.2)
    value, gradient = run(make_penalty("kl"), code, np.asarray(1 / 8))
    assert value == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_kl_sees_the_mean_of_all_rows_through_batches():
    """Batches of one row each: the running mean comes close to that of all rows."""
    rng = np.random.default_rng(3)
    code = rng.uniform(0.05, 0.95, size=(400, 2))
    penalty = make_penalty("kl")
    state = penalty.init(1, 2, code.dtype)
    values = []
    for _ in range(3):
        for i in rng.permutation(len(code)):
            values.append(run(penalty, code[i : i + 1], np.asarray(1.0), 1 / len(code), state)[0])
    exact = reference.kl(code, np.full(400, 1 / 400), **reference.PENALTIES["kl"][2])
    assert values[-1] == pytest.approx(exact, rel=0.1)
    assert np.ptp(values[-400:]) < 0.2 * exact


def test_kl_of_the_first_pass_is_that_of_the_rows_so_far():
    code = codes(20, 2)
    penalty = make_penalty("kl")
    state = penalty.init(5, 2, code.dtype)
    options = reference.PENALTIES["kl"][2]
    for stop in (5, 10, 15, 20):
        batch = code[stop - 5 : stop]
        value, _ = run(penalty, batch, np.asarray(1 / 5), 1 / 4, state)
        exact = reference.kl(code[:stop], np.full(stop, 1 / stop), **options)
        assert value == pytest.approx(exact)


def test_kl_of_one_batch_forgets_the_last():
    """The mean over a batch of all rows does not depend on earlier batches."""
    penalty = make_penalty("kl")
    scale = np.asarray(1 / 12)
    state = penalty.init(12, 3, np.dtype(float))
    run(penalty, codes(seed=5), scale, 1.0, state)
    later = run(penalty, codes(seed=6), scale, 1.0, state)
    alone = run(penalty, codes(seed=6), scale)
    assert later[0] == pytest.approx(alone[0], rel=1e-12)
    np.testing.assert_allclose(later[1], alone[1], rtol=1e-12)


def test_kl_says_what_its_codes_must_be():
    penalty = PENALTIES["kl"](target=0.1)
    assert (penalty.latent_activation, penalty.initial_mean) == ("logistic", 0.1)
    assert (PENALTIES["l1"]().latent_activation, PENALTIES["l1"]().initial_mean) == (None, None)
