"""Long short-term memory and its variants, against the papers' equations."""

from itertools import product

import numpy as np
import pytest
import torch

from ostinato.cells import LSTM, CoupledLSTM, LayerNormLSTM, LSTMState, PeepholeLSTM

VARIANTS = [LSTM, PeepholeLSTM, CoupledLSTM, LayerNormLSTM]
OPTIONS = list(product(VARIANTS, [True, False], [0, 2]))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def layer_norm(z, gain, shift=0.0):
    return (z - z.mean()) / np.sqrt(z.var() + 1e-5) * gain + shift


def one_row(cell, x, h, c):
    """One step of one row, gate by gate."""
    w = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    bias = w["bias_ih"] + w["bias_hh"] if "bias_ih" in w else 0.0
    from_x, from_h = w["weight_ih"] @ x, w["weight_hh"] @ h
    if "norm_c.weight" in w:
        from_x, from_h = layer_norm(from_x, w["norm_ih.weight"]), layer_norm(from_h, w["norm_hh.weight"])
    order = "fgo" if isinstance(cell, CoupledLSTM) else "ifgo"
    gates = dict(zip(order, np.split(from_x + from_h + bias, len(order)), strict=True))
    peep = dict(zip("ifo", w.get("peephole", np.zeros((3, len(c)))), strict=True))
    f = sigmoid(gates["f"] + peep["f"] * c)
    i = 1 - f if isinstance(cell, CoupledLSTM) else sigmoid(gates["i"] + peep["i"] * c)
    c = f * c + i * np.tanh(gates["g"])
    o = sigmoid(gates["o"] + peep["o"] * c)
    seen = layer_norm(c, w["norm_c.weight"], w["norm_c.bias"]) if "norm_c.weight" in w else c
    h = o * np.tanh(seen)
    return (w["weight_hr"] @ h if "weight_hr" in w else h), c


def perturbed(cell):
    """Layer norms begin as the identity, which would hide a gain or shift left out."""
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return cell


def inputs(cell):
    torch.manual_seed(1)
    sizes = cell.output_size, cell.hidden_size
    return torch.randn(5, 3).double(), LSTMState(*(torch.randn(5, size).double() for size in sizes))


@pytest.mark.parametrize(("variant", "bias", "proj_size"), OPTIONS)
def test_each_variant_is_its_equations_under_every_combination_of_options(variant, bias, proj_size):
    torch.manual_seed(0)
    cell = variant(3, 4, bias=bias, proj_size=proj_size).double()
    x, state = inputs(perturbed(cell))

    y, new = cell(x, state)

    for row in range(5):
        h, c = one_row(cell, x[row].numpy(), state.h[row].numpy(), state.c[row].numpy())
        np.testing.assert_allclose(y[row].detach(), h, atol=1e-12)
        np.testing.assert_allclose(new.c[row].detach(), c, atol=1e-12)
    assert new.h is y
    assert cell.output_size == (proj_size or 4)


def test_an_lstm_step_is_a_step_of_torchs_lstm_cell():
    torch.manual_seed(0)
    cell = LSTM(3, 4).double()
    torchs = torch.nn.LSTMCell(3, 4).double()
    torchs.load_state_dict(cell.state_dict())
    x, state = inputs(cell)

    h, c = torchs(x, tuple(state))
    torch.testing.assert_close(tuple(cell(x, state)[1]), (h, c), rtol=0, atol=1e-12)


def test_parameters_have_torchs_names_and_shapes():
    for proj_size in (0, 2):
        torchs = torch.nn.LSTM(3, 4, proj_size=proj_size)
        shapes = {name.removesuffix("_l0"): value.shape for name, value in torchs.named_parameters()}
        assert {name: value.shape for name, value in LSTM(3, 4, proj_size=proj_size).named_parameters()} == shapes


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_forget_bias_is_the_forget_gates_alone(variant):
    torch.manual_seed(0)
    cell = variant(3, 4, forget_bias=1.5)
    torch.manual_seed(0)
    plain = variant(3, 4)
    forget = slice(0, 4) if variant is CoupledLSTM else slice(4, 8)

    biases = cell.bias_ih + cell.bias_hh
    assert (biases[forget] == 1.5).all()
    with torch.no_grad():
        for bias in (plain.bias_ih, plain.bias_hh):
            bias[forget] = 0
    others = [i for i in range(len(biases)) if not forget.start <= i < forget.stop]
    torch.testing.assert_close(biases[others], (plain.bias_ih + plain.bias_hh)[others])


def test_a_large_forget_bias_makes_a_memory_that_lasts():
    torch.manual_seed(0)
    cell = CoupledLSTM(3, 4, forget_bias=1e3).double()
    x, state = inputs(cell)

    torch.testing.assert_close(cell(x, state)[1].c, state.c)


@pytest.mark.parametrize("variant", VARIANTS)
def test_forget_bias_without_bias_is_refused(variant):
    with pytest.raises(ValueError, match="forget_bias needs bias=True"):
        variant(3, 4, bias=False, forget_bias=1.0)


@pytest.mark.parametrize("proj_size", [-1, 4, 5])
def test_a_projection_that_does_not_shrink_is_refused(proj_size):
    with pytest.raises(ValueError, match=r"proj_size|output_size"):
        LSTM(3, 4, proj_size=proj_size)


def test_the_output_gates_peephole_sees_the_new_memory_and_the_others_the_old_one():
    cell = PeepholeLSTM(1, 1, bias=False).double()
    with torch.no_grad():
        for parameter in (cell.weight_ih, cell.weight_hh):
            parameter.zero_()
        cell.peephole.copy_(torch.tensor([[0.0], [0.0], [1.0]]))
    zero, memory = torch.zeros(1, 1).double(), torch.full((1, 1), 2.0).double()

    _, new = cell(zero, LSTMState(zero, memory))

    assert new.c.item() == 1.0  # half of 2 is kept, tanh(0) is written
    assert new.h.item() == pytest.approx(sigmoid(1.0) * np.tanh(1.0))


def test_a_recurrent_dropout_mask_is_not_seen_by_the_memory():
    torch.manual_seed(0)
    cell = PeepholeLSTM(3, 4).double()
    x, state = inputs(cell)
    mask = torch.tensor([0.0, 2.0, 2.0, 0.0]).double().expand(5, 4)

    dropped = cell(torch.cat([x, mask], dim=1), state)

    torch.testing.assert_close(dropped, cell(x, LSTMState(state.h * mask, state.c)))
