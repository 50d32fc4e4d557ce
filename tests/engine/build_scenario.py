"""What only happens to whole processes: they race, are killed, are forked in the middle, and end."""

import json
import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

from ostinato.engine import build, toolchain

SOURCE = 'extern "C" int answer() { return 42; }\n'


def shell_compiler(path, body, version="9.9"):
    """A compiler made of shell lines, but for the question for its version."""
    path.write_text(f'#!/bin/sh\ncase "$*" in *--version*) echo "c++ {version}"; exit;; esac\n{body}\n')
    path.chmod(0o755)
    return path


def slow_compiler(root, wait):
    """A compiler that leaves half a library, writes down that it has started and waits, and only then compiles."""
    half = 'for last; do :; done; printf half > "$last"'
    body = f'{half}; echo $$ >> "{root}/started"; {wait}; exec c++ "$@"'
    return str(shell_compiler(root / "slow", body))


def in_a_child(work):
    child = os.fork()
    if not child:
        os._exit(work())
    return child


def exit_code(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def answer():
    return build.library(SOURCE, "Answer").answer()


def wait_for(condition):
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def started(root):
    file = root / "started"
    return file.read_text().split() if file.exists() else []


def race(root):
    """Two processes, both in the middle of the same compile before either is ready."""
    both = f'while [ $(wc -l < "{root}/started") -lt 2 ]; do sleep 0.01; done'
    os.environ |= {"CXX": slow_compiler(root, both), "OSTINATO_CACHE": str(root / "cache")}
    children = [in_a_child(answer) for _ in range(2)]
    answers = [exit_code(child) for child in children]
    return {"answers": answers, "compiles": len(started(root))}


def kill(root):
    """A process killed in the middle of a compile; its compiler, which survives it, is killed too."""
    os.environ |= {"CXX": slow_compiler(root, "sleep 30"), "OSTINATO_CACHE": str(root / "cache")}
    child = in_a_child(answer)
    wait_for(lambda: started(root))
    os.kill(child, signal.SIGKILL)
    code = exit_code(child)
    os.killpg(int(started(root)[0]), signal.SIGKILL)
    slow_compiler(root, ":")
    return {"code": code, "left": os.listdir(root / "cache"), "answer": answer()}


def fork(root):
    """A child forked while another thread of its parent compiles."""
    os.environ |= {"CXX": slow_compiler(root, "sleep 0.3"), "OSTINATO_CACHE": str(root / "cache")}
    thread = threading.Thread(target=build.library, args=(SOURCE, "Parent"))
    thread.start()
    wait_for(lambda: started(root))
    child = in_a_child(answer)
    thread.join()
    return {"child": exit_code(child)}


def private(root):
    """A cache folder that cannot be: a forked child ends, then the process itself."""
    (root / "file").touch()
    os.environ |= {"OSTINATO_CACHE": str(root / "file" / "cache")}
    del os.environ["CXX"]
    tempfile.tempdir = str(root)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answers = [answer(), build.library(SOURCE + "//", "Other").answer()]
    child = os.fork()
    if not child:
        sys.exit(answer())
    answers.append(exit_code(child))
    folders = len(list(root.glob("ostinato-*")))
    return {"answers": answers, "warnings": [str(one.message) for one in caught], "folders": folders}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    toolchain._KERNELS = root
    results = {}
    for scenario in (race, kill, fork, private):
        folder = root / scenario.__name__
        folder.mkdir()
        build._libraries.clear()
        results[scenario.__name__] = scenario(folder)
    (root / "results.json").write_text(json.dumps(results))
