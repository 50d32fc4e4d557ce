"""The CTC loss against the sum over all alignments, each written out."""

from itertools import groupby, product

import pytest
import torch
from alignment_scenario import padded
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import ctc_loss, fewest_frames

law = settings(deadline=None, derandomize=True, max_examples=25)


def collapse(alignment, blank):
    return [label for label, _ in groupby(alignment) if label != blank]


def plain(scores, labels, blank):
    """The definition, of one row ``(time, classes)``: every alignment that collapses to the labels."""
    log_probs = scores.log_softmax(-1)
    ways = [
        sum((log_probs[t, label] for t, label in enumerate(way)), log_probs[:0].sum())
        for way in product(range(scores.shape[1]), repeat=len(scores))
        if collapse(way, blank) == labels
    ]
    return -torch.stack(ways).logsumexp(0)


@st.composite
def batches(draw):
    """Rows of frames and labels that can be aligned, and the blank."""
    blank = draw(st.integers(0, 2))
    others = [label for label in range(3) if label != blank]
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        labels = draw(st.lists(st.sampled_from(others), max_size=3))
        needed = int(fewest_frames(torch.tensor([labels], dtype=torch.int64), torch.tensor([len(labels)])))
        rows.append((draw(st.integers(needed, 5)), labels))
    return blank, rows, draw(st.integers(0, 99))


@law
@given(batches())
def test_the_loss_and_its_gradient_are_those_of_the_sum_over_all_alignments(drawn):
    blank, rows, seed = drawn
    scores, targets, lengths, target_lengths = padded(rows, seed)
    weights = torch.rand(len(rows), dtype=torch.float64)

    ours = ctc_loss(scores, targets, lengths, target_lengths, blank=blank)
    theirs = torch.stack([plain(scores[i, :frames], labels, blank) for i, (frames, labels) in enumerate(rows)])

    torch.testing.assert_close(ours, theirs)
    (mine,) = torch.autograd.grad((ours * weights).sum(), scores)
    (expected,) = torch.autograd.grad((theirs * weights).sum(), scores)
    torch.testing.assert_close(mine, expected)


def test_log_probabilities_have_the_loss_of_the_scores_they_come_from():
    scores, targets = torch.randn(2, 6, 5), torch.tensor([[1, 1], [4, 2]])
    torch.testing.assert_close(ctc_loss(scores.log_softmax(-1), targets), ctc_loss(scores, targets))


@pytest.mark.parametrize(("labels", "needed"), [([1, 2], 2), ([1, 1], 3), ([2, 2, 2, 1], 6), ([1], 1)])
def test_too_few_frames_for_the_labels_are_refused_with_both_numbers(labels, needed):
    targets = torch.tensor([[1] + [0] * (len(labels) - 1), labels])
    scores = torch.randn(2, needed, 3)
    assert ctc_loss(scores, targets, target_lengths=[1, len(labels)]).isfinite().all()
    with pytest.raises(ValueError, match=f"row 1 has {needed - 1} frames for {len(labels)} labels.* need {needed} "):
        ctc_loss(scores, targets, [needed, needed - 1], [1, len(labels)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": torch.zeros(2, 4)}, r"scores must be \(batch, time, classes\), got \(2, 4\)"),
        ({"blank": 3}, "blank must be one of the 3 classes, got 3"),
        ({"targets": torch.tensor([[1], [0]])}, "not the blank .0., got 0 in row 1 at place 0"),
        ({"targets": torch.tensor([[3], [1]])}, "between 0 and 2 .*, got 3 in row 0 at place 0"),
        ({"targets": torch.tensor([[-1], [1]])}, "got -1 in row 0"),
        ({"targets": torch.tensor([[1.0], [1.0]])}, "targets must be .2, labels. integers, got torch.float32"),
        ({"targets": torch.tensor([[1]])}, r"targets must be \(2, labels\) integers, got torch.int64 \(1, 1\)"),
        ({"lengths": [5, 4]}, "lengths must lie between 0 and 4, got 4..5"),
        ({"target_lengths": [2, 1]}, "lengths must lie between 0 and 1, got 1..2"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(change, message):
    arguments = {"scores": torch.zeros(2, 4, 3), "targets": torch.tensor([[1], [2]])} | change
    with pytest.raises(ValueError, match=message):
        ctc_loss(**arguments)


def test_a_batch_of_nothing_costs_nothing():
    nothing = torch.zeros(2, 0, dtype=torch.int64)
    assert ctc_loss(torch.zeros(2, 0, 3), nothing).tolist() == [0, 0]
    assert ctc_loss(torch.zeros(0, 4, 3), nothing[:0]).shape == (0,)
