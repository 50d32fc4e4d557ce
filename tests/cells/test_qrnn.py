"""The quasi-recurrent network, against its paper and torch's convolution."""

from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ostinato.cells.qrnn import QRNN
from ostinato.engine import scan

OPTIONS = list(product(["f", "fo", "ifo"], [1, 2, 4]))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.parametrize(("pooling", "window"), OPTIONS)
def test_qrnn_is_its_equations_over_time(pooling, window):
    torch.manual_seed(0)
    cell = QRNN(3, 4, pooling=pooling, window=window).double()
    x, memory = torch.randn(5, 6, 3).double(), torch.randn(5, 4).double()
    state = cell.initial_state(5, dtype=torch.float64)._replace(c=memory)

    y, final = scan(cell, x, state, backend="reference")

    W = cell.weight_ih.detach().numpy().reshape(-1, 4, window, 3)  # block, unit, place in the window, feature
    W = dict(zip("zfoi", W, strict=False))
    b = dict(zip("zfoi", cell.bias.detach().numpy().reshape(-1, 4), strict=False))
    for row in range(5):
        c = memory[row].numpy()
        for t in range(6):
            pre = {name: value.copy() for name, value in b.items()}
            for lag in range(min(window, t + 1)):
                for name in pre:
                    pre[name] += W[name][:, window - 1 - lag] @ x[row, t - lag].numpy()
            z, f = np.tanh(pre["z"]), sigmoid(pre["f"])
            c = f * c + (sigmoid(pre["i"]) if pooling == "ifo" else 1 - f) * z
            h = c if pooling == "f" else sigmoid(pre["o"]) * c
            np.testing.assert_allclose(y[row, t].detach(), h, atol=1e-12)
        np.testing.assert_allclose(final.c[row].detach(), c, atol=1e-12)


@pytest.mark.parametrize(("pooling", "window"), OPTIONS)
def test_over_time_it_is_torchs_masked_convolution_and_then_a_pooling(pooling, window):
    torch.manual_seed(0)
    cell = QRNN(3, 4, pooling=pooling, window=window).double()
    x = torch.randn(2, 9, 3).double()

    y, _ = scan(cell, x)

    kernel = cell.weight_ih.view(-1, window, 3).transpose(1, 2)
    past = F.pad(x.transpose(1, 2), (window - 1, 0))
    z, f, *gates = F.conv1d(past, kernel, cell.bias).transpose(1, 2).split(4, -1)
    c, outputs = torch.zeros(2, 4).double(), []
    for t in range(9):
        write = gates[1][:, t].sigmoid() if pooling == "ifo" else (-f[:, t]).sigmoid()
        c = f[:, t].sigmoid() * c + write * z[:, t].tanh()
        outputs.append(c if pooling == "f" else gates[0][:, t].sigmoid() * c)
    torch.testing.assert_close(y, torch.stack(outputs, 1), rtol=0, atol=1e-12)


def test_its_state_carries_the_memory_and_the_inputs_before_the_latest_first():
    cell = QRNN(2, 3, window=4)
    state = cell.initial_state(5)

    assert state._fields == ("c", "x1", "x2", "x3")
    assert [tuple(tensor.shape) for tensor in state] == [(5, 3), (5, 2), (5, 2), (5, 2)]
    assert type(state) is type(QRNN(7, 2, window=4).initial_state(1))
    assert QRNN(2, 3, window=1).initial_state(1)._fields == ("c",)


def test_the_inputs_carried_are_pure_delays():
    torch.manual_seed(0)
    cell = QRNN(2, 3, window=4)
    first = cell.initial_state(5)
    state = type(first)(*(torch.randn_like(tensor) for tensor in first))
    x = torch.randn(5, 2)

    _, new = cell(x, state)

    assert new.x1 is x
    assert new.x2 is state.x1
    assert new.x3 is state.x2


def test_an_input_is_forgotten_after_its_window_when_the_memory_is_closed():
    torch.manual_seed(0)
    cell = QRNN(2, 3, pooling="f", window=3).double()
    with torch.no_grad():
        cell.weight_ih[3:6] = 0
        cell.bias[3:6] = -1e3
    x = torch.randn(1, 8, 2).double().requires_grad_()

    scan(cell, x)[0][0, 5].sum().backward()

    assert x.grad[0].any(dim=1).tolist() == [False, False, False, True, True, True, False, False]


def test_a_forget_gate_at_one_keeps_the_memory():
    torch.manual_seed(0)
    cell = QRNN(2, 3).double()
    with torch.no_grad():
        cell.bias[3:6] = 1e3
    first = cell.initial_state(5, dtype=torch.float64)
    state = first._replace(c=torch.randn(5, 3).double())

    torch.testing.assert_close(cell(torch.randn(5, 2).double(), state)[1].c, state.c)


def test_an_unknown_pooling_is_refused_and_the_known_ones_named():
    with pytest.raises(ValueError, match="pooling must be one of f, fo, ifo, got 'max'"):
        QRNN(3, 4, pooling="max")


@pytest.mark.parametrize("window", [0, -2])
def test_a_window_without_an_input_is_refused(window):
    with pytest.raises(ValueError, match=f"window must be at least 1, got {window}"):
        QRNN(3, 4, window=window)


def test_it_shows_its_settings():
    assert repr(QRNN(3, 4)) == "QRNN(3, 4, pooling='fo', window=2)"
