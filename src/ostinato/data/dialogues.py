"""Dialogues: JSON Lines, columns, a dialogue or a turn per line -> checked turns -> what was said and the reply."""

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ostinato.data.file_format import USUAL, FileFormat, refuse_halves
from ostinato.data.folds import Foldable
from ostinato.data.packed import ending_of
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

HEADER = ("said", "reply")
"""The names that the first line of a file of two columns may have."""

END_OF_TURN = "__eou__"
"""What stands after a turn where a line holds a whole dialogue."""

_SPEAKER = re.compile(r"\s*([^\W\d_][\w .'-]{0,29}):\s+(.*)")


class Example(NamedTuple):
    """One thing to learn.

    Attributes:
        context: The turns before the reply, the oldest first.
        reply: What was said then.
    """

    context: tuple[str, ...]
    reply: str


@dataclass(frozen=True, slots=True)
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
class Dialogues(Foldable):
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
    def of(cls, source: "DialogueSource", form: FileFormat = USUAL) -> "Dialogues":
        """The dialogues of a file, of every file in a folder, or of a list.

        A file is one of these, with ``.gz`` behind its name where it is compressed:

        - ``.jsonl``: a JSON object a line with ``turns``, a list of texts or of ``{"speaker": ..., "text": ...}``, and
          maybe a ``topic``; other keys are not read. Neighbouring turns of one speaker are joined to one.
        - any other name, where the first line holds ``__eou__``: a dialogue per line, that mark after each turn.
        - any other name, where the first line holds a tab: two columns, what was said and the reply to it; a first line
          ``said<TAB>reply`` is a header.
        - any other name: one turn per line, a blank line between two dialogues. Where every line begins with one of a
          few names and a colon (``Human 1: Hello.``), those are the speakers.

        Args:
            source: A path, or a list of dialogues, each a list of texts or what a JSON line would hold.
            form: How files are encoded.

        Raises:
            OstinatoError: For anything wrong with them, with file and line.
        """
        if isinstance(source, Dialogues):
            return source
        if isinstance(source, str | Path):
            paths = Text.of(source).paths
            found = [dialogue for path in paths for dialogue in _read(path, form)]
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

    def fold_keys(self) -> Sequence[Hashable]:
        return [dialogue.turns for dialogue in self.dialogues]

    def split(self, share: float, seed: int = 0) -> tuple["Dialogues", "Dialogues"]:
        """Two parts, drawn at random: a dialogue is whole in one of them, and every copy of it in the same one.

        One dialogue alone, of four turns or more, is cut: its end is the second part.

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
        if len(self) == 1 and len(self.dialogues[0].turns) >= 4:
            return self._cut(share)
        if len(groups) < 2:
            raise OstinatoError(f"{self.origin}: {len(groups)} different dialogue cannot be split: give more of them")
        wanted, second = max(round(share * len(self)), 1), set[int]()
        for place in np.random.default_rng(seed).permutation(len(groups))[: len(groups) - 1]:
            if len(second) >= wanted:
                break
            second.update(groups[place])
        return self.take(set(range(len(self))) - second), self.take(second)

    def _cut(self, share: float) -> tuple["Dialogues", "Dialogues"]:
        """The beginning and the end of the only dialogue, of two turns at least."""
        (whole,) = self.dialogues
        turns = len(whole.turns)
        place = min(max(round((1 - share) * turns), 2), turns - 2)
        first, second = (
            Dialogue(whole.turns[part], None if whole.speakers is None else whole.speakers[part], whole.topic)
            for part in (slice(place), slice(place, None))
        )
        return Dialogues((first,), self.origin), Dialogues((second,), self.origin)

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
        return self.take(chosen)

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

    def take(self, numbers: Iterable[int]) -> "Dialogues":
        """Some of them, by their numbers."""
        return Dialogues(tuple(self.dialogues[number] for number in sorted(numbers)), self.origin)


DialogueSource = str | Path | Sequence[Sequence[str]] | Sequence[Mapping[str, Any]] | Dialogues
"""A file or folder by its path, or dialogues already in memory: lists of turns, or mappings as a JSON line holds."""


def _read(path: Path, form: FileFormat) -> Iterator[Dialogue]:
    lines = Text.of(path, form=form).lines()
    if ending_of(path) == ".jsonl":
        return _json_lines(lines, path)
    first = next(((number, line) for number, line in enumerate(lines, 1) if line.strip()), None)
    if first is None:
        return iter(())
    numbered = chain([first], enumerate(lines, first[0] + 1))
    form_of = _marked if END_OF_TURN in first[1] else _columns if "\t" in first[1] else _turn_a_line
    return form_of(numbered, path)


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


def _marked(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Dialogue]:
    """A dialogue per line, a mark after each turn (DailyDialog and the Ubuntu corpus have it)."""
    for number, line in lines:
        where = f"{path}, line {number}"
        turns = [turn for turn in line.split(END_OF_TURN) if turn.strip()]
        if turns:
            yield Dialogue(tuple(_clean(turn, f"{where}, turn {place}") for place, turn in enumerate(turns, 1)))


def _columns(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Dialogue]:
    for place, (number, line) in enumerate(lines):
        header = not place and tuple(name.strip().lower() for name in line.split("\t")) == HEADER
        if line.strip() and not header:
            yield _row(line, f"{path}, line {number}")


def _row(line: str, where: str) -> Dialogue:
    fields = line.split("\t")
    if len(fields) != 2:
        raise OstinatoError(
            f"{where}: {len(fields)} columns where what was said and the reply make 2, separated by a tab"
        )
    return Dialogue(tuple(_clean(field, f"{where}, column {place}") for place, field in enumerate(fields, 1)))


def _turn_a_line(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Dialogue]:
    blocks: list[list[tuple[int, str]]] = [[]]
    for number, line in lines:
        if "\t" in line and line.strip():
            raise OstinatoError(
                f"{path}, line {number}: a tab, but line by line the turns have none: give every line two columns, "
                "or none"
            )
        if line.strip():
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    named = _name_speakers([line for block in blocks for _, line in block])
    for block in filter(None, blocks):
        if named:
            spoken = [_SPEAKER.match(line) for _, line in block]
            turns = [{"speaker": found[1].strip(), "text": found[2]} for found in spoken if found]
            yield _spoken(turns, None, [f"{path}, line {number}" for number, _ in block])
        else:
            yield Dialogue(tuple(_clean(line, f"{path}, line {number}") for number, line in block))


def _name_speakers(lines: Sequence[str]) -> bool:
    """Whether lines begin with the names of speakers: all with one, and few, each of whom speaks again."""
    found = [_SPEAKER.match(line) for line in lines]
    names = Counter(match[1].strip() for match in found if match)
    return all(found) and len(names) > 1 and min(names.values()) > 1


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
        return _spoken(turns, topic, [f"{where}, turn {place}" for place in range(1, len(turns) + 1)])
    return Dialogue(tuple(_clean(turn, f"{where}, turn {place}") for place, turn in enumerate(turns, 1)), None, topic)


def _spoken(turns: Sequence[Mapping[str, Any]], topic: str | None, places: Sequence[str]) -> Dialogue:
    """A dialogue whose turns name their speakers; each stands in a place that errors name."""
    texts: list[str] = []
    speakers: list[str] = []
    for turn, where in zip(turns, places, strict=True):
        speaker = turn.get("speaker")
        if not isinstance(speaker, str):
            raise OstinatoError(f'{where}: a turn is a text, or {{"speaker": "...", "text": "..."}}')
        text = _clean(turn.get("text"), where)
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
    refuse_halves(text, where)
    if "\0" in text:
        raise OstinatoError(f"{where}: a NUL character: the text is damaged")
    words = text.split()
    if not words:
        raise OstinatoError(f"{where}: nothing is said there: leave it out, or write what was said")
    return " ".join(words)
