import json
import logging
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import build_scenario
import pytest
import torch
from build_scenario import SOURCE, shell_compiler

from ostinato.engine import build, target, toolchain
from ostinato.engine.build import BuildError, library, refusal

KERNELS = toolchain._KERNELS
BROKEN = 'extern "C" int answer() { return nothing; }\n'


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and kernels and an environment that the test alone changes."""
    for name in ("CXX", "OSTINATO_DEBUG", "OSTINATO_MARCH", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "kernels")
    monkeypatch.setattr(build, "_libraries", {})
    monkeypatch.setattr(build, "_failures", {})
    monkeypatch.setattr(build, "_private_folder", None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    shutil.copy(KERNELS / "threads.hpp", tmp_path / "kernels")
    as_in_a_new_process()
    yield tmp_path / "cache"
    as_in_a_new_process()


def as_in_a_new_process():
    build._libraries.clear()
    build._failures.clear()
    build._private_folder = None
    toolchain._version.cache_clear()


@pytest.fixture
def compiles(caplog):
    """Looks up the log lines of real compiles."""
    caplog.set_level(logging.INFO, logger="ostinato.engine")
    return lambda: [record for record in caplog.records if record.name == "ostinato.engine"]


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """What happened to real processes; see `build_scenario`."""
    root = tmp_path_factory.mktemp("processes")
    subprocess.run([sys.executable, build_scenario.__file__, root], check=True, timeout=60)
    return root, json.loads((root / "results.json").read_text())


def libraries(folder):
    return sorted(folder.glob("*.so"))


def answer(source=SOURCE, name="Answer"):
    return library(source, name).answer()


def only(names):
    (name,) = names
    return name


def failure(source=SOURCE):
    with pytest.raises(BuildError) as caught:
        answer(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


# What a library is


def test_a_source_becomes_a_library_with_its_functions(cache):
    assert answer() == 42
    assert [path.name for path in cache.iterdir()] == [only(libraries(cache)).name]  # and nothing is left beside it


def test_the_name_is_only_for_people_and_made_fit_for_a_file(cache):
    answer(name="models.<locals>.Zelle/Größe")
    assert only(libraries(cache)).name.startswith("models__locals__Zelle_Gr__e-")


def test_a_very_long_name_still_makes_a_file(cache):
    assert answer(name="Cell" * 100) == 42


def test_a_source_may_hold_letters_beyond_ascii():
    assert answer('// größer\nextern "C" int answer() { return sizeof(u8"é") - 1; }') == 2


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="only there torch's libgomp is the compiler's"
)
def test_a_library_shares_the_threads_of_torch():
    before = torch.get_num_threads()
    probe = library('#include "threads.hpp"\nextern "C" int threads() { return omp_get_max_threads(); }', "probe")
    try:
        torch.set_num_threads(3)
        assert probe.threads() == 3
    finally:
        torch.set_num_threads(before)
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libgomp" in line}
    # a wheel that brings its own has renamed it (scikit-learn's: libgomp-<hash>.so); the compiler asks for libgomp.so
    assert len([path for path in mapped if Path(path).name.startswith("libgomp.so")]) == 1


# What is kept


def test_a_process_has_one_object_for_a_source():
    assert library(SOURCE, "Answer") is library(SOURCE, "Answer")


def test_a_new_process_loads_what_another_compiled(compiles):
    answer()
    as_in_a_new_process()
    assert answer() == 42
    assert len(compiles()) == 1


def test_threads_that_ask_at_once_share_one_compile(compiles):
    found = []
    threads = [threading.Thread(target=lambda: found.append(library(SOURCE, "Answer"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == len(compiles()) == 1


def test_each_real_compile_is_logged_with_what_and_how_long(compiles):
    answer()
    answer()
    line = only(compiles())
    assert line.levelname == "INFO"
    assert line.getMessage().startswith("compiled Answer-")
    assert line.getMessage().endswith(" s")


def test_another_source_is_another_library(cache):
    assert answer() == 42
    assert answer(SOURCE.replace("42", "43")) == 43
    assert len(libraries(cache)) == 2


def test_an_upgraded_compiler_compiles_again(tmp_path, monkeypatch, compiles):
    monkeypatch.setenv("CXX", str(shell_compiler(tmp_path / "cxx", 'exec c++ "$@"', version="9.9")))
    answer()
    shell_compiler(tmp_path / "cxx", 'exec c++ "$@"', version="10.0")
    as_in_a_new_process()
    answer()
    assert len(compiles()) == 2


def test_whatever_the_machine_code_depends_on_makes_another_library(monkeypatch, compiles):
    answer()
    monkeypatch.setattr(target, "_described", lambda: "an older processor")
    answer()
    (toolchain._KERNELS / "new.hpp").touch()
    answer()
    assert len(compiles()) == 3


# Where it is kept


@pytest.mark.parametrize("name", ["with space", "größe", "-f", "a'b", "*?[x]"])
def test_the_cache_folder_may_have_any_name(tmp_path, monkeypatch, compiles, name):
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / name / "deeper"))
    for _ in range(2):
        as_in_a_new_process()
        assert answer() == 42
    assert len(libraries(tmp_path / name / "deeper")) == len(compiles()) == 1


def test_a_relative_cache_folder_is_taken_from_the_working_folder(tmp_path, monkeypatch, compiles):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OSTINATO_CACHE", "here")
    for _ in range(2):
        as_in_a_new_process()
        answer()
    assert len(libraries(tmp_path / "here")) == len(compiles()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the folder of caches has another name")
@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"OSTINATO_CACHE": "/o", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/o"),
        ({"OSTINATO_CACHE": "~/o", "HOME": "/h"}, "/h/o"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/ostinato"),
        ({"HOME": "/h"}, "/h/.cache/ostinato"),
        ({"OSTINATO_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/ostinato"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/ostinato"),
    ],
)
def test_the_cache_folder_is_the_named_one_else_in_the_folder_of_caches(monkeypatch, environment, folder):
    monkeypatch.delenv("OSTINATO_CACHE")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert build.cache_folder() == Path(folder)


def test_a_new_cache_folder_is_for_its_owner_alone(cache):
    answer()
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_strict_umask_does_no_harm(cache, compiles):
    before = os.umask(0o077)
    try:
        answer()
    finally:
        os.umask(before)
    assert only(libraries(cache)).stat().st_mode & 0o077 == 0
    as_in_a_new_process()
    answer()
    assert len(compiles()) == 1


def test_an_unusable_cache_folder_is_replaced_for_this_process_with_one_warning(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "cache"
    monkeypatch.setenv("OSTINATO_CACHE", str(folder))
    with pytest.warns(UserWarning, match=rf"^the cache folder {folder} \(Not a directory\) cannot .* OSTINATO_CACHE"):
        assert answer() == 42
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert answer(SOURCE.replace("42", "43")) == 43
    private = only(tmp_path.glob("ostinato-*"))
    assert len(libraries(private)) == 2
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_user_without_a_home_gets_no_folder_named_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OSTINATO_CACHE")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does for a user whom nobody knows
    with pytest.warns(UserWarning, match="no home folder"):
        assert answer() == 42
    assert not list(tmp_path.glob("~*"))


def test_a_filled_cache_folder_serves_even_where_nothing_can_be_written(monkeypatch, compiles):
    answer()
    as_in_a_new_process()
    monkeypatch.setattr(tempfile, "mkstemp", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert answer() == 42
    assert len(compiles()) == 1


def test_without_any_folder_the_error_names_both(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("OSTINATO_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file" / "temporary"))
    message = failure()
    assert message.startswith(f"neither {tmp_path}/file/cache (Not a directory) nor a temporary folder")
    assert "set OSTINATO_CACHE" in message


# Whose it is


def writable(path):
    path.chmod(0o770)


def given_away(path):
    os.chown(path, 12345, -1)


OTHERS = [
    pytest.param(writable, "others than you can write to {}", id="others can write"),
    pytest.param(
        given_away,
        "{} belongs to another user (number 12345)",
        id="another user's",
        marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; whose it is goes untested"),
    ),
]


@pytest.mark.parametrize(("change", "problem"), OTHERS)
def test_a_folder_that_may_be_somebody_elses_is_refused_by_name(cache, compiles, change, problem):
    answer()
    as_in_a_new_process()
    change(cache)
    before = sorted(cache.iterdir())
    with pytest.warns(UserWarning, match=re.escape(f"the cache folder {cache} ({problem.format(cache)}")):
        assert answer() == 42
    assert len(compiles()) == 2  # nothing was loaded from it, nor written to it
    assert sorted(cache.iterdir()) == before


@pytest.mark.parametrize(("change", "problem"), OTHERS)
def test_a_library_that_may_be_somebody_elses_is_refused_by_name(cache, compiles, change, problem):
    answer()
    as_in_a_new_process()
    change(only(libraries(cache)))
    with pytest.warns(UserWarning, match=re.escape(f"({problem.format(only(libraries(cache)))}")):
        assert answer() == 42
    assert len(compiles()) == 2


def test_a_folder_that_others_can_only_read_serves(cache, compiles):
    answer()
    as_in_a_new_process()
    cache.chmod(0o755)
    answer()
    assert len(compiles()) == 1
    assert refusal(cache) is None


def test_a_library_is_its_owners_alone_whatever_the_umask(cache):
    before = os.umask(0)
    try:
        answer()
    finally:
        os.umask(before)
    assert only(libraries(cache)).stat().st_mode & 0o777 == 0o700


# What is damaged


@pytest.mark.parametrize(
    "damage", [lambda whole: b"", lambda whole: whole[: len(whole) // 2], lambda whole: b"x" * 9000]
)
def test_a_damaged_library_is_compiled_again(cache, compiles, damage):
    answer()
    file = only(libraries(cache))
    whole = file.read_bytes()
    file.unlink()  # the one in use must stay as it is
    file.write_bytes(damage(whole))
    as_in_a_new_process()
    assert answer() == 42
    assert len(compiles()) == 2
    assert only(libraries(cache)).read_bytes() == whole


def test_a_whole_library_that_cannot_be_loaded_here_is_compiled_again(cache, compiles):
    answer()
    file = only(libraries(cache))
    stem = file.stem.rpartition("-")[0]
    file.unlink()
    file.write_bytes(b"for another system")
    foreign = file.rename(cache / f"{stem}-{build._digest(file)}.so")
    as_in_a_new_process()
    assert answer() == 42
    assert len(compiles()) == 2
    assert not foreign.exists()


def test_a_compiled_library_that_cannot_be_loaded_is_an_error_and_not_kept(tmp_path, monkeypatch, cache):
    script = shell_compiler(tmp_path / "cxx", 'for last; do :; done; echo nonsense > "$last"')
    monkeypatch.setenv("CXX", str(script))
    message = failure()
    assert message.startswith(f"{script} makes a library that cannot be loaded (")
    assert "OSTINATO_CACHE" in message  # a folder may forbid to run what it holds
    assert not libraries(cache)


def test_what_killed_compiles_left_goes_after_a_day(cache):
    cache.mkdir()
    old, new, foreign = cache / ".Old-1.ostinato-tmp", cache / ".New-2.ostinato-tmp", cache / ".editor.tmp"
    for file, age in ((old, 90_000), (new, 80_000), (foreign, 90_000)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    answer()
    assert not old.exists()
    assert new.exists()
    assert foreign.exists()


# What fails


def test_a_source_that_does_not_compile_is_an_error_with_the_first_line_and_a_file(cache):
    message = failure(BROKEN)
    assert "<stdin>:1:34: error: " in message
    file = only((cache / "failed").iterdir())
    assert str(file) in message
    kept = file.read_text()
    assert kept.startswith(BROKEN)
    assert "-march=native" in kept
    assert kept.count("error: ") >= 2  # in the problem and in the whole output
    assert [path.name for path in cache.iterdir()] == ["failed"]


def test_the_kept_file_is_source_again(cache):
    failure(BROKEN)
    kept = only((cache / "failed").iterdir()).read_text()
    assert answer(kept.replace("nothing", "5")) == 5


def test_a_source_that_failed_is_not_tried_again_in_the_process(tmp_path, monkeypatch):
    script = shell_compiler(tmp_path / "cxx", f"echo tried >> {tmp_path}/tries; echo no; exit 1")
    monkeypatch.setenv("CXX", str(script))
    first = failure()
    assert first.startswith(f"{script} says: no; ")
    assert failure() == first
    assert (tmp_path / "tries").read_text().split() == ["tried"]
    as_in_a_new_process()
    failure()
    assert (tmp_path / "tries").read_text().split() == ["tried"] * 2


def test_a_compiler_that_takes_too_long_or_is_killed_is_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "TIMEOUT", 0.2)
    for work, problem in (("sleep 60", "took longer than 0.2 s"), ("kill -9 $$", "was killed (signal 9)")):
        script = shell_compiler(tmp_path / work[:4], f"echo tried >> {tmp_path}/tries; {work}")
        monkeypatch.setenv("CXX", str(script))
        first = failure()
        assert first.startswith(f"{script} {problem}; ")
        assert failure() == first
    assert (tmp_path / "tries").read_text().split() == ["tried"] * 2


def test_an_interrupted_compile_leaves_nothing_and_may_be_tried_again(tmp_path, monkeypatch, cache):
    interrupt = (
        f'[ -e {tmp_path}/again ] && exec c++ "$@"; touch {tmp_path}/again; cat; kill -INT {os.getpid()}; sleep 60'
    )
    monkeypatch.setenv("CXX", str(shell_compiler(tmp_path / "cxx", interrupt)))
    with pytest.raises(KeyboardInterrupt):
        answer()
    assert not list(cache.iterdir())
    assert answer() == 42


# What a person may look at


def test_the_debug_folder_gets_the_source_under_its_command_cached_or_not(tmp_path, monkeypatch, cache):
    answer()
    as_in_a_new_process()
    monkeypatch.setenv("OSTINATO_DEBUG", str(tmp_path / "debug" / "größe"))
    answer()
    file = only((tmp_path / "debug" / "größe").iterdir())
    assert only(libraries(cache)).name.startswith(f"{file.stem}-")
    command, source = file.read_text().split("\n", 1)
    assert command.startswith("// ")
    assert source == SOURCE
    subprocess.run(command.removeprefix("// "), shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / f"{file.stem}.so").exists()


def test_a_debug_folder_that_cannot_be_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("OSTINATO_DEBUG", str(tmp_path / "file" / "debug"))
    assert failure().startswith(f"OSTINATO_DEBUG is '{tmp_path}/file/debug', which cannot be written (")


# What happens to whole processes


def test_two_processes_that_race_both_get_the_library_and_leave_one(processes):
    root, results = processes
    assert results["race"] == {"answers": [42, 42], "compiles": 2}
    assert len(list((root / "race" / "cache").iterdir())) == 1


def test_a_process_killed_in_the_middle_of_a_compile_leaves_only_a_temporary_file(processes):
    _, results = processes
    assert results["kill"]["code"] == -signal.SIGKILL
    left = only(results["kill"]["left"])
    assert left.startswith(".")
    assert left.endswith(".ostinato-tmp")
    assert results["kill"]["answer"] == 42  # of the next process, which does not mind


def test_a_child_forked_in_the_middle_of_a_compile_can_compile(processes):
    _, results = processes
    assert results["fork"] == {"child": 42}


def test_the_folder_of_a_process_goes_at_its_end_and_not_at_that_of_a_child(processes):
    root, results = processes
    assert results["private"]["answers"] == [42, 42, 42]
    assert len(results["private"]["warnings"]) == 1
    assert results["private"]["folders"] == 1
    assert not list((root / "private").glob("ostinato-*"))
