"""Every choice a Translator leaves to its user."""

from typing import Annotated

from pydantic import Field

from ostinato.data.pairs import PairColumns
from ostinato.options import DATA, Option
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings
from ostinato.tasks.settings import TableSettings


class TranslatorSettings(TableSettings, Seq2SeqSettings):
    """Settings of `ostinato.Translator`: its own and those of every task from text to text (`Seq2SeqSettings`)."""

    source_column: Annotated[str, Option("COLUMN", DATA)] = Field(
        "source", min_length=1, description="Column or key of the texts to translate."
    )
    target_column: Annotated[str, Option("COLUMN", DATA)] = Field(
        "target", min_length=1, description="Column or key of the translations."
    )
    language_column: Annotated[str, Option("COLUMN", DATA)] = Field(
        "language", min_length=1, description="Column or key of the translation's language, where there are several."
    )
    copy_unknown: bool = Field(
        True,
        description="Whether an unknown unit in a translation is replaced by the one of the source that attention "
        "looks at most (Luong et al. 2015b).",
    )

    @property
    def columns(self) -> PairColumns:
        """The names of the columns."""
        return PairColumns(self.source_column, self.target_column, self.language_column)
