"""Cells compiled ahead of time: nothing is left to compile when they run, and what cannot be compiled is said."""

import subprocess
import sys

import pytest
import torch
from scan_scenario import StepCell

from ostinato.cells import GRU
from ostinato.engine import compile, scan


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path))
    return tmp_path


def libraries(folder):
    return {file.name for file in folder.glob("StepCell*.so")}


def odd_step(cell, x, h):
    """A step that no other test compiles."""
    return torch.tanh(x @ cell.w.mT - 0.75 * torch.sigmoid(h @ cell.u.mT - 1.25 * cell.v) * h)


def test_every_pass_is_in_the_cache_before_the_first_scan(cache):
    cell = StepCell(odd_step)
    compile(cell)
    compiled = libraries(cache)
    assert compiled

    y, _ = scan(cell, torch.randn(2, 5, 3), backend="cpp")
    y.sum().backward()
    with torch.no_grad():
        scan(cell, torch.randn(2, 5, 3), lengths=torch.tensor([5, 0]), reverse=True, backend="cpp")
        scan(cell, torch.randn(1, 1, 3), backend="cpp")
    assert libraries(cache) == compiled


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dtype": torch.bfloat16}, "GRU cannot be compiled: it computes in float32 and float64, not in bfloat16"),
        ({"dtype": torch.float64}, "GRU cannot be compiled: the weights are of another type than the input"),
        ({"features": 2}, "features must be at least the cell's 3, got 2"),
    ],
)
def test_what_cannot_be_compiled_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        compile(GRU(3, 4), **arguments)


EXAMPLE = "import doctest; from ostinato.engine import ahead; raise SystemExit(doctest.testmod(ahead) != (0, 3))"


def test_the_example_runs(cache):
    # In a process of its own: this one may have loaded the library from elsewhere, and compiles it once.
    assert subprocess.run([sys.executable, "-c", EXAMPLE]).returncode == 0
    assert list(cache.glob("*.so"))
