"""Dialogues: JSON Lines, two columns, or one turn per line -> checked turns -> what was said and the reply to it."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.text import Text
from ostinato.errors import OstinatoError

HEADER = ("said", "reply")
"""The names that the first line of a file of two columns may have."""


class Example(NamedTuple):
    """One thing to learn.

    Attributes:
        context: The turns before the reply, the oldest first.
        reply: What was said then.
    """

    context: tuple[str, ...]
    reply: str


@dataclass(frozen=True)
class Dialogue:
    """What was said in turn.

    Attributes:
        turns: The texts, runs of white space as one space.
        speakers: Who said each, where that is known.
        topic: What it is about, where that is known.
    """

    turns: tuple[str, ...]
    speakers: tuple[str, ...] | None = None
    topic: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a line of a JSON Lines file holds it."""
        about = {} if self.topic is None else {"topic": self.topic}
        if self.speakers is None:
            return about | {"turns": list(self.turns)}
        spoken = zip(self.speakers, self.turns, strict=True)
        return about | {"turns": [{"speaker": speaker, "text": text} for speaker, text in spoken]}


@dataclass(frozen=True)
class Dialogues:
    """Dialogues from files or from memory.

    Attributes:
        dialogues: One by one.
        origin: What errors call them.

    Example:
        >>> from ostinato.data import Dialogues
        >>> dialogues = Dialogues.of([["Hello.", "Good day.", "A cello, please."]])
        >>> dialogues.examples(context_turns=2)[-1]
        Example(context=('Hello.', 'Good day.'), reply='A cello, please.')
    """

    dialogues: tuple[Dialogue, ...]
    origin: str = "the dialogues"

    @classmethod
    def of(cls, source: "DialogueSource") -> "Dialogues":
        """The dialogues of a file, of every file in a folder, or of a list.

        A file is one of these, UTF-8, with ``.gz`` behind its name where it is compressed:

        - ``.jsonl``: a JSON object a line with ``turns``, a list of texts or of ``{"speaker": ..., "text": ...}``, and
          maybe a ``topic``; other keys are not read. Neighbouring turns of one speaker are joined to one.
        - any other name, where the first line holds a tab: two columns, what was said and the reply to it; a first line
          ``said<TAB>reply`` is a header.
        - any other name: one turn per line, a blank line between two dialogues.

        Args:
            source: A path, or a list of dialogues, each a list of texts or what a JSON line would hold.

        Raises:
            OstinatoError: For anything wrong with them, with file and line.
        """
        if isinstance(source, Dialogues):
            return source
        if isinstance(source, str | Path):
            paths = Text.of(source).paths
            found = [dialogue for path in paths for dialogue in _read(path)]
            origin = str(source)
        elif not isinstance(source, Sequence):
            raise OstinatoError(f"dialogues are a path, or a list of lists of texts, not a {type(source).__name__}")
        else:
            found = [_in_memory(entry, f"dialogue {number}") for number, entry in enumerate(source, 1)]
            origin = cls.origin
        if not found:
            raise OstinatoError(f"{origin}: no dialogue there: give at least one turn and the reply to it")
        return cls(tuple(found), origin)

    def __len__(self) -> int:
        return len(self.dialogues)

    def __iter__(self) -> Iterator[Dialogue]:
        return iter(self.dialogues)

    def split(self, share: float, seed: int = 0) -> tuple["Dialogues", "Dialogues"]:
        """Two parts, drawn at random: a dialogue is whole in one of them, and every copy of it in the same one.

        Args:
            share: Of the dialogues in the second part, above 0 and below 1; each part gets at least one.
            seed: Of the draw.

        Raises:
            OstinatoError: There are no two different dialogues to part, or the share is out of range.
        """
        if not 0 < share < 1:
            raise OstinatoError(f"the share of a part must be above 0 and below 1, got {share}")
        copies: dict[tuple[str, ...], list[int]] = {}
        for number, dialogue in enumerate(self.dialogues):
            copies.setdefault(dialogue.turns, []).append(number)
        groups = list(copies.values())
        if len(groups) < 2:
            raise OstinatoError(f"{self.origin}: {len(groups)} different dialogue cannot be split: give more of them")
        wanted, second = max(round(share * len(self)), 1), set[int]()
        for place in np.random.default_rng(seed).permutation(len(groups))[: len(groups) - 1]:
            if len(second) >= wanted:
                break
            second.update(groups[place])
        return self._part(set(range(len(self))) - second), self._part(second)

    def about(self, topics: Iterable[str]) -> "Dialogues":
        """Those with one of some topics.

        Raises:
            OstinatoError: No dialogue has one of them.
        """
        wanted = set(topics)
        chosen = {number for number, dialogue in enumerate(self.dialogues) if dialogue.topic in wanted}
        if not chosen:
            known = sorted({dialogue.topic for dialogue in self.dialogues if dialogue.topic is not None})
            there = f"their topics are {', '.join(known)}" if known else "they have no topics"
            raise OstinatoError(f"{self.origin}: no dialogue about {', '.join(sorted(wanted))}; {there}")
        return self._part(chosen)

    def examples(self, context_turns: int, speaker: str | None = None) -> list[Example]:
        """Every turn but the first of each dialogue, with the turns before it.

        Args:
            context_turns: At most so many turns before it, the last ones.
            speaker: Only turns of this speaker; None for everybody's.

        Raises:
            OstinatoError: The speaker says nothing.
        """
        found = [
            Example(dialogue.turns[max(place - context_turns, 0) : place], dialogue.turns[place])
            for dialogue in self.dialogues
            for place in range(1, len(dialogue.turns))
            if speaker is None or (dialogue.speakers is not None and dialogue.speakers[place] == speaker)
        ]
        if speaker is not None and not found:
            known = sorted({name for dialogue in self.dialogues for name in dialogue.speakers or ()})
            there = f"there are {', '.join(known)}" if known else "its turns name no speakers"
            raise OstinatoError(f"{self.origin}: no reply by a speaker {speaker!r}; {there}")
        return found

    def _part(self, numbers: set[int]) -> "Dialogues":
        return Dialogues(tuple(self.dialogues[number] for number in sorted(numbers)), self.origin)


