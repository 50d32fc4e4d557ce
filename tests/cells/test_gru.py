"""The gated recurrent units, against their papers' equations."""

import numpy as np
import pytest
import torch

from ostinato.cells import GRU, MGU, GRUState


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def blocks(tensor, names):
    """The rows of a weight or bias, gate by gate."""
    if tensor is None:
        return dict.fromkeys(names, 0.0)
    return dict(zip(names, np.split(tensor.detach().numpy(), len(names)), strict=True))


def inputs(size=4):
    torch.manual_seed(1)
    return torch.randn(5, 3).double(), torch.randn(5, size).double()


@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_gru_is_its_equations_with_the_reset_gate_on_either_side(reset_after, bias):
    torch.manual_seed(0)
    cell = GRU(3, 4, bias=bias, reset_after=reset_after).double()
    x, h = inputs()

    y, new = cell(x, GRUState(h))

    W, U = blocks(cell.weight_ih, "rzn"), blocks(cell.weight_hh, "rzn")
    b, c = blocks(cell.bias_ih, "rzn"), blocks(cell.bias_hh, "rzn")
    for row in range(5):
        x_t, h_t = x[row].numpy(), h[row].numpy()
        r = sigmoid(W["r"] @ x_t + b["r"] + U["r"] @ h_t + c["r"])
        z = sigmoid(W["z"] @ x_t + b["z"] + U["z"] @ h_t + c["z"])
        candidate = r * (U["n"] @ h_t + c["n"]) if reset_after else U["n"] @ (r * h_t) + c["n"]
        n = np.tanh(W["n"] @ x_t + b["n"] + candidate)
        np.testing.assert_allclose(y[row].detach(), (1 - z) * n + z * h_t, atol=1e-12)
    assert new.h is y


def test_a_gru_step_is_a_step_of_torchs_gru_cell():
    torch.manual_seed(0)
    cell = GRU(3, 4).double()
    torchs = torch.nn.GRUCell(3, 4).double()
    torchs.load_state_dict(cell.state_dict())
    x, h = inputs()

    torch.testing.assert_close(cell(x, GRUState(h))[0], torchs(x, h), rtol=0, atol=1e-12)


def test_the_two_places_of_the_reset_gate_differ_with_the_same_weights():
    torch.manual_seed(0)
    after, before = GRU(3, 4).double(), GRU(3, 4, reset_after=False).double()
    before.load_state_dict(after.state_dict())
    x, h = inputs()

    assert not torch.allclose(after(x, GRUState(h))[0], before(x, GRUState(h))[0])
    assert repr(before) == "GRU(3, 4, reset_after=False)"


def test_an_update_gate_at_one_keeps_the_state_and_at_zero_takes_the_candidate():
    torch.manual_seed(0)
    cell = GRU(3, 4).double()
    x, h = inputs()

    def with_update(bias):
        with torch.no_grad():
            cell.bias_ih[4:8] = bias
        return cell(x, GRUState(h))[0]

    torch.testing.assert_close(with_update(1e3), h)
    assert (with_update(-1e3).abs() <= 1).all()


def test_mgu_is_its_equations():
    torch.manual_seed(0)
    cell = MGU(3, 4).double()
    x, h = inputs()

    y, new = cell(x, GRUState(h))

    W, U, b = blocks(cell.weight_ih, "fn"), blocks(cell.weight_hh, "fn"), blocks(cell.bias, "fn")
    for row in range(5):
        x_t, h_t = x[row].numpy(), h[row].numpy()
        f = sigmoid(W["f"] @ x_t + U["f"] @ h_t + b["f"])
        n = np.tanh(W["n"] @ x_t + U["n"] @ (f * h_t) + b["n"])
        np.testing.assert_allclose(y[row].detach(), (1 - f) * h_t + f * n, atol=1e-12)
    assert new.h is y


@pytest.mark.parametrize("reset_after", [True, False])
def test_a_recurrent_dropout_mask_is_seen_by_the_recurrent_weights_but_not_by_the_carried_state(reset_after):
    torch.manual_seed(0)
    cell = GRU(3, 4, reset_after=reset_after).double()
    x, h = inputs()
    mask = torch.tensor([0.0, 2.0, 2.0, 0.0]).double().expand(5, 4)

    y, _ = cell(torch.cat([x, mask], dim=1), GRUState(h))

    W, U = blocks(cell.weight_ih, "rzn"), blocks(cell.weight_hh, "rzn")
    b, c = blocks(cell.bias_ih, "rzn"), blocks(cell.bias_hh, "rzn")
    for row in range(5):
        x_t, h_t, seen = x[row].numpy(), h[row].numpy(), (h * mask)[row].numpy()
        r = sigmoid(W["r"] @ x_t + b["r"] + U["r"] @ seen + c["r"])
        z = sigmoid(W["z"] @ x_t + b["z"] + U["z"] @ seen + c["z"])
        candidate = r * (U["n"] @ seen + c["n"]) if reset_after else U["n"] @ (r * seen) + c["n"]
        n = np.tanh(W["n"] @ x_t + b["n"] + candidate)
        np.testing.assert_allclose(y[row].detach(), (1 - z) * n + z * h_t, atol=1e-12)
