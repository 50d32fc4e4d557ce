"""The units of both sides, and the tags that say which language to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ostinato.data.pairs import ParallelTexts
from ostinato.data.tokenizers import Ids
from ostinato.errors import OstinatoError
from ostinato.tasks.seq2seq.batches import Pair
from ostinato.tasks.seq2seq.texts import SPECIALS, UNK, TextTokenizer
from ostinato.tasks.translation.settings import TranslatorSettings


@dataclass(frozen=True)
class Vocabularies:
    """Texts of both sides to numbers and back.

    With several target languages a source begins with a tag, ``<to fr>`` (Johnson et al. 2017).

    Attributes:
        source: Units of the texts to translate.
        own_target: Units of translations; None where both sides share the source's.
        languages: Languages of the translations, in the order of the alphabet; none where the data name none.
    """

    source: TextTokenizer
    own_target: TextTokenizer | None
    languages: tuple[str, ...]

    def __post_init__(self) -> None:
        """Makes sure that there is a tag for each language, and no other special unit."""
        others = [] if self.own_target is None else [self.own_target.tokenizer.specials == SPECIALS]
        if not all([self.source.tokenizer.specials == (*SPECIALS, *_tags(self.languages)), *others]):
            raise ValueError(f"the special units are not those of the languages {', '.join(self.languages)}")

    @classmethod
    def learn(cls, pairs: ParallelTexts, settings: TranslatorSettings) -> Self:
        """Those of the training pairs."""
        languages = tuple(sorted(set(pairs.languages or ())))
        tags = _tags(languages)
        if settings.shared_vocabulary:
            return cls(TextTokenizer.learn([*pairs.sources, *pairs.targets], settings, tags), None, languages)
        target = TextTokenizer.learn(pairs.targets, settings)
        return cls(TextTokenizer.learn(pairs.sources, settings, tags), target, languages)

    @property
    def shared(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.own_target is None

    @property
    def target(self) -> TextTokenizer:
        """Units of translations."""
        return self.source if self.own_target is None else self.own_target

    @property
    def unwritten(self) -> int:
        """How many of the target's first units are special ones."""
        return len(self.target.tokenizer.specials)

    def source_ids(self, text: str, language: str | None) -> Ids:
        """A text's numbers, its tag first."""
        ids = self.source.encode(text)
        if language is None:
            return ids
        return np.append(np.int32(len(SPECIALS) + self.languages.index(language)), ids)

    def pairs(self, pairs: ParallelTexts) -> list[Pair]:
        """Pairs as numbers.

        Raises:
            OstinatoError: For a language that training has not seen.
        """
        languages = self.checked(pairs.languages, len(pairs))
        each = zip(pairs.sources, pairs.targets, languages, strict=True)
        return [(self.source_ids(source, language), self.target.encode(target)) for source, target, language in each]

    def checked(self, languages: Sequence[str] | str | None, count: int) -> Sequence[str | None]:
        """The language to write each text in.

        Args:
            languages: One of each text, one for all, or None for the only one.
            count: Texts.

        Returns:
            One for each text; None where the model knows no names of languages.

        Raises:
            OstinatoError: For an unknown language, none where there is a choice, or one where there is none.
        """
        return known_languages(self.languages, languages, count)

    def text(self, ids: Sequence[int], copied: Sequence[str | None]) -> str:
        """A translation's text.

        Args:
            ids: Its units.
            copied: What stands for each unknown one of them, as in `copies`.
        """
        if not any(copied):
            return self.target.decode(ids)
        tokens = self.target.tokens(ids)
        return self.target.joined([copy or token for token, copy in zip(tokens, copied, strict=True)])

    def copies(self, ids: Sequence[int], source: str, weights: np.ndarray) -> list[str | None]:
        """The units of the source that attention looked at most where unknown ones were written.

        Args:
            ids: Of the translation.
            source: The text that was translated.
            weights: Of attention ``(target units + 1, source units + 1)``, a tag among the source's.

        Returns:
            A unit of the source for each unknown unit, None for the others.
        """
        parts = self.source.parts(source)
        looked = weights[:, 1 if self.languages else 0 :][:, : len(parts)].argmax(1)
        return [parts[place] if number == UNK else None for number, place in zip(ids, looked, strict=False)]


def _tags(languages: Sequence[str]) -> list[str]:
    return [f"<to {language}>" for language in languages]


def known_languages(known: Sequence[str], languages: Sequence[str] | str | None, count: int) -> Sequence[str | None]:
    """The language to write each text in, of those that a model knows; see `Vocabularies.checked`."""
    if languages is None:
        if len(known) > 1:
            raise OstinatoError(
                f"which language? This model translates to {', '.join(known)}: say to={known[0]!r}, or name it for "
                "each text in a table"
            )
        return [known[0] if known else None] * count
    every = [languages] * count if isinstance(languages, str) else languages
    for language in dict.fromkeys(every):
        if not known:
            raise OstinatoError(f"to {language!r}: this model was trained without names of languages: leave it out")
        if language not in known:
            raise OstinatoError(f"to {language!r}: this model translates to {', '.join(known)}")
    return every