DialogueSource = str | Path | Sequence[Sequence[str]] | Sequence[Mapping[str, Any]] | Dialogues
"""A file or folder by its path, or dialogues already in memory: lists of turns, or mappings as a JSON line holds."""


def _read(path: Path) -> Iterator[Dialogue]:
    lines = _lines(path)
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        return _json_lines(lines, path)
    first = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), None)
    if first is None:
        return iter(())
    number, line = first
    numbered = enumerate(lines, number + 1)
    return _columns(line, number, numbered, path) if "\t" in line else _turn_a_line(line, number, numbered, path)


def _lines(path: Path) -> Iterator[str]:
    """The checked lines of a file, decompressed where its name ends in .gz."""
    if path.suffix != ".gz":
        return Text.of(path).lines()
    try:
        content = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise OstinatoError(f"{path}: not a whole gzip file ({error}): compress or download it again") from None
    except OSError as error:
        raise OstinatoError(f"{path}: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise OstinatoError(f"{path}, line {line}: byte 0x{byte:02X} is not UTF-8 text: save it as UTF-8") from None
    return Text.of([text]).lines()


def _json_lines(lines: Iterator[str], path: Path) -> Iterator[Dialogue]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise OstinatoError(f"{where}: not JSON ({error}): each line holds one whole object") from None
        yield _from_mapping(content, where)


def _columns(first: str, number: int, lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Dialogue]:
    if tuple(name.strip().lower() for name in first.split("\t")) != HEADER:
        yield _row(first, f"{path}, line {number}")
    for number, line in lines:
        if line.strip():
            yield _row(line, f"{path}, line {number}")


def _row(line: str, where: str) -> Dialogue:
    fields = line.split("\t")
    if len(fields) != 2:
        raise OstinatoError(
            f"{where}: {len(fields)} columns where what was said and the reply make 2, separated by a tab"
        )
    return Dialogue(tuple(_clean(field, f"{where}, column {place}") for place, field in enumerate(fields, 1)))


def _turn_a_line(first: str, number: int, lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Dialogue]:
    turns = [_clean(first, f"{path}, line {number}")]
    for number, line in lines:
        if line.strip():
            if "\t" in line:
                raise OstinatoError(
                    f"{path}, line {number}: a tab, but line by line the turns have none: give every line two columns, "
                    "or none"
                )
            turns.append(_clean(line, f"{path}, line {number}"))
        elif turns:
            yield Dialogue(tuple(turns))
            turns = []
    if turns:
        yield Dialogue(tuple(turns))


def _in_memory(entry: Any, where: str) -> Dialogue:
    if isinstance(entry, Dialogue):
        return entry
    if isinstance(entry, Mapping):
        return _from_mapping(entry, where)
    return _from_mapping({"turns": list(entry) if isinstance(entry, tuple) else entry}, where)


def _from_mapping(content: Any, where: str) -> Dialogue:
    turns = content.get("turns") if isinstance(content, Mapping) else None
    if not isinstance(turns, list) or not turns:
        raise OstinatoError(f'{where}: no turns: a dialogue is {{"turns": ["Hello", "Hi, how are you?"]}}')
    topic = content.get("topic")
    if topic is not None and not isinstance(topic, str):
        raise OstinatoError(f"{where}: the topic is {topic!r}, no text")
    named = [isinstance(turn, Mapping) for turn in turns]
    if any(named):
        if not all(named):
            raise OstinatoError(f"{where}: some turns name their speaker and some do not: name all, or none")
        return _spoken(turns, topic, where)
    return Dialogue(tuple(_clean(turn, f"{where}, turn {place}") for place, turn in enumerate(turns, 1)), None, topic)


def _spoken(turns: Sequence[Mapping[str, Any]], topic: str | None, where: str) -> Dialogue:
    texts: list[str] = []
    speakers: list[str] = []
    for place, turn in enumerate(turns, 1):
        speaker = turn.get("speaker")
        if not isinstance(speaker, str):
            raise OstinatoError(f'{where}, turn {place}: a turn is a text, or {{"speaker": "...", "text": "..."}}')
        text = _clean(turn.get("text"), f"{where}, turn {place}")
        if speakers and speakers[-1] == speaker:
            texts[-1] += f" {text}"
        else:
            texts.append(text)
            speakers.append(speaker)
    return Dialogue(tuple(texts), tuple(speakers), topic)


def _clean(text: Any, where: str) -> str:
    """A checked turn, its runs of white space as one space."""
    if not isinstance(text, str):
        raise OstinatoError(f"{where}: {text!r} where a text should be")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OstinatoError(f"{where}: half of a surrogate pair, which is no character: mend the text") from None
    if "\0" in text:
        raise OstinatoError(f"{where}: a NUL character: the text is damaged")
    words = text.split()
    if not words:
        raise OstinatoError(f"{where}: nothing is said there: leave it out, or write what was said")
    return " ".join(words)
