"""Settings that have a command-line option of their own."""

from typing import NamedTuple

DATA = "Options: the data"
"""Title of a group of options in the help."""

MODEL = "Options: the model"
"""Title of a group of options in the help."""

SCORE = "Options: stopping and scoring"
"""Title of a group of options in the help."""


class Option(NamedTuple):
    """Marks a setting that has a command-line option of its own.

    Attributes:
        metavar: What stands for its value in the help: COLUMN, NAME, N, SHARE, X. A bool is a flag and has none.
        group: The title it stands under.
        help: In place of the field's description, where that is too long for a line or two.
        name: The option, where it is not the setting's name: ``--feature`` of `features`, which is repeated.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import BaseModel, Field
        >>> from ostinato.training import DATA, Option
        >>> class Settings(BaseModel):
        ...     target: Annotated[str, Option("COLUMN", DATA)] = Field(default="y", description="What is forecast.")
        >>> Settings.model_fields["target"].metadata[0].metavar
        'COLUMN'
    """

    metavar: str = "NAME"
    group: str = MODEL
    help: str = ""
    name: str = ""
