"""Every example runs as it stands, and says what it promises."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_carried_state_lets_the_truncated_example_see_further_than_a_chunk(capsys):
    runpy.run_path(str(EXAMPLES[-1].with_name("truncated_bptt.py")), run_name="__main__")
    *_, last, zero = capsys.readouterr().out.strip().splitlines()
    assert float(last.split()[-1]) < float(zero.split()[-1]) / 4
