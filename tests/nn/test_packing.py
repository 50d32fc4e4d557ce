"""Batches whose rows end at their own length."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence

from ostinato.engine.lengths import mask_steps
from ostinato.nn import sequence_mask
from ostinato.nn.packing import repack, unpack


def test_a_step_is_valid_before_the_length_of_its_row():
    expected = torch.tensor([[False, False, False], [True, False, False], [True, True, True]])
    assert torch.equal(sequence_mask(torch.tensor([0, 1, 3]), 3), expected)


def test_clearing_puts_zeros_where_not_valid_and_stops_gradients_there():
    x = torch.tensor([[[1.0], [float("nan")]]], requires_grad=True)
    y = mask_steps(x, torch.tensor([[True, False]]))
    y.square().sum().backward()
    assert torch.equal(y, torch.tensor([[[1.0], [0.0]]]))
    assert torch.equal(x.grad, torch.tensor([[[2.0], [0.0]]]))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=5), ordered=st.booleans())
def test_a_repacked_sequence_is_packed_as_it_was(lengths, ordered):
    lengths = torch.tensor(sorted(lengths, reverse=True) if ordered else lengths)
    x = torch.randn(len(lengths), int(lengths.max()), 2)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=ordered)
    padded, found = unpack(packed)
    again = repack(padded, packed)
    assert torch.equal(found, lengths)
    assert torch.equal(padded, mask_steps(x, sequence_mask(lengths, x.shape[1])))
    for ours, theirs in zip(again, packed, strict=True):
        assert (ours is None and theirs is None) or torch.equal(ours, theirs)
