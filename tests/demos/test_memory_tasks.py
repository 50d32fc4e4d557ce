"""Memory tasks: every row is what its definition says, no batch comes twice, and the baseline is what it claims."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.demos.memory.tasks import COPIED, MEMORY_TASKS, NOISE, SYMBOLS, MemoryBatches
from ostinato.errors import OstinatoError

ROWS, LAGS, SEEDS = st.integers(1, 9), st.integers(2, 40), st.integers(0, 2**32)


def answers(name, row, lag):
    """The definition of a task, for one row."""
    if name == "adding":
        assert set(row[:, 1].tolist()) <= {0.0, 1.0}
        marked = row[:, 1].nonzero()[:, 0].tolist()
        first, second = marked
        assert first < lag // 2 <= second < lag == len(row)
        return [float(row[first, 0] + row[second, 0])]
    if name == "parity":
        assert len(row) == lag
        return [sum(row[:, 0].tolist()) % 2]
    assert (row.sum(1) == 1).all()
    symbols = row.argmax(1).tolist()
    if name == "copy":
        shown, between, after = symbols[:COPIED], symbols[COPIED:-COPIED], symbols[-COPIED:]
        assert between == [SYMBOLS] * lag
        assert after == [SYMBOLS + 1] * COPIED
        return shown
    assert len(symbols) == lag + 1
    assert all(SYMBOLS <= noise < SYMBOLS + NOISE for noise in symbols[1:])
    return symbols[:1]


@pytest.mark.parametrize("name", MEMORY_TASKS)
@given(rows=ROWS, lag=LAGS, seed=SEEDS)
def test_every_row_is_what_the_definition_says(name, rows, lag, seed):
    task = MEMORY_TASKS[name]
    x, target = task.batch(rows, lag, seed=seed)
    assert x.dtype == torch.float32
    assert target.dtype == (torch.float32 if task.classes is None else torch.int64)
    assert (len(x), x.shape[2], len(target)) == (rows, task.input_size, rows)
    for row, asked in zip(x, target, strict=True):
        assert asked.tolist() == pytest.approx(answers(name, row, lag))


@pytest.mark.parametrize("name", MEMORY_TASKS)
def test_a_batch_depends_on_nothing_but_its_seed_and_step(name):
    task = MEMORY_TASKS[name]
    batches = MemoryBatches(task, 12, batch_size=16, length=3, seed=5)
    seen = [batch.x for number in range(2) for batch in batches.epoch(number)]
    resumed = next(batches.epoch(1, start=2))
    assert torch.equal(resumed.x, seen[-1])
    assert not batches.continues(1)
    seen += [batch.x for batch in islice(MemoryBatches(task, 12, batch_size=16, length=3, seed=6).epoch(0), 3)]
    assert len({x.numpy().tobytes() for x in seen}) == 9


@pytest.mark.parametrize("name", MEMORY_TASKS)
@pytest.mark.parametrize("lag", [2, 9])
def test_without_looking_no_answer_does_better_than_the_baseline(name, lag):
    task = MEMORY_TASKS[name]
    target = task.batch(20_000, lag, seed=0).target
    if task.classes is None:
        assert target.mean().item() == pytest.approx(1, abs=0.02)
        assert target.var().item() == pytest.approx(1 / 6, abs=0.01)
        assert task.baseline == 0  # of a score that is 0 for the mean
    else:
        shares = np.bincount(target.flatten().numpy(), minlength=task.classes) / target.numel()
        assert shares == pytest.approx(np.full(task.classes, task.baseline), abs=0.015)


def test_too_short_a_lag_and_no_rows_are_refused():
    with pytest.raises(OstinatoError, match="adding: the lag must be at least 2, got 1"):
        MEMORY_TASKS["adding"].batch(1, 1, seed=0)
    with pytest.raises(OstinatoError, match="recall: a batch needs at least 1 row, got 0"):
        MEMORY_TASKS["recall"].batch(0, 5, seed=0)
