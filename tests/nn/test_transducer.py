"""The transducer's loss against a plain walk through the lattice."""

import pytest
import torch
from alignment_scenario import padded
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import transducer_loss

law = settings(deadline=None, derandomize=True, max_examples=30)


def plain(scores, labels, blank):
    """Equations 16 and 17 of Graves 2012, of one row ``(time, labels + 1, classes)``, a node at a time."""
    log_probs = scores.log_softmax(-1)
    alpha = {(0, 0): log_probs[:0].sum()}
    for t in range(len(scores)):
        for u in range(len(labels) + 1):
            into = [alpha[t, u]] if (t, u) == (0, 0) else []
            if t:
                into.append(alpha[t - 1, u] + log_probs[t - 1, u, blank])
            if u:
                into.append(alpha[t, u - 1] + log_probs[t, u - 1, labels[u - 1]])
            alpha[t, u] = torch.stack(into).logsumexp(0)
    if not len(scores):
        return log_probs[:0].sum()
    return -(alpha[len(scores) - 1, len(labels)] + log_probs[-1, -1, blank])


@st.composite
def batches(draw):
    """Rows of frames and labels (none without frames), and the blank."""
    blank = draw(st.integers(0, 2))
    others = [label for label in range(3) if label != blank]
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        frames = draw(st.integers(0, 5))
        rows.append((frames, draw(st.lists(st.sampled_from(others), max_size=4 if frames else 0))))
    return blank, rows, draw(st.integers(0, 99))


@law
@given(batches())
def test_the_loss_and_its_gradient_are_those_of_the_plain_walk(drawn):
    blank, rows, seed = drawn
    scores, targets, lengths, target_lengths = padded(rows, seed, nodes=True)
    weights = torch.rand(len(rows), dtype=torch.float64)

    ours = transducer_loss(scores, targets, lengths, target_lengths, blank=blank)
    valid = [scores[i, :frames, : len(labels) + 1] for i, (frames, labels) in enumerate(rows)]
    theirs = torch.stack([plain(part, labels, blank) for part, (_, labels) in zip(valid, rows, strict=True)])

    torch.testing.assert_close(ours, theirs)
    (mine,) = torch.autograd.grad((ours * weights).sum(), scores)
    (expected,) = torch.autograd.grad((theirs * weights).sum(), scores)
    torch.testing.assert_close(mine, expected)


def test_the_gradient_is_that_of_finite_differences():
    scores = torch.randn(2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[1, 4], [2, 2]])
    assert torch.autograd.gradcheck(lambda s: transducer_loss(s, targets, [4, 2], [2, 1]), scores)


def test_log_probabilities_have_the_loss_of_the_scores_they_come_from():
    scores, targets = torch.randn(2, 6, 3, 5), torch.tensor([[1, 1], [4, 2]])
    torch.testing.assert_close(transducer_loss(scores.log_softmax(-1), targets), transducer_loss(scores, targets))


def test_padding_changes_nothing_bit_for_bit():
    scores, targets = torch.randn(1, 7, 4, 5), torch.tensor([[1, 1, 3]])
    wider = torch.full((2, 9, 6, 5), torch.nan)
    wider[0, :7, :4] = scores[0]
    wider[1] = torch.randn(9, 6, 5)
    filled = torch.tensor([[1, 1, 3, 99, -1], [1, 2, 3, 4, 1]])
    assert transducer_loss(wider, filled, [7, 9], [3, 5])[0] == transducer_loss(scores, targets)[0]


def test_long_rows_in_float32_are_as_exact_as_their_scores():
    torch.manual_seed(0)
    scores, targets = torch.randn(1, 600, 81, 10), torch.randint(1, 10, (1, 80))
    exact = scores.double().requires_grad_()
    scores.requires_grad_()
    losses = [transducer_loss(s, targets).sum() for s in (scores, exact)]
    torch.testing.assert_close(losses[0].double(), losses[1], rtol=1e-6, atol=0)
    ours, theirs = (torch.autograd.grad(loss, s)[0].double() for loss, s in zip(losses, (scores, exact), strict=True))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_class_that_cannot_come_leaves_the_rest_as_it_is():
    scores, targets = torch.randn(1, 5, 3, 4, dtype=torch.float64), torch.tensor([[1, 2]])
    closed = torch.cat([scores, torch.full((1, 5, 3, 1), -torch.inf)], 3).requires_grad_()
    loss = transducer_loss(closed, targets)
    torch.testing.assert_close(loss, transducer_loss(scores, targets))
    (gradient,) = torch.autograd.grad(loss.sum(), closed)
    assert gradient.isfinite().all()
    assert (gradient[..., 4] == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": torch.zeros(2, 4, 3)}, r"scores must be \(batch, time, labels \+ 1, classes\), got \(2, 4, 3\)"),
        ({"scores": torch.zeros(2, 4, 1, 3)}, "scores must hold 2 nodes a frame .labels . 1., got 1"),
        ({"lengths": [4, 0]}, "row 1 has 0 frames for 1 labels: 1 of 2 rows cannot be aligned"),
        ({"targets": torch.tensor([[1], [0]])}, "not the blank .0., got 0 in row 1 at place 0"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(change, message):
    arguments = {"scores": torch.zeros(2, 4, 2, 3), "targets": torch.tensor([[1], [2]])} | change
    with pytest.raises(ValueError, match=message):
        transducer_loss(**arguments)


def test_a_batch_of_nothing_costs_nothing():
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    assert transducer_loss(torch.zeros(2, 0, 1, 3), nothing).tolist() == [0, 0]
    assert transducer_loss(torch.zeros(0, 4, 1, 3), nothing[:0]).shape == (0,)
