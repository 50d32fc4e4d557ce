"""`ostinato bench`: a cell beside its peers; what is wrong has no speed, and bad input ends in one line."""

import re
import sys

import pytest
from command import error_of, run

from ostinato.cli.bench import table
from ostinato.engine import cpp, measure, target, workload

SIZES = ["--input=3", "--hidden=5", "--batch=2", "--steps=4"]
CELL = '''
from typing import NamedTuple

import torch

from ostinato.cells import Cell


class MeanState(NamedTuple):
    h: torch.Tensor


class Mean(Cell[MeanState]):
    """A mean that forgets."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.inputs = torch.nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size, device=None, dtype=None):
        return MeanState(torch.zeros(batch_size, self.output_size, device=device, dtype=dtype))

    def forward(self, x, state):
        h = 0.9 * state.h + 0.1 * self.inputs(x)
        return h, MeanState(h)


class Fixed(Mean):
    def __init__(self):
        super().__init__(3, 5)


class Even(Mean):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        if hidden_size % 2:
            raise ValueError(f"hidden_size must be even, got {hidden_size}")


class Tuple(Mean):
    def initial_state(self, batch_size, device=None, dtype=None):
        return (torch.zeros(batch_size, 5),)


class Unfinished(Cell[MeanState]):
    def forward(self, x, state):
        return x, state


class Growing(Mean):
    def forward(self, x, state):
        h = 1e10 * state.h + self.inputs(x)
        return h, MeanState(h)


def no_cell(input_size, hidden_size):
    return torch.nn.Linear(input_size, hidden_size)


NUMBER = 3
'''


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """Nothing is compiled, each contender has one short turn, and what is imported does not stay."""
    monkeypatch.setattr(cpp, "prepare", lambda *arguments: "there is no compiler")
    monkeypatch.setattr(measure, "_calls", lambda timer, shortest: 1)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("my_cells", None)


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "my_cells.py"
    path.write_text(CELL)
    return path


def rows(out):
    """The table's lines, by their first word."""
    return {line.split()[0]: line.split()[1:] for line in out.splitlines() if line and line[0] != " "}


def test_it_measures_the_backends_torchs_layer_the_reference_and_the_floor_in_80_columns():
    ended = run("bench", "gru", *SIZES)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("gru: 4 steps of 2 rows, 3 features, 5 units; float32, ")
    shown = rows(ended.out)
    assert list(shown)[1:5] == ["aten", "torch.nn.GRU", "reference", "floor"]
    assert len(shown["aten"]) == 7
    assert len(shown["floor"]) == 4
    assert "\nnot cpp: there is no compiler\n" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_times_are_milliseconds_and_ratios_are_over_the_floor_and_the_reference():
    speeds = {"aten": measure.Speed(2e-3, 6e-3, 3e-7), "reference": measure.Speed(0.5, 1.5, 4e-7)}
    lines = table(measure.Comparison(speeds, {"cpp": "the output is wrong"}, 1e-3, 0.1)).splitlines()

    assert lines[2].split() == ["aten", "2.000", "2.00", "250.0", "6.000", "2.00", "250.0", "3e-07"]
    assert lines[3].split() == ["reference", "500.000", "500.00", "1.0", "1500.000", "500.00", "1.0", "4e-07"]
    assert lines[4].split() == ["floor", "1.000", "1.00", "3.000", "1.00"]
    assert lines[5] == "cpp           FAILED: the output is wrong"


def test_a_busy_machine_is_told_of(monkeypatch):
    monkeypatch.setattr(measure, "swing", lambda seconds: 0.8)

    assert "\nnote: times swung by 80%: the machine is busy, and they mean little\n" in run("bench", "gru", *SIZES).out


