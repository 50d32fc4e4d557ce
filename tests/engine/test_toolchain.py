import os
import signal
import sys
from pathlib import Path

import pytest
from build_scenario import SOURCE, shell_compiler, wait_for

from ostinato.engine import target, toolchain
from ostinato.engine.target import BuildError, native, runnable
from ostinato.engine.toolchain import find_toolchain

FLAGS = "-std=c++17 -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp-simd -fPIC -shared"


@pytest.fixture(autouse=True)
def kernels(tmp_path, monkeypatch):
    """Kernels and an environment that the test alone changes."""
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("OSTINATO_MARCH", raising=False)
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "kernels")
    (tmp_path / "kernels").mkdir()
    toolchain._version.cache_clear()
    yield tmp_path / "kernels"
    toolchain._version.cache_clear()


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Makes CXX a compiler of shell lines."""

    def name(body, arguments="", version="9.9"):
        script = shell_compiler(tmp_path / "cxx", body, version)
        monkeypatch.setenv("CXX", f"{script} {arguments}")
        toolchain._version.cache_clear()
        return find_toolchain()

    return name


def compiled(found, tmp_path, source=SOURCE):
    problem, output = found.compile(source, str(tmp_path / "library.so"))
    assert (problem, output) == (None, "")
    return (tmp_path / "library.so").read_bytes()


def problem_of(found, tmp_path, source=SOURCE):
    problem, _ = found.compile(source, str(tmp_path / "library.so"))
    return problem


def refusal(call=find_toolchain):
    with pytest.raises(BuildError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message


def ended(pid):
    """Whether a process is gone, or only not yet waited for by its parent."""
    try:
        os.kill(int(pid), 0)
        return Path(f"/proc/{int(pid)}/cmdline").read_bytes() == b""
    except (ProcessLookupError, FileNotFoundError):
        return True


# Which compiler


def test_the_compilers_are_tried_in_order(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("clang++", "g++", "c++"):
        shell_compiler(tmp_path / name, "exit 1")
        assert find_toolchain() == ((str(tmp_path / name),), "c++ 9.9\n", native())


def test_the_named_compiler_goes_first_and_may_hold_arguments(named, tmp_path):
    found = named('exec c++ "$@"', arguments="-DOTHER='a b' -DNUMBER=7")
    assert found.command == (str(tmp_path / "cxx"), "-DOTHER=a b", "-DNUMBER=7")
    compiled(found, tmp_path, "static_assert(NUMBER == 7);")


def test_without_a_compiler_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "none of c++, g++ and clang++ is on PATH; install one" in refusal()


def test_a_named_compiler_that_is_not_there_is_an_error_and_no_other_is_taken(monkeypatch):
    monkeypatch.setenv("CXX", "icpx -O2")
    assert refusal() == "CXX is 'icpx -O2', and there is no program 'icpx'; correct it, or unset it"


def test_a_named_compiler_that_is_no_command_is_an_error(monkeypatch):
    monkeypatch.setenv("CXX", "g++ 'half")
    assert refusal().startswith('CXX is "g++ \'half", which is no command (')


def test_a_compiler_that_cannot_be_started_is_an_error(tmp_path, monkeypatch):
    script = tmp_path / "cxx"
    script.write_text("#!/no/such/shell\n")
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    assert refusal().startswith(f"{script} --version cannot be started (No such file or directory); ")


def test_windows_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert "WSL" in refusal()


# How it is called


def test_every_flag_reaches_it(named, tmp_path, kernels):
    compiled(named(f'echo "$@" > {tmp_path}/arguments; exec c++ "$@"'), tmp_path)
    arguments = (tmp_path / "arguments").read_text()
    assert set(arguments.split()) > set(FLAGS.split())
    assert f" {native().flags[0]} " in arguments
    assert arguments.split()[-2:] == ["-o", str(tmp_path / "library.so")]
    assert f" -I {kernels} " in arguments


def test_a_source_includes_the_kernels(tmp_path, kernels):
    (kernels / "number.hpp").write_text("#define NUMBER 7\n")
    compiled(find_toolchain(), tmp_path, '#include "number.hpp"\nstatic_assert(NUMBER == 7);')


def test_the_same_source_gives_the_same_bytes(tmp_path):
    assert compiled(find_toolchain(), tmp_path) == compiled(find_toolchain(), tmp_path)


def test_the_first_line_with_an_error_is_the_problem(tmp_path):
    problem, output = find_toolchain().compile("// größer\nint f() { return a + b; }", str(tmp_path / "library.so"))
    assert problem.startswith("says: <stdin>:2:18: error: ")
    assert output.count("error: ") == 2


def test_a_linker_is_quoted_itself_and_not_the_compiler_that_called_it(named, tmp_path):
    link = 'echo "ld: final link failed: No space left on device"; echo "collect2: error: ld returned 1"; exit 1'
    assert problem_of(named(link), tmp_path) == "says: ld: final link failed: No space left on device"


def test_errors_are_in_english_whatever_the_language_of_the_user(named, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert problem_of(named('echo "$LC_ALL"; exit 1'), tmp_path) == "says: C"


def test_a_compiler_that_fails_without_a_word_still_makes_a_sentence(named, tmp_path):
    assert problem_of(named("exit 3"), tmp_path) == "says: nothing, and fails"


def test_what_it_prints_need_not_be_text(named, tmp_path):
    assert problem_of(named(r"printf '\377 error'; exit 1"), tmp_path) == "says: \ufffd error"


def test_a_killed_compiler_is_a_problem(named, tmp_path):
    assert problem_of(named("kill -9 $$"), tmp_path) == f"was killed (signal {signal.SIGKILL:d})"


def test_one_that_takes_too_long_is_ended_with_its_children(named, tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "TIMEOUT", 0.2)
    found = named(f"sleep 60 & echo $! > {tmp_path}/child; wait")
    assert problem_of(found, tmp_path) == "took longer than 0.2 s"
    wait_for(lambda: ended((tmp_path / "child").read_text()))


def test_one_that_is_interrupted_is_ended_with_its_children(named, tmp_path):
    found = named(f"cat; sleep 60 & echo $! > {tmp_path}/child; kill -INT {os.getpid()}; wait")
    with pytest.raises(KeyboardInterrupt):
        problem_of(found, tmp_path)
    wait_for(lambda: ended((tmp_path / "child").read_text()))


# What its machine code depends on


def test_it_depends_on_the_compiler_and_its_version(named):
    identity = find_toolchain().identity()
    wrapped = named('exec c++ "$@"').identity()
    upgraded = named('exec c++ "$@"', version="10.0").identity()
    assert len({identity, wrapped, upgraded}) == 3


def test_it_depends_on_the_flags(monkeypatch):
    identity = find_toolchain().identity()
    monkeypatch.setattr(toolchain, "_FLAGS", (*toolchain._FLAGS, "-g"))
    assert find_toolchain().identity() != identity


def test_it_depends_on_the_names_and_contents_of_the_kernels(kernels):
    identities = {find_toolchain().identity()}
    for change in (
        lambda: (kernels / "a.hpp").touch(),
        lambda: (kernels / "a.hpp").write_text("#define NUMBER 7\n"),
        lambda: (kernels / "a.hpp").rename(kernels / "b.hpp"),
    ):
        change()
        identities.add(find_toolchain().identity())
    assert len(identities) == 4


def test_it_depends_on_the_target(monkeypatch):
    identities = {find_toolchain().identity()}
    for chosen in runnable():
        monkeypatch.setenv("OSTINATO_MARCH", chosen.name)
        identities.add(find_toolchain().identity())
    assert len(identities) == 1 + len(runnable())


def test_the_own_target_of_another_processor_is_another(monkeypatch):
    own = find_toolchain().identity()
    target._described.cache_clear()
    assert find_toolchain().identity() == own  # the same at every look
    monkeypatch.setattr(target, "_described", lambda: "an older processor")
    assert find_toolchain().identity() != own


def test_a_named_target_is_the_same_on_all_processors_that_can_run_it(monkeypatch):
    monkeypatch.setenv("OSTINATO_MARCH", runnable()[0].name)
    here = find_toolchain().identity()
    monkeypatch.setattr(target, "_described", lambda: "an older processor")
    assert find_toolchain().identity() == here


def test_lower_targets_stand_in_for_the_own_one_only(monkeypatch):
    assert [one.target for one in find_toolchain().lower()] == runnable()[::-1]
    monkeypatch.setenv("OSTINATO_MARCH", runnable()[-1].name)
    assert find_toolchain().lower() == []


def test_it_does_not_depend_on_where_the_package_is_installed(tmp_path, monkeypatch):
    identity = find_toolchain().identity()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "other")
    assert find_toolchain().identity() == identity


def test_a_package_in_an_archive_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "ostinato.zip" / "ostinato" / "engine" / "kernels")
    assert "install ostinato as files" in refusal(find_toolchain().identity)
