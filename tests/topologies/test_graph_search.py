"""The likeliest sequence of a graph, and how likely some are."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import GraphBatch, LabelArc, LabelGraph, graph_log_likelihood
from ostinato.topologies import GraphSearch

CLASSES = 4

# 1 or 2, then perhaps 1 or 3: like labels follow each other, a node has two ways in, and sequences end at two nodes.
FORKED = LabelGraph(
    4, (LabelArc(0, 1, 1), LabelArc(0, 2, 1), LabelArc(1, 1, 2), LabelArc(1, 3, 2), LabelArc(2, 3, 3)), (1, 3)
)
WAYS = [(0,), (1,), (0, 2, 4), (0, 3, 4), (1, 2, 4), (1, 3, 4)]
SEQUENCES = {arcs: tuple(FORKED.arcs[number].label for number in arcs) for arcs in WAYS}


def frames(count, seed=0):
    scores = torch.randn(count, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return scores.mul(2).log_softmax(-1).numpy()


def collapsed(alignment):
    return tuple(each for n, each in enumerate(alignment) if each and (n == 0 or alignment[n - 1] != each))


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 6), seed=st.integers(0, 500))
def test_the_best_arcs_are_those_of_the_likeliest_of_all_alignments(count, seed):
    log_probs = frames(count, seed)
    arcs_of = {labels: arcs for arcs, labels in SEQUENCES.items()}
    worth = {
        alignment: sum(log_probs[n, each] for n, each in enumerate(alignment))
        for alignment in product(range(CLASSES), repeat=count)
        if collapsed(alignment) in arcs_of
    }
    best = max(worth, key=worth.get)
    assert tuple(GraphSearch(FORKED).best(log_probs)) == arcs_of[collapsed(best)]


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 9), seed=st.integers(0, 500))
def test_its_likelihood_is_that_of_training(count, seed):
    log_probs = frames(count, seed)
    trained = graph_log_likelihood(torch.from_numpy(log_probs)[None], torch.tensor([count]), GraphBatch.of([FORKED]))
    told = GraphSearch(FORKED).log_likelihood(log_probs)
    assert told == pytest.approx(trained.item()) if count else told == -np.inf


def test_arcs_that_are_not_allowed_are_not_gone():
    allowed = np.array([True, False, True, False, True])
    without = LabelGraph(4, tuple(FORKED.arcs[number] for number in (0, 2, 4)), FORKED.ends)
    told = GraphSearch(FORKED).log_likelihood(frames(5), allowed=allowed)
    assert told == pytest.approx(GraphSearch(without).log_likelihood(frames(5)))


def test_sequences_may_be_asked_for_by_where_they_end():
    search, log_probs = GraphSearch(FORKED), frames(5)
    parts = [search.log_likelihood(log_probs, ends=(node,)) for node in FORKED.ends]
    assert np.logaddexp(*parts) == pytest.approx(search.log_likelihood(log_probs))


def test_too_few_frames_say_nothing():
    two = GraphSearch(LabelGraph(3, (LabelArc(0, 1, 1), LabelArc(1, 1, 2)), (2,)))
    assert two.best(frames(2)) == []
    assert two.log_likelihood(frames(2)) == -np.inf
    assert two.best(np.log([[0.2, 0.8], [0.8, 0.2], [0.2, 0.8]])) == [0, 1]
