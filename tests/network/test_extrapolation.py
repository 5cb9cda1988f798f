"""The fade of networks beside a linear path: factors, boxes, blended outputs."""

from gradients import make_model, make_network, make_parameters
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest

from skae._kernels import run
from skae._network.extrapolation import Fade, can_fade, linear_decoder, measure_box, union

DTYPES = [np.float32, np.float64]


def factors(z, box, shares):
    fade = Fade(box, shares, len(z) + 3)
    run(fade.measure(z))
    return fade.column(len(z))[:, 0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_factors(dtype):
    """Half of the share between the limits is a factor of one half; inside it is one exactly."""
    box = np.array([[-1, -2, -1], [1, 2, 1]], dtype)
    z = np.array([[1, -2, 0.3], [0, 0, 0], [1.25, 0, 0], [0, 0, -100], [0, 2.2, 0]], dtype)
    result = factors(z, box, (0.1, 0.3))
    assert_array_equal(result[[0, 1, 3, 4]], [1, 1, 0, 1])
    assert_allclose(result[2], 0.5, rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_factor_never_rises_on_the_way_out(dtype):
    rng = np.random.default_rng(0)
    box = np.abs(rng.normal(size=(2, 6))).astype(dtype)
    box[0] *= -1
    lengths = np.linspace(0, 10, 500, dtype=dtype)[:, None]
    result = factors(lengths * rng.normal(size=6).astype(dtype), box, (0.05, 0.2))
    assert result[0] == 1
    assert result[-1] == 0
    assert np.diff(result).max() <= 10 * np.finfo(dtype).eps


def test_a_box_holds_inputs_outputs_of_all_sizes_and_zero():
    rng = np.random.default_rng(1)
    network, _ = make_network((5, 4, 3), linear_path=True, nested=True)
    parameters = make_parameters(network, rng)
    X, code = rng.normal(size=(30, 5)) + 5, rng.normal(size=(30, 3))
    box = measure_box(X, code, network, parameters)
    assert_array_equal(box[:2], [np.zeros(5), X.max(axis=0)])
    for size in (1, 2, 3):
        output = 1.2 * code[:, :size] @ parameters.path[1][:size]
        assert (box[2] <= output.min(axis=0) + 1e-12).all()
        assert (output.max(axis=0) <= box[3] + 1e-12).all()
    other = measure_box(-2 * X, code, network, parameters)
    assert_array_equal(union(box, other)[:2], [other[0], box[1]])
    assert_array_equal(union(box, box), box)


def test_the_linear_decoder_of_an_exponential_output_inverts_the_encoder():
    rng = np.random.default_rng(2)
    network, _ = make_network((5, 4, 3), output="exponential", linear_path=True)
    parameters = make_parameters(network, rng)
    matrix = linear_decoder(network, parameters, 2)
    assert_allclose(matrix @ parameters.path[0][:, :2], np.eye(2), atol=1e-12)


@pytest.mark.parametrize(
    ("latent", "output", "linear_path", "expected"),
    [
        ("identity", "identity", True, True),
        ("identity", "exponential", True, True),
        ("identity", "logistic", True, False),
        ("tanh", "identity", True, False),
        ("identity", "identity", False, False),
    ],
)
def test_what_can_fade(latent, output, linear_path, expected):
    network, _ = make_network((5, 3), latent=latent, output=output, linear_path=linear_path)
    assert can_fade(network) is expected


def test_a_model_without_a_box_fades_nowhere():
    network, _ = make_network((5, 3), linear_path=True)
    assert make_model(network, make_parameters(network, np.random.default_rng(0))).box is None
