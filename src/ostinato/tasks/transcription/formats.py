"""Transcripts as text: subtitles, and JSON."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ostinato.tasks.transcription.transcript import Transcript, Word

PAUSE = 1.0
"""Seconds between two words at which another subtitle begins."""

LONGEST, WIDEST = 7.0, 84
"""Seconds, and characters, of a subtitle at most: two lines, as long as they take to be read."""


def subtitles(transcripts: Iterable[Transcript]) -> str:
    """The words of transcripts as subtitles in the SubRip format (.srt).

    Example:
        >>> from ostinato.tasks.transcription.formats import subtitles
        >>> from ostinato.tasks.transcription.transcript import Transcript, Word
        >>> words = (Word("good", 0.5, 0.8, 0.9), Word("morning", 0.9, 1.4, 0.9))
        >>> print(subtitles([Transcript("good morning", 0.8, words)]))
        1
        00:00:00,500 --> 00:00:01,400
        good morning
        <BLANKLINE>
    """
    parts = _parts([word for each in transcripts for word in each.words])
    blocks = (
        f"{number}\n{_clock(part[0].start)} --> {_clock(part[-1].end)}\n{' '.join(word.text for word in part)}\n"
        for number, part in enumerate(parts, 1)
    )
    return "\n".join(blocks)


def _parts(words: Sequence[Word]) -> list[list[Word]]:
    parts: list[list[Word]] = []
    for word in words:
        part = parts[-1] if parts else []
        wide = sum(len(each.text) + 1 for each in part) + len(word.text)
        if not part or word.start - part[-1].end > PAUSE or word.end - part[0].start > LONGEST or wide > WIDEST:
            parts.append([word])
        else:
            part.append(word)
    return parts


def _clock(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{thousandths:03}"


def record(audio: str, best: Transcript, others: Sequence[Transcript] = ()) -> str:
    """A line of JSON: audio, text, confidence, words with times, and other texts it might be."""
    found: dict[str, Any] = {"audio": audio, "text": best.text, "confidence": best.confidence}
    found["words"] = [word._asdict() for word in best.words]
    if others:
        found["others"] = [{"text": each.text, "confidence": each.confidence} for each in others]
    return json.dumps(found, ensure_ascii=False)
