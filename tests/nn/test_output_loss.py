"""The loss of an output layer, a few rows at a time, beside torch's of all rows at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ostinato.nn import linear_cross_entropy


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    rows=st.integers(1, 20),
    units=st.integers(2, 9),
    smoothing=st.sampled_from([0.0, 0.1, 0.7]),
    seed=st.integers(0, 9),
    block=st.integers(1, 25),
    reduction=st.sampled_from(["mean", "sum"]),
)
def test_it_is_torchs_cross_entropy_value_and_gradients(rows, units, smoothing, seed, block, reduction):
    torch.manual_seed(seed)
    output, targets = nn.Linear(3, units).double(), torch.randint(units, (rows,))
    x = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    inputs = (x, *output.parameters())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ostinato.nn.output_loss.ROWS", 1)
        patch.setattr("ostinato.nn.output_loss.SCORES", block * units)
        ours = linear_cross_entropy(x, output, targets, smoothing, reduction=reduction)
    theirs = F.cross_entropy(output(x), targets, label_smoothing=smoothing, reduction=reduction)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(3 * ours, inputs), torch.autograd.grad(3 * theirs, inputs))
    with torch.no_grad():
        ours = linear_cross_entropy(x, output, targets, smoothing, reduction=reduction)
        torch.testing.assert_close(ours, theirs.detach())


def test_nothing_to_predict_is_torchs_nan_and_its_sum_0():
    output, x, targets = nn.Linear(3, 4), torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    assert linear_cross_entropy(x, output, targets).isnan()
    assert linear_cross_entropy(x, output, targets, reduction="sum") == 0
