"""What the pages show runs as it stands, and what they link to is there."""

import io
import re
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from unittest import mock

import pytest

from ostinato.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
PROGRAMS = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("classify", "coming-from-torch-nn", "layers", "streams")),
]


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_from_its_first_block_to_its_last(page):
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert blocks
    names = {"__name__": page.stem}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@cache
def help_of(*command):
    """What a command's help prints."""
    out, arguments = io.StringIO(), ["ostinato", *command, "--help"]
    with (
        mock.patch.object(sys, "argv", arguments),
        mock.patch.dict("os.environ", COLUMNS="300"),
        redirect_stdout(out),
        pytest.raises(SystemExit) as ending,
    ):
        main()
    assert not ending.value.code, arguments
    return out.getvalue()


def commands_on(page):
    """The calls of `ostinato` that a page shows, in blocks (with comments) and within lines, as lists of words."""
    text = page.read_text().replace("\\\n", " ")
    # "ostinato beats every baseline" is what a command prints.
    calls = re.findall(r"^(?:\$ )?ostinato (?!beats )[a-z].*$|(?<=`)ostinato [a-z][^`]*(?=`)", text, flags=re.MULTILINE)
    return [[word.rstrip(",;:") for word in call.removeprefix("$ ").split()[1:]] for call in calls]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_is_there_with_its_options(page):
    for command, *words in commands_on(page):
        task = words[0].replace("NAME", "forecaster") if command == "fit" and words else None
        shown = help_of(command, task) if task else help_of(command)
        asked = [word for word in words if word.startswith("-")] + (words[:1] if command == "demo" else [])
        assert [word for word in asked if not re.search(rf"(?<![\w-]){word}(?![\w-])", shown)] == []


def test_the_readme_is_short_and_its_picture_small():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    assert all((ROOT / image).stat().st_size < 60_000 for image in re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme))
