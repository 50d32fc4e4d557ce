"""Choosing the next unit from the scores of all."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.topologies import no_repeat_ngram, repetition_penalty, sample, top_k_top_p_filter

law = settings(deadline=None, derandomize=True, max_examples=60)
EXACT = {"rtol": 0, "atol": 1e-12}


def scores(units, seed, rows=3):
    return 3 * torch.randn(rows, units, generator=torch.Generator().manual_seed(seed)).double()


sizes, seeds = st.integers(1, 8), st.integers(0, 99)


# Filtered


@law
@given(sizes, seeds, st.floats(0.1, 10))
def test_temperature_divides_the_scores(units, seed, temperature):
    logits = scores(units, seed)
    torch.testing.assert_close(
        top_k_top_p_filter(logits, temperature=temperature), (logits / temperature).log_softmax(-1)
    )


@law
@given(sizes, seeds, st.integers(1, 10))
def test_top_k_keeps_the_likeliest(units, seed, top_k):
    logits = scores(units, seed)
    kept = top_k_top_p_filter(logits, top_k=top_k).isfinite()
    for row, own in zip(logits.tolist(), kept, strict=True):
        wanted = sorted(range(units), key=lambda unit, row=row: -row[unit])[:top_k]
        assert sorted(own.nonzero()[:, 0].tolist()) == sorted(wanted)


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_top_k_keeps_so_many_also_of_equals(top_k):
    assert top_k_top_p_filter(torch.zeros(2, 4), top_k=top_k).isfinite().sum(-1).tolist() == [top_k] * 2


@law
@given(sizes, seeds, st.floats(0.01, 1))
def test_top_p_keeps_the_fewest_that_hold_the_share(units, seed, top_p):
    logits = scores(units, seed)
    kept = top_k_top_p_filter(logits, top_p=top_p).isfinite()
    for row, own in zip(logits.softmax(-1), kept, strict=True):
        order = row.argsort(descending=True).tolist()
        count = next((n for n in range(1, units + 1) if float(row[order[:n]].sum()) >= top_p), units)
        assert sorted(own.nonzero()[:, 0].tolist()) == sorted(order[:count])


def test_top_p_looks_at_what_top_k_has_left():
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
    assert top_k_top_p_filter(logits, top_k=2, top_p=0.55).isfinite().tolist() == [[True, False, False, False]]
    assert top_k_top_p_filter(logits, top_p=0.55).isfinite().tolist() == [[True, True, False, False]]


@law
@given(sizes, seeds, st.floats(0.1, 3), st.integers(1, 9) | st.none(), st.floats(0.01, 1))
def test_what_is_kept_sums_to_one_in_its_old_proportions(units, seed, temperature, top_k, top_p):
    logits = scores(units, seed)
    logs = top_k_top_p_filter(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    torch.testing.assert_close(logs.exp().sum(-1), torch.ones(3).double(), **EXACT)
    plain, kept = (logits / temperature).log_softmax(-1), logs.isfinite()
    shift = torch.where(kept, logs - plain, torch.nan)
    assert torch.allclose(shift.nan_to_num(0), torch.where(kept, shift.nanmean(-1, keepdim=True), 0), atol=1e-9)
    assert kept.gather(1, logits.argmax(-1, keepdim=True)).all()


def test_units_that_are_forbidden_stay_so():
    logits = torch.tensor([[1.0, -torch.inf, 2.0, 0.0]])
    for chosen in ({}, {"top_k": 3}, {"top_k": 4}, {"top_p": 0.99}, {"temperature": 0.5}):
        logs = top_k_top_p_filter(logits, **chosen)
        assert logs[0, 1] == -torch.inf
        assert not logs.isnan().any()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"temperature": 0}, "temperature must be above 0, got 0"),
        ({"temperature": float("nan")}, "temperature must be above 0"),
        ({"temperature": 1e-300}, "temperature must be between 1e-06 and"),
        ({"temperature": float("inf")}, "temperature must be between 1e-06 and"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 0}, "top_p must be above 0 and at most 1"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1"),
    ],
)
def test_settings_out_of_range_are_refused(chosen, message):
    with pytest.raises(ValueError, match=message):
        top_k_top_p_filter(torch.zeros(1, 3), **chosen)


# Repetition


def test_the_scores_of_what_is_written_get_worse():
    logits = torch.tensor([[2.0, -2.0, 1.0, 0.0]])
    written = torch.tensor([[0, 1, 0]])
    assert repetition_penalty(logits, written, 2.0).tolist() == [[1.0, -4.0, 1.0, 0.0]]
    assert torch.equal(repetition_penalty(logits, written, 1.0), logits)
    assert torch.equal(repetition_penalty(logits, written[:, :0], 2.0), logits)


@law
@given(sizes, seeds, st.integers(0, 6))
def test_a_penalty_never_makes_a_score_better_and_counts_once(units, seed, steps):
    logits = scores(units, seed)
    written = torch.randint(0, units, (3, steps), generator=torch.Generator().manual_seed(seed))
    once = repetition_penalty(logits, written, 1.5)
    assert (once <= logits).all()
    assert torch.equal(repetition_penalty(logits, torch.cat([written, written], 1), 1.5), once)


def runs(units, size):
    return [tuple(units[start : start + size]) for start in range(len(units) - size + 1)]


@law
@given(st.integers(1, 3), st.integers(0, 8), st.integers(0, 4), seeds)
def test_no_run_comes_twice_and_nothing_else_is_forbidden(units, steps, size, seed):
    written = torch.randint(0, units, (3, steps), generator=torch.Generator().manual_seed(seed))
    left = no_repeat_ngram(torch.zeros(3, units), written, size).isfinite()
    for row, own in zip(written.tolist(), left.tolist(), strict=True):
        for unit in range(units):
            new = tuple([*row, unit][-size:]) if size and steps + 1 >= size else None
            assert own[unit] == (new is None or new not in runs(row, size))


def test_the_scores_that_are_left_are_as_they_were():
    logits = scores(4, 0, 1)
    kept = no_repeat_ngram(logits, torch.tensor([[0, 1, 0]]), 2)
    assert kept.isfinite().tolist() == [[True, False, True, True]]
    assert torch.equal(kept[kept.isfinite()], logits[kept.isfinite()])


# Drawn


def test_units_are_drawn_as_often_as_their_probability_says():
    shares = torch.tensor([0.5, 0.3, 0.2, 0.0])
    units = sample(shares.log().expand(20_000, -1), torch.Generator().manual_seed(0))
    assert units.shape == (20_000,)
    torch.testing.assert_close(units.bincount(minlength=4) / 20_000, shares, rtol=0, atol=0.015)


def test_one_seed_draws_the_same():
    logs = scores(6, 0).log_softmax(-1)
    first, again = (sample(logs, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
def test_the_outermost_temperatures_still_draw(temperature):
    logits = torch.tensor([[300.0, -300.0, -torch.inf]])
    assert sample(top_k_top_p_filter(logits, temperature=temperature)).item() in (0, 1)
