"""The processors that cells can be compiled for, and which of them this one can run."""

import functools
import os
import platform
import re
from contextlib import suppress
from typing import NamedTuple


class BuildError(RuntimeError):
    """A source that could not be compiled or loaded: one line says what failed and how to mend it."""


class Target(NamedTuple):
    """A kind of processor.

    Attributes:
        name: As ``OSTINATO_MARCH`` has it.
        machine: The family, as `platform.machine` has it; empty for this processor's own.
        flags: The compiler's.
        needs: What a processor must be able to do, in the words of /proc/cpuinfo.
    """

    name: str
    machine: str
    flags: tuple[str, ...]
    needs: frozenset[str]

    def obstacle(self) -> str | None:
        """Why this processor cannot run the target's code; None if it can."""
        if not self.machine:
            return None
        if machine() != self.machine:
            return f"it is for {self.machine}, and this processor is {machine()}"
        if lacking := sorted(self.needs - features()):
            return f"this processor lacks {', '.join(lacking)}"
        return None

    def identity(self) -> str:
        """What the machine code depends on: the processor itself where the compiler is to look at it."""
        return repr(self if self.machine else (self, _described()))


_WIDE = "-mprefer-vector-width=512"  # compilers take half the width otherwise
_V2 = frozenset({"cx16", "lahf_lm", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3"})
_V3 = _V2 | {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"}
_V4 = _V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}
_AMX = _V4 | {"amx_bf16", "amx_tile", "avx512_bf16"}

TARGETS = (
    Target("x86-64", "x86_64", ("-march=x86-64",), frozenset()),
    Target("x86-64-v2", "x86_64", ("-march=x86-64-v2",), _V2),
    Target("x86-64-v3", "x86_64", ("-march=x86-64-v3",), _V3),
    Target("x86-64-v4", "x86_64", ("-march=x86-64-v4", _WIDE), _V4),
    Target("x86-64-amx", "x86_64", ("-march=x86-64-v4", "-mavx512bf16", "-mamx-tile", "-mamx-bf16", _WIDE), _AMX),
    Target("aarch64", "aarch64", ("-march=armv8-a",), frozenset()),
)
"""The targets that have a name; of one family each can do what those before it can, and more."""


def chosen() -> Target:
    """The target that ``OSTINATO_MARCH`` names, else this processor's own.

    Raises:
        BuildError: For a name that is none, and for a target whose code this processor cannot run.
    """
    name = os.environ.get("OSTINATO_MARCH") or "native"
    for target in (native(), *TARGETS):
        if target.name == name:
            if why := target.obstacle():
                raise BuildError(
                    f"OSTINATO_MARCH is {name}, and {why}; choose one of {_names(runnable())}, or unset it"
                )
            return target
    raise BuildError(f"OSTINATO_MARCH is {name!r}, and there is no such target; choose one of {_names(TARGETS)}")


def native() -> Target:
    """The target that is the processor's own, whatever it is."""
    if machine() == "aarch64":
        return Target("native", "", ("-mcpu=native",), frozenset())
    return Target("native", "", ("-march=native", *([_WIDE] if "avx512f" in features() else [])), frozenset())


def runnable() -> list[Target]:
    """The targets with a name whose code this processor can run, the lowest first."""
    return [target for target in TARGETS if target.obstacle() is None]


def _names(targets: "list[Target] | tuple[Target, ...]") -> str:
    return ", ".join(target.name for target in (*targets, native()))


def machine() -> str:
    """The family of this processor, by the name that Linux has for it."""
    found = platform.machine()
    return {"arm64": "aarch64", "amd64": "x86_64", "AMD64": "x86_64"}.get(found, found)


def features() -> frozenset[str]:
    """What Linux says that this processor can do; elsewhere nothing is known."""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", _described(), re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()


def processor() -> str:
    """The processor's name, for people."""
    found = re.search(r"^model name\s*:\s*(.+)$", _described(), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or machine()


@functools.cache
def _described() -> str:
    """What tells processors apart: a home folder may be shared by machines that differ."""
    names = ("vendor_id", "cpu family", "model", "flags", "CPU ", "Features")
    lines = [f"{platform.machine()}\n"]
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line == "\n":  # the other processors are behind it
                break
            if line.startswith(names):
                lines.append(line)
    return "".join(lines)
