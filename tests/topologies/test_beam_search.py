"""The likeliest sequences, compared with all of them."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.topologies import DecoderState, SearchLimits, beam_search, select_rows

law = settings(deadline=None, derandomize=True, max_examples=25)
UNITS, END, START = 4, 3, 0


def table(rows, seed, depth=6):
    """Log-probabilities of the next unit by row and by the sum and number of what was written: a network's stand-in."""
    torch.manual_seed(seed)
    return (2 * torch.randn(rows, depth, 3 * depth, UNITS, dtype=torch.float64)).log_softmax(-1)


def step(last, memory, carry):
    """Reads the table; carries how many units were written, and their weighted sum."""
    count, total = (torch.zeros_like(last), torch.zeros_like(last)) if carry is None else carry
    if carry is not None:
        count, total = count + 1, total + last
    return memory[0][torch.arange(len(last)), count, total], (count, total), None


def every_sequence(scores, limits):
    """Every sequence of one row with its log-probability, by the book."""
    found = {}
    others = [unit for unit in range(UNITS) if unit != END]
    for length in range(limits.max_length + 1):
        for ids in itertools.product(others, repeat=length):
            total = 0.0
            for place, unit in enumerate((*ids, END)):
                total += float(scores[place, sum(ids[:place]), unit])
            found[ids] = total
    return found


def greedy(scores, limits):
    ids = []
    while True:
        allowed = scores[len(ids), sum(ids)].clone()
        if len(ids) >= limits.max_length:
            return tuple(ids)
        if len(ids) < limits.min_length:
            allowed[END] = -torch.inf
        if (unit := int(allowed.argmax())) == END:
            return tuple(ids)
        ids.append(unit)


def found(scores, limits, **how):
    return beam_search(step, (scores,), torch.full((len(scores),), START), limits, **how)


@law
@given(seed=st.integers(0, 999), rows=st.integers(1, 3), penalty=st.sampled_from([0.0, 0.6, 1.0]))
def test_with_a_beam_for_every_sequence_it_finds_the_best_of_all(seed, rows, penalty):
    scores, limits = table(rows, seed), SearchLimits(END, max_length=3, length_penalty=penalty)
    best = found(scores, limits, beam_size=40, n_best=40)
    for row in range(rows):
        every = every_sequence(scores[row], limits)
        assert len(best[row]) == len(every) == 40
        judged = {ids: total / ((5 + len(ids) + 1) / 6) ** penalty for ids, total in every.items()}
        assert [one.ids for one in best[row]] == sorted(judged, key=lambda ids: -judged[ids])
        for one in best[row]:
            assert one.log_probability == pytest.approx(every[one.ids])
            assert one.score == pytest.approx(judged[one.ids])


@law
@given(seed=st.integers(0, 999), rows=st.integers(1, 5), least=st.integers(0, 2))
def test_a_beam_of_one_is_greedy(seed, rows, least):
    scores, limits = table(rows, seed), SearchLimits(END, max_length=4, min_length=least)
    best = found(scores, limits, beam_size=1)
    assert [one.ids for (one,) in best] == [greedy(row, limits) for row in scores]


@law
@given(seed=st.integers(0, 999), beam=st.integers(1, 4), penalty=st.sampled_from([0.0, 1.0]))
def test_rows_are_what_they_are_alone(seed, beam, penalty):
    scores, limits = table(4, seed), SearchLimits(END, max_length=5, length_penalty=penalty)
    together = found(scores, limits, beam_size=beam, n_best=beam)
    assert together == [found(scores[row, None], limits, beam_size=beam, n_best=beam)[0] for row in range(4)]


@law
@given(seed=st.integers(0, 999), beam=st.integers(2, 5))
def test_log_probabilities_are_those_of_the_sequences_and_the_best_come_first(seed, beam):
    scores, limits = table(2, seed), SearchLimits(END, max_length=4, length_penalty=0.6)
    for row, best in enumerate(found(scores, limits, beam_size=beam, n_best=beam)):
        every = every_sequence(scores[row], limits)
        assert [one.score for one in best] == sorted((one.score for one in best), reverse=True)
        assert len({one.ids for one in best}) == len(best) <= beam
        assert all(one.log_probability == pytest.approx(every[one.ids]) for one in best)


