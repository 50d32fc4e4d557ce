"""Scans where the compiler is of no use: one warning, right results, and an error only for who asks by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from build_scenario import shell_compiler

from ostinato.cells import GRU
from ostinato.engine import scan

SCRIPT = """
import os, sys, warnings
import torch
from ostinato.cells import MGU
from ostinato.engine import explain, scan

def work():
    torch.manual_seed(0)
    cell, x = MGU(3, 4), torch.randn(2, 5, 3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            torch.testing.assert_close(scan(cell, x), scan(cell, x, backend="reference"), rtol=0, atol=0)
        print(explain(cell, x))
        try:
            scan(cell, x, backend="cpp")
        except ValueError as error:
            print("refused:", error)
    print("warned:", *(f"{one.category.__name__}: {one.message}" for one in caught), sep="\\n", flush=True)

for compiler in sys.argv[1:]:
    print("with compiler", compiler, flush=True)
    os.environ["CXX"] = compiler
    child = os.fork()  # what is found out about a compiler holds for a process
    if not child:
        work()
        os._exit(0)
    os.waitpid(child, 0)
"""

COMPILERS = {
    "fails": "echo error: out of order; exit 1",
    "compiles no cell": 'text=$(cat); case "$text" in *driver.hpp*) echo error: too much; exit 1;; esac; '
    'printf "%s" "$text" | exec c++ "$@"',
}


@pytest.fixture(scope="module")
def without_compiler(tmp_path_factory):
    """What processes print whose compiler is of no use, by what is wrong with it."""
    folder = tmp_path_factory.mktemp("compilers")
    compilers = [str(shell_compiler(folder / name.split()[0], body)) for name, body in COMPILERS.items()]
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *compilers, str(folder / "none")],
        env={**os.environ, "OSTINATO_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    _, *printed = run.stdout.split("with compiler ")
    names = [*COMPILERS, "is missing"]
    return {name: text.split("\n", 1)[1] for name, text in zip(names, printed, strict=True)}


@pytest.mark.parametrize(
    ("name", "problem"),
    [("fails", "error: out of order"), ("compiles no cell", "error: too much"), ("is missing", "there is no program")],
)
def test_where_the_compiler(without_compiler, name, problem):
    printed = without_compiler[name]

    assert "Traceback" not in printed
    reason, of_cpp, of_aten, refused, warned, *warnings = printed.splitlines()
    assert reason == "reference: the plain loop runs every cell, and no faster backend applies"
    assert of_cpp.startswith("  not cpp: ")
    assert problem in of_cpp
    assert of_aten == "  not aten: torch has no kernel for MGU"
    assert refused.startswith("refused: backend 'cpp' cannot run this scan: ")
    assert problem in refused
    assert warned == "warned:"
    assert len(warnings) == 1
    assert warnings[0].startswith("UserWarning: cells are not compiled, and slow: ")
    assert problem in warnings[0]


def test_a_compiler_that_works_leaves_nothing_to_warn_of(recwarn):
    scan(GRU(3, 4).double(), torch.randn(2, 5, 3).double())

    assert [str(one.message) for one in recwarn if Path(one.filename).parent.name == "engine"] == []
