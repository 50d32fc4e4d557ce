"""`ostinato tag`: running text in, what is marked in it out."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ostinato import tasks
from ostinato.cli.file_options import Encoding
from ostinato.cli.outputs import check_file
from ostinato.cli.screen import screen
from ostinato.cli.standard_input import texts_or_lines
from ostinato.errors import OstinatoError


def tag(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved tagger of words.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT", help="Texts, each in quotation marks; without any, or with -, lines of standard input."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a text: what is marked, from which character to which.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw it, as an HTML page that needs nothing else.")
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Tag running text: the names in it, or the tag of each word, one line for each text.

    Words are parted here. Files of one word a line are tagged by: ostinato predict

    Example:
      ostinato tag model/ "Anna went to Paris."
      ostinato tag model/ --json < texts.txt
    """
    if html is not None:
        check_file(html)
    tagger = tasks.load(model)
    if not isinstance(tagger, tasks.SequenceTagger):
        raise OstinatoError(f"{model} is a {type(tagger).__name__}: tag needs a SequenceTagger")
    console, colours, drawn = screen(), tagger.colours, []
    for chunk in texts_or_lines(texts, encoding):
        for tagged in tagger.mark(chunk):
            if as_json:
                typer.echo(json.dumps(tagged.to_dict(), ensure_ascii=False))
            else:
                console.print(tagged.rich(colours), soft_wrap=True)
            if html is not None:
                drawn.append(tagged)
    if html is not None:
        from ostinato.storage import write_durably  # not before: it brings torch
        from ostinato.tasks.tagging.running_text import page

        write_durably(html, page(drawn, colours).encode())
