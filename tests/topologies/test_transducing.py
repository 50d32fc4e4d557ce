"""The recurrent transducer: its loss, and what it writes, against plain loops and its own loss."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import GRU, LSTM
from ostinato.nn import Recurrent
from ostinato.topologies import (
    HotWords,
    LengthBonus,
    Transducer,
    TransducerSearch,
    join_rows,
    select_rows,
    transducer_align,
)

law = settings(deadline=None, derandomize=True, max_examples=15)


def network(seed=0, classes=3, cell=GRU, blank=0, **changes):
    torch.manual_seed(seed)
    prediction = Recurrent(cell, 3, 4, backend="reference", **changes)
    net = Transducer(5, prediction, classes, joint_size=6, blank=blank).double().eval()
    with torch.no_grad():
        net.output.weight.mul_(6)  # surer of itself, so that texts are of all lengths
    return net


def plain_greedy(net, encoded, max_symbols):
    """One row, a whole prefix read anew at each node."""
    text, frames = [], []
    for time in range(len(encoded)):
        for _ in range(max_symbols):
            scores = net(encoded[None, time : time + 1], torch.tensor([text], dtype=torch.int64))[0, 0, -1]
            if int(scores.argmax()) == net.blank:
                break
            text.append(int(scores.argmax()))
            frames.append(time)
    return list(zip(text, frames, strict=True))


def test_scores_of_a_row_are_those_it_has_alone_and_padding_reaches_no_gradient():
    net = network(cell=LSTM, num_layers=2)
    encoded, targets = torch.randn(2, 6, 5).double(), torch.tensor([[1, 2, 1], [2, 0, 0]])
    padded, filled = encoded.clone(), targets.clone()
    padded[1, 4:], filled[1, 1:] = torch.nan, 99
    losses = net.loss(padded, filled, [6, 4], [3, 1])
    alone = torch.cat([net.loss(encoded[:1], targets[:1]), net.loss(encoded[1:, :4], targets[1:, :1])])
    torch.testing.assert_close(losses, alone)
    ours, theirs = (torch.autograd.grad(each.sum(), list(net.parameters())) for each in (losses, alone))
    torch.testing.assert_close(ours, theirs)


@law
@given(st.integers(0, 99), st.lists(st.integers(0, 6), min_size=1, max_size=3), st.integers(1, 3), st.integers(0, 2))
def test_greedy_search_is_the_plain_loop_for_every_row(seed, lengths, max_symbols, blank):
    net = network(seed, blank=blank)
    encoded = 2 * torch.randn(len(lengths), 6, 5).double()
    for row, length in enumerate(lengths):
        encoded[row, length:] = torch.nan
    written, _ = net.greedy(encoded, lengths, max_symbols=max_symbols)
    expected = [plain_greedy(net, row[:end], max_symbols) for row, end in zip(encoded, lengths, strict=True)]
    assert [[tuple(each) for each in row] for row in written] == expected


@law
@given(st.integers(0, 99), st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_a_stream_writes_what_all_frames_at_once_would(seed, chunks):
    net = network(seed)
    encoded = 2 * torch.randn(1, sum(chunks), 5).double()
    whole, last = net.greedy(encoded)
    search, written, known, at = TransducerSearch(net, beam_size=3), [], None, 0
    stream = search.stream()
    for chunk in chunks:
        (new,), known = net.greedy(encoded[:, at : at + chunk], known=known)
        stream.feed(encoded[0, at : at + chunk])
        written += [(each.label, at + each.frame) for each in new]
        at += chunk
    assert written == whole[0]
    assert torch.equal(known.predicted, last.predicted)
    assert stream.finish(3) == search(encoded[0], 3)


@law
@given(st.integers(0, 99), st.integers(0, 3), st.integers(0, 2))
def test_with_room_for_all_the_search_finds_each_texts_probability(seed, length, blank):
    net, limit = network(seed, blank=blank), 3
    encoded = torch.randn(length, 5).double()
    found = TransducerSearch(net, beam_size=400, max_symbols=limit)(encoded, n_best=400)
    assert found
    for each in (each for each in found if len(each.ids) <= limit):  # no frame can write more than the text has
        loss = net.loss(encoded[None], torch.tensor([each.ids], dtype=torch.int64))
        assert each.log_probability == pytest.approx(-loss.item())
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_scorers_are_added():
    net, encoded = network(3), torch.randn(4, 5).double()
    plain = TransducerSearch(net, beam_size=60, max_symbols=2)(encoded, 60)
    scored = TransducerSearch(net, beam_size=60, max_symbols=2, scorers=[(LengthBonus(3), 0.5)])(encoded, 60)
    of_text = {each.ids: each.log_probability for each in plain}
    met = [each for each in scored if each.ids in of_text and len(each.ids) <= 2]
    assert len(met) > 3
    for each in met:
        assert each.score == pytest.approx(each.log_probability + 0.5 * len(each.ids))
    hot = TransducerSearch(net, scorers=[(HotWords([[2, 2, 1]], 3), 5.0)])(encoded)[0]
    assert hot.ids.count(2) >= 2


def test_it_learns_to_write_what_it_reads():
    torch.manual_seed(0)
    net = Transducer(4, Recurrent(GRU, 4, 12), num_classes=4)
    optimizer = torch.optim.Adam(net.parameters(), 0.03)
    random = np.random.default_rng(0)

    def batch(rows):
        texts = [(1 + random.permutation(3)[: random.integers(1, 4)]).tolist() for _ in range(rows)]
        # Each label one frame, and a frame of nothing behind it.
        frames = [torch.eye(4)[[place for label in text for place in (label, 0)]] for text in texts]
        encoded = torch.nn.utils.rnn.pad_sequence(frames, batch_first=True)
        targets = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
        return texts, encoded, targets, [len(each) for each in frames], [len(text) for text in texts]

    for _ in range(120):
        _, *given = batch(16)
        optimizer.zero_grad()
        net.loss(*given).mean().backward()
        optimizer.step()
    texts, encoded, _, lengths, _ = batch(40)
    written, _ = net.eval().greedy(encoded, lengths)
    right = sum([each.label for each in row] == text for row, text in zip(written, texts, strict=True))
    assert right >= 38


def test_rows_that_were_selected_are_joined_again():
    value = (torch.arange(6).view(3, 2), None, [torch.ones(3)])
    joined = join_rows([select_rows(value, torch.tensor([row])) for row in range(3)])
    assert torch.equal(joined[0], value[0])
    assert joined[1] is None
    with pytest.raises(TypeError, match="holds a str"):
        join_rows(["a", "b"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Transducer(0, Recurrent(GRU, 3, 4), 3), "encoder_size must be at least 1, got 0"),
        (lambda: Transducer(5, Recurrent(GRU, 3, 4), 3, blank=3), "blank must be one of the 3 classes, got 3"),
        (lambda: Transducer(5, Recurrent(GRU, 3, 4, bidirectional=True), 3), "must not be bidirectional"),
        (lambda: network().greedy(torch.zeros(1, 2, 5).double(), max_symbols=0), "max_symbols must be at least 1"),
        (lambda: network().greedy(torch.zeros(1, 2, 5).double(), [3]), "lengths must lie between 0 and 2"),
        (lambda: TransducerSearch(network(), beam_size=0), "beam_size must be at least 1, got 0"),
        (lambda: TransducerSearch(network())(torch.zeros(2, 4)), r"encoded must be \(time, 5\), got \(2, 4\)"),
        (lambda: network().loss(torch.zeros(1, 2, 5).double(), torch.tensor([[0]])), "not the blank"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@law
@given(st.integers(1, 4), st.lists(st.integers(1, 2), max_size=4), st.integers(0, 5))
def test_the_alignment_is_the_best_of_all(time, labels, seed):
    net = network(seed)
    torch.manual_seed(seed)
    encoded = torch.randn(time, 5).double()
    with torch.no_grad():
        told = net(encoded[None], torch.tensor([labels], dtype=torch.int64))[0].log_softmax(-1).numpy()

    def nats(frames):
        """Of one way through the lattice: the frame that writes each label."""
        wrote = sum(told[frame, at, label] for at, (frame, label) in enumerate(zip(frames, labels, strict=True)))
        return wrote + sum(told[frame, sum(each <= frame for each in frames), 0] for frame in range(time))

    ways = list(combinations_with_replacement(range(time), len(labels)))
    found = transducer_align(net, encoded, labels)
    assert [each.label for each in found] == labels
    assert nats([each.start for each in found]) == pytest.approx(max(map(nats, ways)))
    for at, each in enumerate(found):
        assert each.end == each.start + 1
        assert each.confidence == pytest.approx(np.exp(told[each.start, at, each.label]))


@pytest.mark.parametrize(
    ("frames", "labels", "told"),
    [
        (torch.zeros(0, 5), [1], "no frames for 1 labels"),
        (torch.zeros(3, 4), [1], r"must be \(time, 5\)"),
        (torch.zeros(3, 5), [0], "not be 0"),
        (torch.zeros(3, 5), [7], "between 0 and 2"),
    ],
)
def test_what_cannot_be_aligned_is_refused(frames, labels, told):
    with pytest.raises(ValueError, match=told):
        transducer_align(network(), frames.double(), labels)
