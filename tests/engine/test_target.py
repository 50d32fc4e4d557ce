"""Which processors cells are compiled for, and which of them this one can run."""

import itertools
import platform
import sys

import pytest

from ostinato.engine import target
from ostinato.engine.target import TARGETS, BuildError, chosen, features, native, processor, runnable

NAMES = ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-amx", "aarch64"]

X86 = """x86_64
vendor_id\t: GenuineIntel
model name\t: An Old Processor
flags\t\t: fpu cx16 lahf_lm pni popcnt sse4_1 sse4_2 ssse3 avx
"""


@pytest.fixture
def on(monkeypatch):
    """Makes this another processor."""

    def become(machine, description):
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(target, "_described", lambda: description)

    monkeypatch.delenv("OSTINATO_MARCH", raising=False)
    return become


def refusal(monkeypatch, name):
    monkeypatch.setenv("OSTINATO_MARCH", name)
    with pytest.raises(BuildError) as caught:
        chosen()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_targets_have_these_names():
    assert [one.name for one in TARGETS] == NAMES


@pytest.mark.parametrize("value", [None, "", "native"])
def test_unless_one_is_named_it_is_the_own_one(monkeypatch, value):
    monkeypatch.delenv("OSTINATO_MARCH", raising=False)
    if value is not None:
        monkeypatch.setenv("OSTINATO_MARCH", value)
    assert chosen() == native()


def test_every_target_that_can_run_here_can_be_named(monkeypatch):
    assert runnable()
    for one in runnable():
        monkeypatch.setenv("OSTINATO_MARCH", one.name)
        assert chosen() == one


def test_a_name_that_is_none_is_an_error_that_lists_the_names(monkeypatch):
    assert refusal(monkeypatch, "x86-64-v9") == (
        "OSTINATO_MARCH is 'x86-64-v9', and there is no such target; choose one of"
        " x86-64, x86-64-v2, x86-64-v3, x86-64-v4, x86-64-amx, aarch64, native"
    )


def test_code_that_this_processor_cannot_run_is_refused_with_what_it_lacks(monkeypatch, on):
    on("x86_64", X86)
    assert [one.name for one in runnable()] == ["x86-64", "x86-64-v2"]
    assert refusal(monkeypatch, "x86-64-v3") == (
        "OSTINATO_MARCH is x86-64-v3, and this processor lacks abm, avx2, bmi1, bmi2, f16c, fma, movbe, xsave;"
        " choose one of x86-64, x86-64-v2, native, or unset it"
    )
    assert "it is for aarch64, and this processor is x86_64" in refusal(monkeypatch, "aarch64")


@pytest.mark.parametrize("machine", ["aarch64", "arm64"])
def test_on_arm_there_is_one_target_beside_the_own_one(monkeypatch, on, machine):
    on(machine, "aarch64\nFeatures\t: fp asimd\n")
    assert [one.name for one in runnable()] == ["aarch64"]
    assert native().flags == ("-mcpu=native",)
    assert "it is for x86_64, and this processor is aarch64" in refusal(monkeypatch, "x86-64-v3")


def test_where_nothing_is_known_of_the_processor_only_the_lowest_target_can_be_named(on):
    on("x86_64", "x86_64\n")
    assert [one.name for one in runnable()] == ["x86-64"]


def test_wide_vectors_are_asked_for_only_where_there_are_some(on):
    wide = "-mprefer-vector-width=512"
    assert [one.name for one in TARGETS if wide in one.flags] == ["x86-64-v4", "x86-64-amx"]
    on("x86_64", X86)
    assert native().flags == ("-march=native",)
    on("x86_64", X86.replace("avx", "avx avx512f"))
    assert native().flags == ("-march=native", wide)


def test_of_the_x86_targets_each_can_do_what_those_before_it_can():
    needs = [one.needs for one in TARGETS if one.machine == "x86_64"]
    assert needs == sorted(needs, key=len)
    assert all(before < after for before, after in itertools.pairwise(needs))


def test_a_processor_has_a_name(on):
    assert processor()
    on("x86_64", X86)
    assert processor() == "An Old Processor"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system is not asked what the processor can do")
def test_the_processor_is_told_by_what_it_can_do_and_not_by_what_changes():
    assert features()
    assert "MHz" not in target._described()