def test_the_compiled_backend_is_measured_where_there_is_a_compiler(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(measure, "_calls", lambda timer, shortest: 1)
    ended = run("bench", "elman", *SIZES)

    assert ended.code == 0
    assert ("cpp" in rows(ended.out)) != ("\nnot cpp: " in ended.out)
    assert f"\nprocessor: {target.processor()}; target: {target.chosen().name}\n" in ended.out


def test_a_wrong_result_has_no_times_and_the_exit_code_says_so(monkeypatch):
    right = workload.torch_layer

    def with_another_bias(cell):
        layer = right(cell)
        layer.bias_ih_l0.data += 1
        return layer

    monkeypatch.setattr(workload, "torch_layer", with_another_bias)
    ended = run("bench", "gru", *SIZES)

    assert ended.code == 1
    [line] = [line for line in ended.out.splitlines() if line.startswith("torch.nn.GRU")]
    assert re.fullmatch(
        r"torch\.nn\.GRU +FAILED: the output is wrong by \S+ of its largest value, more than 1\.0e-05", line
    )
    assert len(rows(ended.out)["reference"]) == 7


def test_a_cell_of_the_users_is_measured_from_its_file(own):
    ended = run("bench", f"{own}:Mean", *SIZES)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{own}:Mean: 4 steps")
    assert "\nnot aten: torch has no kernel for Mean\n" in ended.out
    assert "torch.nn" not in ended.out


def test_a_cell_of_the_users_is_measured_from_a_module_in_the_current_folder(own, monkeypatch):
    monkeypatch.chdir(own.parent)

    assert run("bench", "my_cells:Mean", *SIZES).code == 0


def test_a_file_may_import_its_neighbours(own):
    other = own.with_name("other_cells.py")
    other.write_text("from my_cells import Mean as Same\n")

    assert run("bench", f"{other}:Same", *SIZES).code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("grew", "no cell 'grew': choose one of elman, relu,"),
        ("nowhere.py:Mean", "nowhere.py: there is no such file"),
        ("nowhere_either:Mean", "module 'nowhere_either' cannot be imported: No module named 'nowhere_either'"),
        (":Mean", "no cell ':Mean': choose one of"),
        ("{own}:Median", "{own} has no class 'Median'; its cells: Mean, Fixed, Even, Tuple, Growing"),
        ("{own}:NUMBER", "{own} has no class 'NUMBER'"),
        ("{own}:", "{own} has no class ''"),
        ("{own}:Fixed", "{own}:Fixed cannot be called as {own}:Fixed(input_size, hidden_size): too many positional"),
        ("{own}:Even", "{own}:Even cannot be made: hidden_size must be even, got 5"),
        ("{own}:Unfinished", "{own}:Unfinished is abstract: it lacks initial_state"),
        ("{own}:Tuple", "{own}:Tuple: its initial_state gives no NamedTuple of tensors"),
        ("{own}:no_cell", "{own}:no_cell makes a Linear: it must make an ostinato.cells.Cell"),
        ("{own}:Growing", "the plain loop itself fails: the output is wrong by nan"),
    ],
)
def test_a_cell_that_cannot_be_had_is_told_of_in_one_line(own, name, message):
    assert message.format(own=own) in error_of("bench", name.format(own=own), *SIZES, "--steps=40")


@pytest.mark.parametrize("text", ["def broken(:\n", "import no_such_module\n"])
def test_a_file_that_cannot_be_imported_is_told_of(tmp_path, text):
    path = tmp_path / "broken.py"
    path.write_text(text)

    assert error_of("bench", f"{path}:Mean").startswith(f"{path} cannot be imported: ")


@pytest.mark.parametrize("option", ["--input", "--hidden", "--batch", "--steps", "--num-threads"])
def test_sizes_below_1_are_refused(option):
    assert f"Invalid value for '{option}'" in error_of("bench", "gru", option, 0)


@pytest.mark.parametrize("columns", [80, 120])
def test_it_explains_itself_with_an_example(columns):
    ended = run("bench", "--help", columns=columns)

    assert ended.code == 0
    assert "ostinato bench lstm --input 64" in ended.out.split("Example:")[1]
    assert max(map(len, ended.out.splitlines())) <= columns