@law
@given(seed=st.integers(0, 999), rows=st.integers(1, 3), beam=st.integers(1, 5))
def test_attention_is_that_of_each_step_of_the_sequence(seed, rows, beam):
    scores, limits = table(rows, seed), SearchLimits(END, max_length=4, length_penalty=0.6)

    def looking(last, memory, carry):
        scores, carry, _ = step(last, memory, carry)
        return scores, carry, scores.exp()  # it tells the steps apart

    first = torch.full((rows,), START)
    best = beam_search(looking, (scores,), first, limits, beam_size=beam, n_best=beam)
    for row, each in enumerate(best):
        for one in each:
            steps = [scores[row, place, sum(one.ids[:place])] for place in range(len(one.ids) + 1)]
            torch.testing.assert_close(one.attention, torch.stack(steps).exp())


def test_without_attention_there_is_none():
    assert all(one.attention is None for each in found(table(2, 0), SearchLimits(END, max_length=3)) for one in each)


def test_no_sequence_is_shorter_than_asked_or_repeats_a_run():
    scores = table(3, 1)
    scores[..., 1] += 3
    limits = SearchLimits(END, max_length=5, min_length=3, no_repeat=2)
    for best in found(scores.log_softmax(-1), limits, beam_size=3, n_best=3):
        for one in best:
            runs = list(itertools.pairwise(one.ids))
            assert 3 <= len(one.ids) <= 5
            assert len(runs) == len(set(runs))


def test_a_row_that_may_write_nothing_else_ends_before_its_least_length():
    scores = torch.full((1, 6, 18, UNITS), -torch.inf, dtype=torch.float64)
    scores[..., END] = 0
    ((best,),) = found(scores, SearchLimits(END, max_length=4, min_length=2), beam_size=3)
    assert best.ids == ()


def test_what_is_never_to_be_written_is_not():
    scores = table(2, 3)
    scores[..., 2] = -torch.inf
    best = found(scores, SearchLimits(END, max_length=3), beam_size=15, n_best=15)
    assert [len(each) for each in best] == [15, 15]  # all sequences of two units
    assert all(2 not in one.ids for each in best for one in each)


def test_rows_that_are_done_are_not_stepped_on():
    scores = table(2, 0)
    scores[0, 0, 0] = torch.tensor([-9.0, -9.0, -9.0, 0.0]).double()
    scores[1, ..., END] = -9.0
    seen = []

    def counting(last, memory, carry):
        seen.append(len(last))
        return step(last, memory, carry)

    beam_search(counting, (scores,), torch.zeros(2, dtype=torch.int64), SearchLimits(END, max_length=3), beam_size=1)
    assert seen == [2, 1, 1, 1]


def test_without_rows_there_is_nothing_to_search():
    assert found(table(1, 0)[:0], SearchLimits(END, max_length=3)) == []


@pytest.mark.parametrize(
    ("limits", "how", "message"),
    [
        (SearchLimits(END, 3), {"beam_size": 2, "n_best": 3}, r"n_best must lie between 1 and beam_size \(2\), got 3"),
        (SearchLimits(END, 3), {"beam_size": 0}, r"beam_size \(0\)"),
        (SearchLimits(END, 3, min_length=4), {}, r"min_length must lie between 0 and max_length \(3\), got 4"),
    ],
)
def test_numbers_out_of_range_are_refused(limits, how, message):
    with pytest.raises(ValueError, match=message):
        found(table(1, 0), limits, **how)


def test_rows_are_selected_from_any_nesting():
    order = torch.tensor([1, 1, 0])
    first, second = torch.randn(2, 3), torch.randn(2)
    plain, (nothing, listed), carry = select_rows((first, [None, second], DecoderState((), first)), order)
    torch.testing.assert_close(plain, first[order])
    torch.testing.assert_close(listed, second[order])
    torch.testing.assert_close(carry.context, first[order])
    assert nothing is None


def test_what_has_no_rows_is_named():
    with pytest.raises(TypeError, match="this one holds a str"):
        select_rows(("rows",), torch.tensor([0]))
