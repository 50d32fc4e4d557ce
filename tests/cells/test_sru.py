"""The simple recurrent unit, against its paper."""

import numpy as np
import pytest
import torch

from ostinato.cells.sru import SRU, SRUState
from ostinato.engine import scan


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("inputs", [3, 4])
@pytest.mark.parametrize("alpha", [1.0, 3**0.5, 0.3])
def test_sru_is_its_equations_over_time(inputs, alpha):
    torch.manual_seed(0)
    cell = SRU(inputs, 4, alpha=alpha).double()
    torch.nn.init.normal_(cell.bias)
    x, memory = torch.randn(5, 6, inputs).double(), torch.randn(5, 4).double()

    y, final = scan(cell, x, SRUState(memory), backend="reference")

    w = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    W = dict(zip("cfrh", np.split(w["weight_ih"], len(w["weight_ih"]) // 4), strict=False))
    assert ("h" in W) == (inputs != 4)
    (v_f, v_r), (b_f, b_r) = w["weight_hh"], np.split(w["bias"], 2)
    for row in range(5):
        c = memory[row].numpy()
        for t in range(6):
            x_t = x[row, t].numpy()
            f = sigmoid(W["f"] @ x_t + v_f * c + b_f)
            r = sigmoid(W["r"] @ x_t + v_r * c + b_r)
            c = f * c + (1 - f) * (W["c"] @ x_t)
            h = r * c + (1 - r) * (W["h"] @ x_t if "h" in W else x_t) * alpha
            np.testing.assert_allclose(y[row, t].detach(), h, atol=1e-12)
        np.testing.assert_allclose(final.c[row].detach(), c, atol=1e-12)


def test_without_the_vectors_its_memory_is_a_weighted_sum_over_the_past():
    torch.manual_seed(0)
    cell = SRU(4, 4).double()
    torch.nn.init.zeros_(cell.weight_hh)
    x = torch.randn(2, 6, 4).double()

    _, final = scan(cell, x)

    x_c, x_f, _ = (x @ cell.weight_ih.T).chunk(3, -1)
    f = torch.sigmoid(x_f)
    kept = torch.stack([f[:, t + 1 :].prod(1) for t in range(6)], 1)
    torch.testing.assert_close(final.c, (kept * (1 - f) * x_c).sum(1))


def test_a_closed_reset_gate_passes_the_scaled_input_and_an_open_one_the_memory():
    torch.manual_seed(0)
    cell = SRU(4, 4, alpha=2.0).double()
    x, state = torch.randn(5, 4).double(), SRUState(torch.randn(5, 4).double())

    def with_reset(bias):
        with torch.no_grad():
            cell.bias[4:] = bias
        return cell(x, state)

    torch.testing.assert_close(with_reset(-1e3)[0], 2 * x)
    y, new = with_reset(1e3)
    torch.testing.assert_close(y, new.c)


def test_a_forget_gate_at_one_keeps_the_memory():
    torch.manual_seed(0)
    cell = SRU(3, 4).double()
    with torch.no_grad():
        cell.bias[:4] = 1e3
    state = SRUState(torch.randn(5, 4).double())

    torch.testing.assert_close(cell(torch.randn(5, 3).double(), state)[1].c, state.c)


def test_input_weights_begin_with_the_papers_variance_and_biases_at_zero():
    torch.manual_seed(0)
    cell = SRU(100, 200)

    assert cell.weight_ih.abs().max() <= (3 / 100) ** 0.5
    assert cell.weight_ih.var().item() == pytest.approx(1 / 100, rel=0.02)
    assert not cell.bias.any()


def test_the_scaled_output_has_about_the_variance_of_the_input_through_a_deep_stack():
    def variance_after(layers, **options):
        torch.manual_seed(0)
        y = torch.randn(16, 20, 64)
        for _ in range(layers):
            y, _ = scan(SRU(64, 64, **options), y, backend="reference")
        return y[:, 10:].var().item()

    with torch.no_grad():
        assert variance_after(6) > 0.3
        assert variance_after(6, alpha=1.0) < 0.05


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan")])
def test_a_scale_that_is_not_positive_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha must be positive"):
        SRU(3, 4, alpha=alpha)
