"""Whether cells can be compiled here, and for which processor."""

import os
import warnings

import pytest
import torch
from build_scenario import shell_compiler

from ostinato.engine import build, probe, toolchain
from ostinato.engine.probe import obstacle
from ostinato.engine.target import runnable


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """An empty cache folder, and nothing known yet."""
    for name in ("CXX", "OSTINATO_MARCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "cache"))
    for name in ("_libraries", "_failures", "_stand_ins"):
        monkeypatch.setattr(build, name, {})
    probe._obstacle.cache_clear()
    toolchain._version.cache_clear()
    yield
    probe._obstacle.cache_clear()
    toolchain._version.cache_clear()


@pytest.fixture
def with_compiler(tmp_path, monkeypatch):
    """Makes CXX a compiler of shell lines, which writes down what it is asked."""

    def name(body):
        script = shell_compiler(tmp_path / "cxx", f'echo "$@" >> {tmp_path}/tries; {body}')
        monkeypatch.setenv("CXX", str(script))
        return lambda: (tmp_path / "tries").read_text().splitlines()

    return name


def test_nothing_stands_in_the_way_here(recwarn):
    assert obstacle() is None
    assert not recwarn.list


def test_a_small_cell_is_compiled_with_every_header():
    headers = [header.name for header in toolchain._KERNELS.glob("*.hpp")]
    reached, new = set(), {"driver.hpp"}
    while new:
        reached |= new
        text = "".join((toolchain._KERNELS / name).read_text() for name in new)
        new = {name for name in headers if f'#include "{name}"' in text} - reached
    assert reached == set(headers)
    assert '#include "driver.hpp"' in probe.source()
    assert "m::tanh" in probe.source()


def test_a_header_that_does_not_compile_is_an_obstacle(tmp_path, monkeypatch):
    (tmp_path / "kernels").mkdir()
    for header in toolchain._KERNELS.glob("*.hpp"):
        text = header.read_text()
        (tmp_path / "kernels" / header.name).write_text(text if header.name != "tiles.hpp" else f"{text}\nno;")
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "kernels")
    assert "tiles.hpp" in obstacle()


def test_the_obstacle_is_what_a_compile_would_say_and_asked_for_once(with_compiler):
    tries = with_compiler("echo out of order; exit 1")
    assert "says: out of order; " in obstacle()
    count = len(tries())
    assert obstacle() == obstacle()
    assert len(tries()) == count == 1 + len(runnable())


def test_a_graph_that_torch_traces_may_ask_for_the_obstacle():
    def step(x):
        return x + 1 if obstacle() is None else x

    traced = torch.compile(step, fullgraph=True, backend="eager")
    assert traced(torch.zeros(1)) == 1


# Which target


REFUSES_NATIVE = 'case "$*" in *=native*) echo error: what is native; exit 1;; esac; exec c++ "$@"'


def test_where_the_own_target_does_not_build_the_next_lower_one_stands_in_with_one_warning(with_compiler):
    tries = with_compiler(REFUSES_NATIVE)
    highest = runnable()[-1].name
    with pytest.warns(UserWarning, match=f"^cells are compiled for {highest}, .*what is native.* OSTINATO_MARCH="):
        assert obstacle() is None
    assert [runnable()[-1].flags[0] in line for line in tries()] == [False, True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert obstacle() is None
        build.library("extern int other;", "other")
    assert runnable()[-1].flags[0] in tries()[-1]
    assert build.in_use().target == runnable()[-1]


def test_lower_and_lower_until_one_builds(with_compiler):
    lowest = runnable()[0]
    tries = with_compiler(f'case "$*" in *" {lowest.flags[0]} "*) exec c++ "$@";; esac; echo error: too new; exit 1')
    with pytest.warns(UserWarning, match=f"^cells are compiled for {lowest.name}, "):
        assert obstacle() is None
    assert len(tries()) == 1 + len(runnable())


def test_a_target_that_was_asked_for_has_no_stand_in(with_compiler, monkeypatch):
    tries = with_compiler("echo error: too new; exit 1")
    monkeypatch.setenv("OSTINATO_MARCH", runnable()[-1].name)
    assert "says: error: too new; " in obstacle()
    assert len(tries()) == 1


def test_a_compiler_that_does_not_answer_is_not_asked_again(with_compiler, monkeypatch):
    monkeypatch.setattr(toolchain, "TIMEOUT", 0.2)
    monkeypatch.setattr(probe, "TIMEOUT", 0.2)
    tries = with_compiler("sleep 60")
    assert "took longer than 0.2 s" in obstacle()
    assert len(tries()) == 1


def test_a_setting_that_is_none_is_an_obstacle_that_says_so(monkeypatch):
    monkeypatch.setenv("OSTINATO_MARCH", "pentium")
    assert obstacle().startswith("OSTINATO_MARCH is 'pentium', and there is no such target; ")
    assert not os.path.exists(os.environ["OSTINATO_CACHE"])
