"""Who remembers how long: a short lag is learned, a long one is not where the gradient vanishes, and this is shown."""

import dataclasses
import math

import pandas as pd
import pytest
import torch
from rich.console import Console

from ostinato.demos.memory.demo import BUDGET, LAGS
from ostinato.demos.memory.plot import plot_trials
from ostinato.demos.memory.starts import STARTS
from ostinato.demos.memory.table import table, verdict, write_csv
from ostinato.demos.memory.tasks import MEMORY_TASKS, MemoryBatch
from ostinato.demos.memory.trial import SOLVED, Budget, Trial, score_of, try_cell
from ostinato.engine import detach
from ostinato.errors import OstinatoError
from ostinato.tasks.plot import save_plot

SMALL = Budget(steps=200, rows=128)


@pytest.fixture(scope="module")
def trials():
    """Elman at a long lag, and an open LSTM at a short and the same long one."""
    recall = MEMORY_TASKS["recall"]
    return [try_cell(cell, recall, lag, SMALL) for cell in ("elman", "lstm, open") for lag in (5, 60)]


def trial(cell="gru", lag=10, **changes):
    fields = {"task": "recall", "score": 0.2, "solved": False, "baseline": 0.125, "rate_before": -0.5}
    more = {"rate_after": -0.1, "norms": torch.logspace(0, -3, lag).double(), "seconds": 1.0, "steps": 50}
    return Trial(cell=cell, lag=lag, **(fields | more | changes))


def drawn(shown):
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def test_a_cell_with_open_gates_learns_and_stops_before_its_budget_is_used_up(trials):
    for own in trials[2:]:
        assert own.solved
        assert own.score >= SOLVED > own.baseline == 1 / 8
        assert own.steps < SMALL.steps


def test_an_elman_network_learns_nothing_over_a_long_lag_and_its_gradient_vanishes(trials):
    long = trials[1]
    assert not long.solved
    assert long.score < 0.3
    assert long.rate_before < -0.3
    assert long.steps == SMALL.steps


def test_open_gates_lose_one_part_of_the_lag_a_step(trials):
    assert trials[3].rate_before == pytest.approx(-1 / 60, rel=0.3)


def test_the_gradient_is_measured_at_every_lag_of_the_row(trials):
    assert [len(own.norms) for own in trials] == [6, 61, 6, 61]
    assert all(own.norms.isfinite().all() for own in trials)


def test_a_seed_gives_the_same_trial_and_leaves_threads_as_they_were(trials):
    before = torch.get_num_threads()
    again = try_cell("lstm, open", MEMORY_TASKS["recall"], 5, SMALL)
    assert (again.score, again.rate_after, again.steps) == (trials[2].score, trials[2].rate_after, trials[2].steps)
    assert torch.get_num_threads() == before
    assert torch.tensor(1e-30).mul(1e-10) > 0  # subnormal numbers are back


@pytest.mark.parametrize("task", ["copy", "adding", "parity"])
def test_the_other_tasks_can_be_tried_too(task):
    own = try_cell("gru, open", MEMORY_TASKS[task], 3, dataclasses.replace(SMALL, steps=50))
    assert math.isfinite(own.score)
    assert own.rate_before < 0


def test_the_score_of_numbers_is_the_share_of_the_variance_that_is_explained():
    target = torch.rand(50, 1)
    batch = MemoryBatch(torch.zeros(50, 1, 1), target)
    assert score_of(lambda x, answers: target[..., None], batch) == 1
    assert score_of(lambda x, answers: target.mean().expand(50, 1, 1), batch) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("cell", STARTS)
def test_every_start_makes_its_cell(cell):
    made = STARTS[cell].factory(20)(3, 4)
    y, state = made(torch.randn(2, 3), made.initial_state(2))
    assert y.shape == (2, 4)
    assert len(detach(state)) == len(made.initial_state(2))


@pytest.mark.parametrize("cell", ["lstm, open", "gru, open"])
def test_open_gates_keep_all_but_one_part_of_the_lag(cell):
    made = STARTS[cell].factory(20)(3, 4)
    bias = made.bias_ih + made.bias_hh
    assert torch.sigmoid(bias[4:8]).tolist() == pytest.approx([20 / 21] * 4)
    if cell == "lstm, open":
        assert torch.sigmoid(bias[:4]).tolist() == pytest.approx([1 / 21] * 4)


def test_the_demonstration_tries_tasks_that_there_are_within_its_budget():
    assert set(LAGS) == set(MEMORY_TASKS)
    assert BUDGET.training(0).epochs * BUDGET.check_every == BUDGET.steps


def test_the_table_has_the_score_and_the_rates_of_every_cell_and_lag_and_marks_what_is_solved(trials):
    shown = drawn(table(trials)).splitlines()
    assert shown[0].split() == ["cell", "T", "=", "5", "T", "=", "60"]
    assert shown[4].split()[:4] == ["lstm,", "open", f"{trials[2].score:.2f}", "✓"]
    assert f"{100 * math.expm1(trials[3].rate_before):+.1f} →" in shown[5]
    assert "none → +0.0" in drawn(table([trial(rate_before=math.nan, rate_after=0.0)]))


def test_the_csv_holds_a_row_a_trial(trials, tmp_path):
    write_csv(trials, tmp_path / "memory.csv")
    read = pd.read_csv(tmp_path / "memory.csv")
    assert read["cell"].tolist() == ["elman", "elman", "lstm, open", "lstm, open"]
    assert read["score"].tolist() == pytest.approx([own.score for own in trials], rel=1e-5)
    with pytest.raises(OstinatoError, match="cannot be written"):
        write_csv(trials, tmp_path / "nowhere" / "memory.csv")


def test_the_plot_has_scores_above_gradients_for_each_task_and_every_cell_in_the_legend(trials, tmp_path):
    figure = plot_trials([*trials, trial(task="adding"), trial("lru", task="adding", norms=torch.zeros(10))])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["recall", "adding", "", ""]
    assert [text.get_text() for text in figure.legends[0].get_texts()][:4] == ["elman", "lstm, open", "gru", "lru"]
    assert figure.axes[2].get_yscale() == "log"
    assert all(axes.get_xlabel() for axes in figure.axes)
    save_plot(figure, tmp_path / "memory.png")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


def test_the_verdict_is_made_of_the_results():
    said = verdict(
        [
            trial("elman", 10, solved=True, rate_before=math.log(0.5)),
            trial("elman", 30, rate_before=math.log(0.5)),
            trial("lru", 10, solved=True, rate_before=0.0),
            trial("lru", 30, solved=True, rate_before=math.log(0.99)),
            trial("lru", 10, task="parity", rate_before=0.0),
            trial("elman", 10, task="parity", rate_before=math.nan),
        ]
    )
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "elman -50.0 % recall 10" in lines
    assert "lru -1.0 % recall 30" in lines
    assert any(line.startswith("Of 3 networks whose gradient fell below 1%") and "1 (33%) " in line for line in lines)
    assert "Of 3 with more of it left, 2 (67%) did." in lines
    assert lines[-1].endswith("see lru on parity.")


def test_a_lag_counts_only_when_all_shorter_ones_are_learned_too():
    assert " nothing\n" in verdict([trial("gru", 10), trial("gru", 30, solved=True)])
