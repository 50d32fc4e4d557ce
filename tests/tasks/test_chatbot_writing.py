"""How replies are drawn: what the settings forbid never happens, and likelihoods are those of the network's steps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.tasks.dialogue.model import ChatbotModel
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.dialogue.writing import allowed, candidates, log_likelihoods, until_end, written
from ostinato.tasks.seq2seq.batches import source_batch
from ostinato.tasks.seq2seq.texts import END, PAD, START, UNK

UNITS, TURN = 12, 4
CONTEXT = np.array([5, 6, TURN, 7], np.int32)


def network(seed=0, **changes):
    torch.manual_seed(seed)
    made = ChatbotModel.build(chosen(**changes), {"tokenizer": range(UNITS)})
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.7)
    return made.eval()


def chosen(**changes):
    small = {"hidden_size": 6, "embedding_size": 5, "tokenizer": "word", "max_length": 12}
    return ChatbotSettings(**small | changes)


def replies(settings_, seed=0, contexts=16):
    rows = list(written(network(), [CONTEXT] * contexts, settings_, torch.Generator().manual_seed(seed)))
    return [until_end(row) for row in torch.stack(rows, 1).numpy()]


FREE = {"no_repeat_ngram": 0, "temperature": 3.0, "top_p": 1.0}


def test_special_units_are_never_written():
    assert not {PAD, UNK, START, TURN} & {int(unit) for reply in replies(chosen(**FREE)) for unit in reply}


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10), st.integers(0, 5))
def test_replies_have_at_least_and_at_most_so_many_units(least, more):
    found = replies(chosen(min_length=least, max_length=least + more, **FREE))
    assert all(least <= len(reply) <= least + more for reply in found)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(0, 5))
def test_no_run_of_units_comes_twice(size, seed):
    for reply in replies(chosen(**FREE | {"no_repeat_ngram": size}), seed):
        runs = [tuple(reply[start : start + size]) for start in range(len(reply) - size + 1)]
        assert len(runs) == len(set(runs))


def test_a_reply_that_may_go_on_with_nothing_ends():
    found = replies(chosen(**FREE | {"no_repeat_ngram": 1, "min_length": 12}))
    assert all(sorted(reply) == [5, 6, 7, 8, 9, 10, 11] for reply in found)


def test_top_k_leaves_the_likeliest_units_alone():
    model, one = network(), chosen(**FREE | {"top_k": 1})
    greedy = replies(one)
    assert all(list(reply) == list(greedy[0]) for reply in greedy)
    ids, lengths = source_batch([CONTEXT])
    scores, *_ = model.step(torch.tensor([START]), model.encode(ids, lengths))
    assert greedy[0][0] == scores.masked_fill(torch.arange(UNITS) == END, -torch.inf).argmax()
    likeliest = set(scores.masked_fill(torch.arange(UNITS) == END, -torch.inf).topk(3).indices[0].tolist())
    assert {int(reply[0]) for reply in replies(chosen(**FREE | {"top_k": 3}), contexts=64)} == likeliest


def test_the_penalty_makes_what_was_written_less_likely():
    scores, so_far = torch.full((1, UNITS), 1 / UNITS).log(), torch.tensor([[7, 8]])
    after = allowed(scores, so_far, chosen(repetition_penalty=2.0))
    worse = torch.isin(torch.arange(UNITS), so_far)
    assert torch.equal(after[0, ~worse], scores[0, ~worse])
    assert torch.allclose(after[0, worse], 2 * scores[0, worse])


def test_one_seed_writes_alike_and_another_does_not():
    def drawn(seed):
        return [list(reply) for reply in candidates(network(), CONTEXT, model, torch.Generator().manual_seed(seed))]

    model = chosen(candidates=5, **FREE)
    assert drawn(1) == drawn(1) != drawn(2)
    assert len(drawn(1)) == 5


def test_a_search_gives_its_best_beginnings():
    model = network()
    found = candidates(model, CONTEXT, chosen(decoding="beam", candidates=3, length_penalty=0.0), torch.Generator())
    sums, _ = log_likelihoods(model, [(CONTEXT, reply) for reply in found])
    assert len(found) == 3
    assert sums[0] == sums.max()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(4, 11), max_size=6), st.lists(st.integers(5, 11), max_size=6)),
        min_size=1,
        max_size=5,
    )
)
def test_likelihoods_are_those_of_the_plain_steps(pairs):
    model, everything = network().double(), network().double()
    everything.members[0].forbidden[:] = False
    pairs = [(np.array(said, np.int32), np.array(reply, np.int32)) for said, reply in pairs]
    sums, counts = log_likelihoods(model, pairs)
    for (said, reply), total, count in zip(pairs, sums, counts, strict=True):
        with torch.no_grad():
            memory, carry, last, expected = model.encode(*source_batch([said])), None, START, 0.0
            for unit in [*reply.tolist(), END]:
                scores, carry, _ = everything.step(torch.tensor([last]), memory, carry)
                expected += float(scores[0, unit])
                last = unit
        assert float(total) == pytest.approx(expected, abs=1e-9)
        assert count == len(reply) + 1


def test_context_dropout_leaves_nothing_of_a_context_but_its_end_in_training_alone():
    (model,) = network(context_dropout=0.5, dropout=0.0).members
    ids, lengths = source_batch([CONTEXT] * 40)
    nothing = model.encode(*source_batch([CONTEXT[:0]])).keys[0, 0]
    whole = model.encode(ids, lengths).keys[0]
    model.train()
    torch.manual_seed(0)
    memory = model.encode(ids, lengths)
    lost = memory.mask.sum(1) == 1
    assert 5 < lost.sum() < 35
    assert torch.allclose(memory.keys[lost][:, 0], nothing)
    assert torch.allclose(memory.keys[~lost], whole)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"min_length": 5, "max_length": 4}, "min_length"),
        ({"context_dropout": 0.0}, "context_dropout"),
        ({"decoding": "beam", "temperature": 0.5}, "temperature: only with decoding='sampling'"),
        ({"beam_size": 3}, "beam_size: only with decoding='beam'"),
        ({"decoding": "beam", "candidates": 9}, "ask for fewer"),
        ({"shared_vocabulary": False}, "leave it at True"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(changes, what):
    with pytest.raises(ValueError, match=what.replace("(", r"\(")):
        ChatbotSettings(**changes)
