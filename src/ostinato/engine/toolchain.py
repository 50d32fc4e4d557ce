"""The system's C++ compiler: which one, how it is called, and what its machine code depends on."""

import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from ostinato.engine.target import BuildError, Target, chosen, runnable

_KERNELS = Path(__file__).parent / "kernels"
TIMEOUT = 120.0
"""Seconds that a compiler has for one source."""
_FLAGS = (
    "-std=c++17",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fopenmp-simd",
    "-fPIC",
    "-shared",
)
# On Linux libtorch brings a libgomp under this soname. Once torch is imported, the loader takes that one: a library
# shares torch's threads, and torch.set_num_threads holds for it. Import torch first.
_LIBRARIES = ("-lgomp",) if sys.platform == "linux" else ()


class Toolchain(NamedTuple):
    """A compiler that was found.

    Attributes:
        command: The program's path and its first arguments.
        version: What it prints when asked for its version.
        target: The processor that it compiles for.
    """

    command: tuple[str, ...]
    version: str
    target: Target

    def arguments(self, source: str, library: str) -> list[str]:
        """The command line that compiles the file `source` ("-": standard input) into the shared library `library`."""
        options = (*_FLAGS, *self.target.flags, "-I", str(_KERNELS))
        return [*self.command, *options, "-x", "c++", source, *_LIBRARIES, "-o", library]

    def compile(self, text: str, library: str) -> tuple[str | None, str]:
        """Compiles C++ into the file `library`: what went wrong, if anything, and all that the compiler printed."""
        return _run(self.arguments("-", library), text)

    def lower(self) -> "list[Toolchain]":
        """What may stand in for one that cannot compile for this processor itself, the best first."""
        return [] if self.target.machine else [self._replace(target=target) for target in reversed(runnable())]

    def identity(self) -> str:
        """All that the machine code depends on but the source.

        Not where anything lies, so that two installations share what they compile.
        """
        if not _KERNELS.is_dir():
            raise BuildError(
                f"no C++ headers in {_KERNELS}: install ostinato as files (pip install), not as an archive"
            )
        headers = [(header.name, header.read_bytes()) for header in sorted(_KERNELS.glob("*.hpp"))]
        return repr((headers, _FLAGS, _LIBRARIES, self.command, self.version, self.target.identity()))


def find_toolchain() -> Toolchain:
    """The compiler that ``CXX`` names, else the first of c++, g++ and clang++ on ``PATH``, for the chosen target.

    Raises:
        BuildError: If there is none, or the target cannot be.
    """
    if sys.platform == "win32":
        raise BuildError("compiling needs Linux or macOS: on Windows, run Python inside WSL")
    command = _command()
    problem, version = _version(command)
    if problem:
        raise BuildError(f"{command[0]} --version {problem}; repair the compiler, or set CXX to another one")
    return Toolchain(command, version, chosen())


def _command() -> tuple[str, ...]:
    chosen = os.environ.get("CXX", "")
    try:
        words = shlex.split(chosen)
    except ValueError as error:
        raise BuildError(f"CXX is {chosen!r}, which is no command ({error}); correct it, or unset it") from error
    for first, *rest in [words] if words else [["c++"], ["g++"], ["clang++"]]:
        if program := shutil.which(first):
            return (program, *rest)
    if words:
        raise BuildError(f"CXX is {chosen!r}, and there is no program {words[0]!r}; correct it, or unset it")
    raise BuildError("none of c++, g++ and clang++ is on PATH; install one (apt install g++), or set CXX to a compiler")


@functools.cache
def _version(command: tuple[str, ...]) -> tuple[str | None, str]:
    return _run([*command, "--version"])


def _run(command: list[str], text: str = "") -> tuple[str | None, str]:
    environment = {**os.environ, "LC_ALL": "C"}  # errors are found by the word
    pipe = subprocess.PIPE
    try:
        # A group of its own: the compiler proper is a child of what is started here, and both must end together.
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment, process_group=0
        )
    except OSError as error:
        return f"cannot be started ({error.strerror})", ""
    with process:
        try:
            printed, _ = process.communicate(text.encode(), timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"took longer than {TIMEOUT:g} s", ""
        finally:
            if process.returncode is None:  # a timeout, or the user's Ctrl-C
                os.killpg(process.pid, signal.SIGKILL)
    output = printed.decode(errors="replace")
    if process.returncode < 0:
        return f"was killed (signal {-process.returncode})", output
    return (_first_error(output) if process.returncode else None), output


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    verdicts = ("ld returned", "linker command failed")  # what the linker had to say stands before them
    errors = [line for line in lines if "error" in line.lower() and not any(verdict in line for verdict in verdicts)]
    return "says: " + (errors or lines or ["nothing, and fails"])[0]
