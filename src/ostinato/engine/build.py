"""Stage 5 of the compiler: C++ source to a loaded library, compiled once and kept on disk."""

import atexit
import ctypes
import hashlib
import logging
import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ostinato.engine.target import BuildError
from ostinato.engine.toolchain import Toolchain, find_toolchain

__all__ = ["BuildError", "cache_folder", "cache_problem", "in_use", "libraries", "library", "refusal", "stand_in"]

_LOG = logging.getLogger("ostinato.engine")
_DAY = 86400.0  # seconds
_TEMPORARY = ".ostinato-tmp"  # no other program's, whatever folder the user may name

_lock = threading.Lock()
_libraries: dict[str, ctypes.CDLL] = {}
_failures: dict[str, str] = {}
_stand_ins: dict[Toolchain, Toolchain] = {}
_private_folder: Path | None = None


class _Job(NamedTuple):
    source: str
    stem: str  # of file names
    toolchain: Toolchain


def library(source: str, name: str, toolchain: Toolchain | None = None) -> ctypes.CDLL:
    """The compiled library of a generated source: from this process, from the cache folder, or compiled now.

    The cache folder is ``OSTINATO_CACHE``, else ``ostinato`` in the user's folder of caches; where it cannot be
    written, or somebody else could write there, libraries live in a temporary folder of this process.
    ``OSTINATO_DEBUG`` names a folder that gets the sources too.

    Args:
        source: C++17. It may include the headers of ``ostinato/engine/kernels``; what it exports is ``extern "C"``.
        name: Whom it belongs to, for file names that a person can recognise.
        toolchain: What compiles it; the one that is set here (`find_toolchain`), or what stands in for it, unless
            given.

    Returns:
        The library, for the same source the same object as long as the process lives.

    Raises:
        BuildError: Without a compiler, and if it fails; the same source is not tried again in this process.
    """
    with _lock:
        if toolchain is None:
            toolchain = in_use()
        key = hashlib.sha256(repr((source, toolchain.identity())).encode()).hexdigest()
        if key in _failures:
            raise BuildError(_failures[key])
        if key not in _libraries:
            stem = f"{re.sub(r'[^A-Za-z0-9_]', '_', name)[:60]}-{key[:20]}"
            try:
                _libraries[key] = _cached_or_compiled(_Job(source, stem, toolchain))
            except BuildError as error:
                _failures[key] = str(error)
                raise
        return _libraries[key]


def in_use() -> Toolchain:
    """The toolchain that is set here, or what stands in for it; see `find_toolchain` for what it raises."""
    found = find_toolchain()
    return _stand_ins.get(found, found)


def stand_in(own: Toolchain, other: Toolchain) -> None:
    """From now on in this process, `other` compiles what `own` would."""
    _stand_ins[own] = other


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, where the module is imported only to say that it cannot work
    # A child may be forked while another thread compiles: nobody would release the lock there.
    os.register_at_fork(after_in_child=_renew_lock)


def _cached_or_compiled(job: _Job) -> ctypes.CDLL:
    _write_for_debugging(job)
    folder = cache_folder()
    try:
        _make(folder)
        problem = refusal(folder, f"{job.stem}-")
        if problem is None:
            return _cached(folder, job.stem) or _compiled(folder, job)
    except OSError as error:
        problem = str(error.strerror)
    unusable = f"{folder} ({problem})"
    try:
        return _compiled(_folder_of_this_process(unusable), job)
    except OSError as error:
        raise BuildError(
            f"neither {unusable} nor a temporary folder ({error.strerror}) can keep compiled libraries;"
            " set OSTINATO_CACHE to a folder that can be written"
        ) from error


