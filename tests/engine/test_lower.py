"""A loop as C++: what stands in the source, and what is left open for the run."""

import re
from pathlib import Path

import pytest
import torch
from scan_scenario import EVERY_CELL, StepCell, graph_of
from torch.nn import functional as F

import ostinato.engine.lower
from ostinato import cells
from ostinato.cells import GRU, LSTM, Elman
from ostinato.engine.lower import lower, whole
from ostinato.engine.schedule import build_schedule

OF_MANY_KINDS = ["lstm", "layer_norm_lstm", "slstm", "lru", "qrnn"]


def sources_of(cell):
    schedule = build_schedule(graph_of(cell))
    return [lower(part.loop, "part") for part in (schedule.forward, schedule.training, schedule.backward)]


def source_of_step(step):
    return sources_of(StepCell(step))[0]


@pytest.mark.parametrize("name", OF_MANY_KINDS)
def test_one_source_serves_all_sizes(name):
    small, large = sources_of(EVERY_CELL[name](3, 4)), sources_of(EVERY_CELL[name](5, 34))

    assert [source.text for source in small] == [source.text for source in large]
    assert [len(source.sizes) for source in small] == [len(source.sizes) for source in large]
    assert [source.sizes for source in small] != [source.sizes for source in large]


def test_sizes_that_are_equal_share_a_name():
    apart, equal = sources_of(GRU(3, 4))[0], sources_of(GRU(12, 4))[0]

    assert len(set(apart.sizes)) == len(apart.sizes)
    assert len(set(equal.sizes)) == len(equal.sizes)
    assert set(equal.sizes) <= {4, 8, 12}


def test_numbers_of_the_cell_are_left_open_and_plain_ones_are_not():
    def scaled(by):
        return source_of_step(lambda c, x, h: torch.tanh(by * h + 2 * h * h + F.linear(x, c.w)))

    assert scaled(0.3).numbers == (0.3,)
    assert scaled(0.4).text == scaled(0.3).text
    assert scaled(0.4).numbers == (0.4,)


def test_two_precisions_differ_in_one_line():
    (forward, *_) = sources_of(LSTM(3, 4))
    single, double = (whole([forward], dtype, "LSTM").splitlines() for dtype in (torch.float32, torch.float64))

    assert [(a, b) for a, b in zip(single, double, strict=True) if a != b] == [
        ("using real = float;", "using real = double;")
    ]


def test_the_name_of_a_cell_stands_in_the_first_line_alone():
    class Renamed(GRU):
        pass

    ours, theirs = (
        whole(sources_of(cell), torch.float64, type(cell).__name__).splitlines() for cell in (GRU(3, 4), Renamed(3, 4))
    )
    assert ours[0] != theirs[0]
    assert ours[1:] == theirs[1:]


def test_the_same_cell_gives_the_same_source_every_time():
    assert [s.text for s in sources_of(LSTM(3, 4))] == [s.text for s in sources_of(LSTM(3, 4))]


def test_cells_that_differ_in_how_they_begin_share_a_source():
    assert sources_of(Elman(3, 4))[0].text == sources_of(Elman(3, 4, init="orthogonal"))[0].text


def test_the_compiler_knows_no_cell():
    names = [name for name in vars(cells) if isinstance(vars(cells)[name], type) and name not in ("Cell", "State")]
    folder = Path(ostinato.engine.lower.__file__).parent
    stages = ["capture", "graph", "values", "schedule", "nests", "lower", "program", "execute", "op", "cpp"]

    for file in [*(folder / f"{stage}.py" for stage in stages), *(folder / "kernels").glob("*.hpp")]:
        text = file.read_text()
        assert [name for name in names if re.search(rf"\b{name}\b", text)] == [], file.name
