import os
import platform
import signal
import sys
from pathlib import Path

import pytest
from build_scenario import SOURCE, shell_compiler, wait_for

from ostinato.engine import toolchain
from ostinato.engine.toolchain import BuildError, find_toolchain

FLAGS = "-std=c++17 -O3 -march=native -fno-math-errno -fno-trapping-math -ffp-contract=fast -fPIC -shared -fopenmp"


@pytest.fixture(autouse=True)
def kernels(tmp_path, monkeypatch):
    """Kernels and an environment that the test alone changes."""
    monkeypatch.delenv("CXX", raising=False)
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
        assert find_toolchain() == ((str(tmp_path / name),), "c++ 9.9\n")


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
    assert ("-mprefer-vector-width=512" in arguments) == (platform.machine() == "x86_64")
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
    monkeypatch.setattr(toolchain, "_TIMEOUT", 0.2)
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


def test_it_depends_on_the_machine_which_is_the_same_at_every_look(monkeypatch):
    identity = find_toolchain().identity()
    toolchain._machine.cache_clear()
    assert find_toolchain().identity() == identity
    assert platform.machine() in identity
    monkeypatch.setattr(toolchain, "_machine", lambda: "an older processor")
    assert find_toolchain().identity() != identity


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel says nothing of the processor")
def test_the_machine_is_told_by_what_its_processor_can_do():
    assert "\nflags\t" in toolchain._machine() or "\nFeatures\t" in toolchain._machine()
    assert "MHz" not in toolchain._machine()


def test_it_does_not_depend_on_where_the_package_is_installed(tmp_path, monkeypatch):
    identity = find_toolchain().identity()
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "other")
    assert find_toolchain().identity() == identity


def test_a_package_in_an_archive_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "_KERNELS", tmp_path / "ostinato.zip" / "ostinato" / "engine" / "kernels")
    assert "install ostinato as files" in refusal(find_toolchain().identity)
