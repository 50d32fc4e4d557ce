"""The command line run inside the test process, with what it printed and its exit code."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

import pytest

from ostinato.cli import main

TINY = ["--horizon=7", "--no-peers", "--set=hidden_size=8", "--set=batches_per_epoch=5", "--set=epochs=2"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def run(*arguments, columns=80):
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["ostinato", *map(str, arguments)]),
        mock.patch.dict(os.environ, COLUMNS=str(columns)),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ending,
    ):
        main()
    return Ended(ending.value.code or 0, out.getvalue(), err.getvalue())


def error_of(*arguments):
    """The message of a command that must end as bad input does: one line on stderr, nothing on stdout, exit code 2."""
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    return ended.err.removeprefix("error: ").rstrip()
