"""Connectionist temporal classification over a graph of sequences."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import GraphBatch, LabelArc, LabelGraph, ctc_loss, graph_log_likelihood
from ostinato.nn.graph_ctc import NEVER

CLASSES = 4


def chain(*labels):
    """The graph of one sequence."""
    return LabelGraph(
        len(labels) + 1, tuple(LabelArc(n, label, n + 1) for n, label in enumerate(labels)), (len(labels),)
    )


# 1 or 2, then perhaps 1 or 3: like labels follow each other, a node has two ways in, and sequences end at two nodes.
FORKED = LabelGraph(
    4, (LabelArc(0, 1, 1), LabelArc(0, 2, 1), LabelArc(1, 1, 2), LabelArc(1, 3, 2), LabelArc(2, 3, 3)), (1, 2, 3)
)


def sequences(graph, node=0):
    """Every sequence, as its arcs."""
    if node in graph.ends:
        yield ()
    for number, arc in enumerate(graph.arcs):
        if arc.source == node:
            yield from ((number, *rest) for rest in sequences(graph, arc.target))


def labels_of(graph, arcs):
    return tuple(graph.arcs[number].label for number in arcs)


def frames(count, seed=0, rows=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, count, CLASSES, generator=generator, dtype=torch.float64).mul(2).log_softmax(-1)


def likelihood(log_probs, graph):
    return graph_log_likelihood(log_probs, torch.tensor([log_probs.shape[1]]), GraphBatch.of([graph]))


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.integers(1, 3), min_size=1, max_size=5), count=st.integers(0, 12), seed=st.integers(0, 99))
def test_of_one_sequence_it_is_the_loss_of_that_sequence(labels, count, seed):
    graph = chain(*labels)
    if count < graph.fewest_frames():
        assert likelihood(frames(count, seed), graph).item() <= NEVER / 2
        return
    ours, theirs = (frames(count, seed).requires_grad_() for _ in range(2))
    told = likelihood(ours, graph)
    loss = ctc_loss(theirs, torch.tensor([labels]))
    assert torch.allclose(told, -loss)
    told.backward()
    loss.backward()
    # Theirs is the derivative by scores before a softmax.
    through = ours.grad - theirs.detach().exp() * ours.grad.sum(-1, keepdim=True)
    assert torch.allclose(-through, theirs.grad)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_of_several_sequences_it_is_the_sum_of_their_probabilities(count):
    told = likelihood(frames(count), FORKED)
    each = [likelihood(frames(count), chain(*labels_of(FORKED, arcs))) for arcs in sequences(FORKED)]
    assert len(each) == 2 + 4 + 4
    assert torch.allclose(told, torch.stack(each).logsumexp(0))


def test_all_sequences_of_all_classes_have_probability_1():
    count = 3
    every = [tuple(arcs) for size in range(count + 1) for arcs in product((1, 2, 3), repeat=size)]
    told = [likelihood(frames(count), chain(*arcs)) if arcs else frames(count)[..., 0].sum(1) for arcs in every]
    assert torch.allclose(torch.stack(told).logsumexp(0).exp(), torch.ones(1, dtype=torch.float64))


def test_rows_side_by_side_are_as_alone():
    graphs, lengths = [FORKED, chain(2, 2, 3), chain(1)], [4, 6, 1]
    log_probs = frames(6, rows=3)
    told = graph_log_likelihood(log_probs, torch.tensor(lengths), GraphBatch.of(graphs))
    for row, (graph, length) in enumerate(zip(graphs, lengths, strict=True)):
        assert torch.allclose(told[row], likelihood(log_probs[row : row + 1, :length], graph)[0])


def test_the_fewest_frames_are_those_of_the_shortest_sequence():
    assert chain(1, 1, 2).fewest_frames() == 4
    assert FORKED.fewest_frames() == 1
    assert LabelGraph(2, (LabelArc(0, 1, 1),), ()).fewest_frames() is None