def cache_folder() -> Path:
    """Where libraries are kept, whether it can be used or not; see `library`."""
    if chosen := os.environ.get("OSTINATO_CACHE"):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(caches):  # its specification says to ignore it then
        caches = os.path.expanduser("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return Path(caches, "ostinato")


def cache_problem() -> str | None:
    """Why libraries cannot be added to the cache folder, which is made if need be; None if they can."""
    folder = cache_folder()
    try:
        _make(folder)
        return refusal(folder) or (None if os.access(folder, os.W_OK) else "it cannot be written")
    except OSError as error:
        return str(error.strerror)


def _make(folder: Path) -> None:
    if not folder.is_absolute():
        raise FileNotFoundError(0, "the user has no home folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def refusal(folder: Path, stem: str = "") -> str | None:
    """Why nothing is to be loaded from a folder: it, or a library in it, may be somebody else's work; None if not.

    Args:
        folder: The folder; it exists.
        stem: How the names of the libraries begin that are of interest.
    """
    for file in (folder, *libraries(folder, stem)):
        with suppress(FileNotFoundError):  # another process has replaced a damaged library
            status = file.stat()
            if status.st_uid != os.geteuid():
                return f"{file} belongs to another user (number {status.st_uid}); nothing is loaded from it"
            if status.st_mode & 0o022:
                return f"others than you can write to {file}; nothing is loaded from it until you chmod 700 it"
    return None


def libraries(folder: Path, stem: str = "") -> list[Path]:
    """The libraries in a folder whose names begin so."""
    return [folder / name for name in os.listdir(folder) if name.startswith(stem) and name.endswith(".so")]


def _folder_of_this_process(instead_of: str) -> Path:
    global _private_folder
    if _private_folder is None:
        _private_folder = Path(tempfile.mkdtemp(prefix="ostinato-"))
        atexit.register(_remove, _private_folder, os.getpid())
        warnings.warn(
            f"the cache folder {instead_of} cannot keep compiled libraries, and each process compiles them anew;"
            " set OSTINATO_CACHE to a folder that you, and nobody else, can write",
            stacklevel=2,
        )
    return _private_folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not at the exit of a forked child
        shutil.rmtree(folder, ignore_errors=True)


def _cached(folder: Path, stem: str) -> ctypes.CDLL | None:
    """The library that the folder has; what is damaged or cannot be loaded is deleted."""
    for file in libraries(folder, f"{stem}-"):
        with suppress(OSError):
            # Its name says its content: loading a truncated library may end the process with a bus error.
            if file.stem == f"{stem}-{_digest(file)}":
                return ctypes.CDLL(str(file))
        with suppress(OSError):
            file.unlink()
    return None


def _compiled(folder: Path, job: _Job) -> ctypes.CDLL:
    """Compiles into `folder`; an OSError means that the folder is of no use.

    A library gets its name when it is whole and has been loaded. Processes that compile the same source at the same
    time do so in files of their own, and who comes last replaces an equal library.
    """
    _remove_leftovers(folder)
    handle, path = tempfile.mkstemp(_TEMPORARY, f".{job.stem}-", folder)
    os.close(handle)
    temporary = Path(path)
    try:
        start = time.perf_counter()
        problem, output = job.toolchain.compile(job.source, path)
        if problem:
            raise _failed(folder, job, problem, output)
        _LOG.info("compiled %s in %.2f s", job.stem, time.perf_counter() - start)
        try:
            loaded = ctypes.CDLL(path)
        except OSError as error:
            raise _failed(folder, job, f"makes a library that cannot be loaded ({error})", output) from error
        temporary.chmod(0o700)  # linkers make a file that others can write where the umask lets them
        temporary.replace(folder / f"{job.stem}-{_digest(temporary)}.so")
        return loaded
    finally:
        temporary.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _remove_leftovers(folder: Path) -> None:
    """Removes what compiles that were killed have left, when nobody can still be at work on it."""
    for temporary in folder.glob(f".*{_TEMPORARY}"):
        with suppress(OSError):  # another process does the same
            if temporary.stat().st_mtime < time.time() - _DAY:
                temporary.unlink()


def _failed(folder: Path, job: _Job, problem: str, output: str) -> BuildError:
    file = folder / "failed" / f"{job.stem}.cpp"
    command = shlex.join(job.toolchain.arguments(str(file), f"{job.stem}.so"))
    # The source comes first, so that the numbers of its lines are those that the compiler gave.
    _write(file, "\n".join([job.source, _comment(command), _comment(problem), _comment(output)]))
    return BuildError(
        f"{job.toolchain.command[0]} {problem}; source and output are in {file}; set CXX to another compiler, or"
        " OSTINATO_CACHE to another folder if this one is at fault, or choose a backend that compiles nothing"
    )


def _write_for_debugging(job: _Job) -> None:
    if chosen := os.environ.get("OSTINATO_DEBUG"):
        file = Path(os.path.abspath(os.path.expanduser(chosen)), f"{job.stem}.cpp")
        command = shlex.join(job.toolchain.arguments(str(file), f"{job.stem}.so"))
        try:
            _write(file, f"{_comment(command)}\n{job.source}")
        except OSError as error:
            message = (
                f"OSTINATO_DEBUG is {chosen!r}, which cannot be written ({error.strerror}); correct it, or unset it"
            )
            raise BuildError(message) from error


def _comment(text: str) -> str:
    return "\n".join(f"// {line}" for line in text.splitlines())


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", errors="replace")  # the name of a folder need not be valid text
