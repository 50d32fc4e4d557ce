"""How files are written: options of the commands that use a saved model."""

from typing import Annotated

import typer

Encoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Encoding of standard input: latin-1, cp1252, utf-16, ...; UTF-8 unless given."),
]
"""Of commands that read lines."""

FileEncoding = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Encoding of DATA: latin-1, cp1252, utf-16, ...; as in training unless given."),
]
"""Of commands that read files."""

Decimal = Annotated[
    str | None,
    typer.Option(
        metavar="MARK",
        help="Decimal sign of numbers, . or a comma; as in training, or found for each column, unless given.",
    ),
]
Thousands = Annotated[str | None, typer.Option(metavar="MARK", help="Mark between their thousands, likewise.")]
