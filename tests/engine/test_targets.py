"""It builds everywhere: every kind of processor with both compilers; and what can be run here is right.

A test that cannot run says what it leaves unproven. `make compilers` installs what is missing, on Debian.
"""

import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import target_scenario
import torch
from scan_scenario import EVERY_CELL, graph_of_cell

from ostinato.engine import toolchain
from ostinato.engine.lower import lower, whole
from ostinato.engine.schedule import all_inside, build_schedule
from ostinato.engine.target import TARGETS, machine, runnable

HERE = Path(__file__).parent
CHECK = HERE / "kernels_check.cpp"
DTYPES = {"float": torch.float32, "double": torch.float64}
OPTIMISED = ["layer_norm_lstm", "gru"]
"""Cells that are compiled as they are for use, which takes ten times as long."""
STRICT = ["-I", str(toolchain._KERNELS), "-Wall", "-Wextra", "-Werror"]
USUAL = [flag for flag in toolchain._FLAGS if flag not in ("-shared", "-fPIC")]

PAIRS = [pytest.param(target, cxx, id=f"{target.name}, {cxx}") for target, cxx in product(TARGETS, ("g++", "clang++"))]


def needed(program, unproven):
    """A program's path; without it the test is skipped, but never where everything must run."""
    found = shutil.which(program)
    if found is None:
        problem = f"no {program} here: {unproven} is left unproven; `make compilers` installs it on Debian"
        pytest.fail(problem) if os.environ.get("CI") else pytest.skip(problem)
    return found


def compiler(cxx, target):
    """The command that compiles for a target, on whatever processor."""
    unproven = f"that cells compile with {cxx} for {target.name}"
    if target.machine == machine():
        return [needed(cxx, unproven), *target.flags]
    triple = f"{target.machine}-linux-gnu"
    needed(f"{triple}-g++", unproven)  # clang++ takes its headers and its linker
    command = [f"{triple}-g++"] if cxx == "g++" else [needed(cxx, unproven), f"--target={triple}"]
    return [*command, *target.flags]


def compiles(command, source, *arguments):
    run = subprocess.run([*command, *STRICT, *arguments], input=source, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr[-6000:]


def passes(name):
    """All that is generated for a cell, its functions named after it, so that several cells go into one file."""
    graph = graph_of_cell(name)
    schedule = build_schedule(graph)
    made = {"forward": schedule.forward, "training": schedule.training, "backward": schedule.backward}
    made["single"] = all_inside(graph)
    return [lower(one.loop, f"{name}_{kind}") for kind, one in made.items()]


@pytest.fixture(scope="session")
def every_cell():
    return [source for name in EVERY_CELL for source in passes(name)]


@pytest.mark.parametrize(("target", "cxx"), PAIRS)
def test_every_pass_of_every_cell_compiles_without_a_warning(every_cell, target, cxx):
    command = compiler(cxx, target)
    compiles(
        command, whole(every_cell, torch.float32, "every cell"), *USUAL, "-O0", "-x", "c++", "-c", "-", "-o", os.devnull
    )
    compiles(command, whole(every_cell, torch.float64, "every cell"), *USUAL, "-fsyntax-only", "-x", "c++", "-")


@pytest.mark.parametrize(("target", "cxx"), PAIRS)
def test_optimised_code_compiles_without_a_warning(target, cxx):
    sources = [source for name in OPTIMISED for source in passes(name)]
    command = compiler(cxx, target)
    compiles(
        command, whole(sources, torch.float32, "some cells"), *USUAL, "-O2", "-x", "c++", "-c", "-", "-o", os.devnull
    )


@pytest.mark.parametrize("cxx", ["g++", "clang++"])
@pytest.mark.parametrize("header", sorted(path.name for path in toolchain._KERNELS.glob("*.hpp")))
def test_every_header_stands_alone(header, cxx):
    command = compiler(cxx, runnable()[-1])
    compiles(command, f'#include "{header}"', *USUAL, "-fsyntax-only", "-x", "c++", "-")


# What runs


def kernels_check(command, folder, *arguments):
    compiles(command, None, *USUAL, *arguments, str(CHECK), "-static", "-o", str(folder / "check"))
    return folder / "check"


def assert_right(command):
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " checks, 0 failures; " in run.stdout
    return run.stdout


@pytest.mark.parametrize(("target", "cxx"), PAIRS)
def test_the_kernels_are_right(target, cxx, tmp_path):
    program = kernels_check(compiler(cxx, target), tmp_path)  # compiled whether it can be run or not
    if target in runnable():
        printed = assert_right([program])
        if "-mamx-tile" in target.flags:
            assert "matrix units real" in printed
        return
    if target.machine == machine():  # qemu has no AVX-512
        pytest.skip(
            f"compiled, but {target.obstacle()}: that {target.name}'s own instructions are right is left unproven"
        )
    emulator = needed(f"qemu-{target.machine}", f"that the kernels are right on {target.name}")
    assert_right([emulator, program])


EMULATED = {
    "vectors of 64 bytes": ["-D__AVX512F__"],
    "matrix units emulated": ["-D__AVX512F__", "-D__AVX512BF16__", "-D__AMX_BF16__", "-I", str(HERE / "emulated")],
}


@pytest.mark.skipif(
    machine() != "x86_64" or sys.platform != "linux", reason="arithmetic of x86-64-v4 and AMX unproven here"
)
@pytest.mark.parametrize("printed", EMULATED)
def test_the_arithmetic_for_wide_vectors_and_matrix_units_is_right_even_without_them(printed, tmp_path):
    command = [needed("clang++", "the arithmetic for wide vectors and matrix units"), "-march=x86-64"]
    assert printed in assert_right([kernels_check(command, tmp_path, "-Wno-psabi", *EMULATED[printed])])


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_compiled_cells_are_right(target, tmp_path):
    if why := target.obstacle():
        pytest.skip(f"{why}: that cells compiled for {target.name} are right is left unproven")
    environment = {**os.environ, "OSTINATO_MARCH": target.name, "CXX": "c++", "OSTINATO_CACHE": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, target_scenario.__file__], env=environment, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stderr[-6000:]
    assert run.stdout.split() == [target.name]
