"""Measuring: everyone has its turn, units hold, and what computes something else has no speed.

No test looks at a clock.
"""

from math import inf, nan
from typing import NamedTuple

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ostinato.cells import CELLS, GRU, LSTM, SLSTM, Cell, Elman, IndRNN
from ostinato.engine import measure
from ostinato.engine.capture import ROWS
from ostinato.engine.measure import (
    LIMIT,
    Comparison,
    WrongResultError,
    check,
    compare,
    floor,
    interleaved,
    peak_bytes,
    products,
    swing,
    tolerance,
)
from ostinato.engine.workload import Contender, Workload


class ScriptedTimer:
    """A clock that says what the script of a call says: seconds of each turn, one after the other."""

    def __init__(self, script):
        self.script = iter(script)

    def timeit(self, calls):
        return calls * next(self.script)


def test_after_the_warm_up_everyone_is_called_in_turn():
    called = []
    interleaved({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, repeats=3, shortest=0)

    assert called[-6:] == ["a", "b"] * 3
    assert called[:-6] == ["a", "a", "b", "b"]


def test_a_short_call_is_repeated_until_a_turn_lasts(monkeypatch):
    calls = []

    class Timer(ScriptedTimer):
        def timeit(self, number):
            calls.append(number)
            return super().timeit(number)

    monkeypatch.setattr(measure, "Timer", Timer)
    interleaved({"a": [1e-3] * 100}, repeats=2, shortest=5e-3)

    assert calls == [1, 1, 2, 4, 8, 8, 8]


def test_the_result_is_the_median_turn_in_seconds_of_one_call(monkeypatch):
    monkeypatch.setattr(measure, "Timer", ScriptedTimer)
    warm = [9.0, 9.0]

    assert interleaved({"a": [*warm, 3.0, 1.0, 7.0], "b": [*warm, 2.0, 2.0, 5.0]}, repeats=3) == {"a": 3.0, "b": 2.0}


def test_the_swing_is_that_of_the_middle_half_of_the_turns():
    assert swing([1.0]) == 0
    assert swing([2.0] * 5) == 0
    assert swing([9.0, 1.0, 1.0, 1.5, 1.0, 1.2, 1.5]) == pytest.approx(0.5)


def test_the_error_is_the_largest_of_all_tensors_each_over_its_own_largest_value():
    wanted = {"y": torch.tensor([1.0, -2.0]).double(), "h": torch.tensor([100.0]).double()}
    found = {"y": torch.tensor([1.0, -2.002]), "h": torch.tensor([100.01])}

    assert check(found, wanted, limit=0.01) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("value", [1.001, nan, inf])
def test_a_wrong_result_is_refused_by_the_name_of_its_tensor(value):
    wanted = {"y": torch.ones(3).double(), "the final h": torch.ones(2).double()}
    found = {"y": torch.ones(3), "the final h": torch.tensor([1.0, value])}

    with pytest.raises(WrongResultError, match=r"^the final h is wrong by .* of its largest value, more than 1.0e-05$"):
        check(found, wanted)


def test_a_gradient_of_zero_is_right_only_if_it_is_zero():
    wanted = {"y": torch.zeros(3).double()}

    assert check({"y": torch.zeros(3)}, wanted) == 0
    with pytest.raises(WrongResultError, match="by inf"):
        check({"y": torch.full((3,), 1e-9)}, wanted)


def test_the_multiplications_of_a_step_are_found_with_their_shapes():
    assert products(GRU(3, 5)) == [((ROWS, 3), (3, 15)), ((ROWS, 5), (5, 15))]
    assert products(LSTM(3, 5, proj_size=2)) == [((ROWS, 3), (3, 20)), ((ROWS, 2), (2, 20)), ((ROWS, 5), (5, 2))]
    assert products(SLSTM(3, 6, heads=2))[1] == ((2, ROWS, 3), (2, 3, 12))
    assert products(IndRNN(3, 5)) == [((ROWS, 3), (3, 5))]


@pytest.mark.parametrize("name", CELLS)
def test_the_multiplications_of_every_cell_are_found(name):
    assert products(CELLS[name](6, 8))


def test_multiplications_of_weights_alone_are_not_of_the_floor():
    class Factored(Elman):
        def recurrent_matrix(self):
            return self.weight_hh @ self.weight_hh

    assert products(Factored(3, 5)) == products(Elman(3, 5))


def test_the_floor_multiplies_for_all_rows_and_does_nothing_else():
    multiply = floor(GRU(3, 5), rows=7)

    with FlopCounterMode(display=False) as counted:
        multiply()
    assert counted.get_total_flops() == 2 * 7 * (3 * 15 + 5 * 15)


class SumState(NamedTuple):
    total: torch.Tensor


class RunningSum(Cell[SumState]):
    """A cell without weights."""

    def __init__(self, size):
        super().__init__(size, size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return SumState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        total = 0.5 * state.total + x
        return total, SumState(total)


def test_a_cell_that_multiplies_nothing_has_no_floor():
    work = Workload.drawn(RunningSum(3), steps=4, batch=2)

    assert floor(work.cell, rows=8) is None
    comparison = compare(work, {"reference": work.on("reference")}, repeats=1, truth=work.truth())
    assert comparison.floor is None
    assert comparison.speeds["reference"].error < LIMIT


def test_the_peak_counts_what_is_held_at_one_time():
    def call():
        first, second = torch.empty(10_000), torch.empty(5_000)
        del first
        return second, torch.empty(2_000)

    assert peak_bytes(call) == 4 * 15_000
    assert peak_bytes(lambda: None) == 0


def test_those_that_are_right_get_a_speed_and_the_wrong_one_a_reason():
    work = Workload.drawn(GRU(3, 5), steps=4, batch=2)
    right = work.on("reference")

    def slightly_off():
        y, final = right.run()
        return 1.01 * y, final

    wrong = Contender(slightly_off, right.leaves, right.gradient, right.states)
    comparison = compare(work, {"right": right, "wrong": wrong}, repeats=1, truth=work.truth())

    assert set(comparison.speeds) == {"right"}
    assert all(seconds > 0 for seconds in (comparison.floor, *comparison.speeds["right"][:2]))
    assert comparison.speeds["right"].error < LIMIT
    assert comparison.wrong["wrong"].startswith("the output is wrong by 1.0e-02 of its largest value")


def test_if_nobody_is_right_the_floor_is_all_there_is():
    work = Workload.drawn(GRU(3, 5), steps=4, batch=2)
    contender = work.on("reference")
    off = {name: tensor + 1 for name, tensor in work.truth().items()}

    comparison = compare(work, {"reference": contender}, repeats=1, truth=off)

    assert comparison == Comparison({}, comparison.wrong, comparison.floor, comparison.swing)
    assert list(comparison.wrong) == ["reference"]


def test_a_cell_that_multiplies_rounding_may_be_as_wrong_as_its_plain_loop():
    calm = Workload.drawn(GRU(3, 5), steps=4, batch=2)
    growing = Workload.drawn(Elman(3, 16, activation="identity"), steps=60, batch=2)
    with torch.no_grad():
        growing.cell.weight_hh.copy_(torch.randn(16, 16, generator=torch.Generator().manual_seed(0)))

    assert tolerance(calm, calm.truth()) == LIMIT
    truth = growing.truth()
    assert tolerance(growing, truth) == max(LIMIT, 4 * check(growing.on("reference").results(), truth, limit=inf))


def test_a_cell_that_overflows_has_no_tolerance():
    work = Workload.drawn(Elman(3, 5, activation="identity"), steps=200, batch=2)
    with torch.no_grad():
        work.cell.weight_hh.copy_(10 * torch.eye(5))

    with pytest.raises(WrongResultError, match="wrong by nan"):
        tolerance(work, work.truth())
