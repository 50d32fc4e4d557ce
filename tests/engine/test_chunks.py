"""A long sequence in chunks: carried state, and where its gradient stops."""

from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_scenario import SIZES

from ostinato.cells import CELLS, GRU, LSTM
from ostinato.engine import detach, scan

law = settings(deadline=None, derandomize=True, max_examples=10)


@pytest.mark.parametrize("name", CELLS)
@law
@given(cuts=st.lists(st.integers(0, 8), max_size=3).map(sorted), data=st.data())
def test_chunks_that_carry_a_detached_state_give_what_the_whole_gives(name, cuts, data):
    torch.manual_seed(0)
    cell, x = CELLS[name](*SIZES).double(), torch.randn(2, 8, SIZES[0]).double()
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, 8), min_size=2, max_size=2)))

    outputs, state = [], None
    for start, end in zip([0, *cuts], [*cuts, 8], strict=True):
        left = (lengths - start).clamp(0, end - start)
        y, state = scan(cell, x[:, start:end], detach(state), lengths=left)
        outputs.append(y)

    whole, final = scan(cell, x, lengths=lengths)
    torch.testing.assert_close(torch.cat(outputs, 1), whole, rtol=0, atol=1e-10)
    torch.testing.assert_close(state, final, rtol=0, atol=1e-10)


@pytest.mark.parametrize("backend", ["cpp", "aten", "reference"])
def test_the_gradient_of_a_chunk_stops_where_the_state_was_detached(backend):
    torch.manual_seed(0)
    cell, x = LSTM(3, 4), torch.randn(2, 6, 3).requires_grad_()

    _, state = scan(cell, x[:, :3], backend=backend)
    through, _ = scan(cell, x[:, 3:], state, backend=backend)
    cut, _ = scan(cell, x[:, 3:], detach(state), backend=backend)

    assert torch.equal(through, cut)
    (whole,) = torch.autograd.grad(through.sum(), [x])
    (truncated,) = torch.autograd.grad(cut.sum(), [x])
    assert whole[:, :3].any()
    assert not truncated[:, :3].any()
    torch.testing.assert_close(truncated[:, 3:], whole[:, 3:])


class Both(NamedTuple):
    encoder: tuple
    decoder: object


def test_detach_keeps_the_structure_and_the_values_and_drops_the_history():
    state = LSTM(3, 4).initial_state(2)
    grown = type(state)(*(tensor.requires_grad_() * 2 for tensor in state))
    nested = Both((grown, None), [grown.h])

    cut = detach(nested)

    assert type(cut) is Both
    assert type(cut.encoder[0]) is type(state)
    assert cut.encoder[1] is None
    assert isinstance(cut.decoder, list)
    assert cut.encoder[0].h.data_ptr() == grown.h.data_ptr()
    assert not any(tensor.requires_grad for tensor in (*cut.encoder[0], *cut.decoder))
    assert detach(None) is None


def test_a_detached_state_is_a_valid_initial_state():
    cell = GRU(3, 4)
    _, state = scan(cell, torch.randn(2, 3, 3))

    assert scan(cell, torch.randn(2, 3, 3), detach(state))[0].shape == (2, 3, 4)
