"""Subtitles and JSON of transcripts."""

import json

import pytest

from ostinato.tasks.transcription.formats import record, subtitles
from ostinato.tasks.transcription.transcript import Transcript, Word


def said(*words):
    found = tuple(Word(text, start, end, 0.9) for text, start, end in words)
    return Transcript(" ".join(word.text for word in found), 0.8, found)


def test_a_pause_begins_another_subtitle():
    text = subtitles([said(("good", 0.5, 0.8), ("day", 1.0, 1.25), ("again", 3661.5, 3662.0))])
    assert text == ("1\n00:00:00,500 --> 00:00:01,250\ngood day\n\n2\n01:01:01,500 --> 01:01:02,000\nagain\n")


@pytest.mark.parametrize(("gap", "most"), [(0.1, 84), (0.9, 84)])
def test_no_subtitle_is_longer_or_wider_than_can_be_read(gap, most):
    words = [("wordy", number * (gap + 0.3), number * (gap + 0.3) + 0.3) for number in range(60)]
    blocks = subtitles([said(*words)]).split("\n\n")
    lines = [block.splitlines()[2] for block in blocks]
    assert max(map(len, lines)) <= most
    assert " ".join(lines).split() == ["wordy"] * 60
    assert [block.splitlines()[0] for block in blocks] == [str(number) for number in range(1, len(blocks) + 1)]


def test_nothing_said_is_no_subtitle():
    assert subtitles([Transcript("", 1.0)]) == ""


def test_a_record_has_words_with_times_and_other_texts():
    best = said(("one", 0.0, 0.5))
    found = json.loads(record("a.wav", best, [Transcript("won", 0.1)]))
    assert found["words"] == [{"text": "one", "start": 0.0, "end": 0.5, "confidence": 0.9}]
    assert found["others"] == [{"text": "won", "confidence": 0.1}]
    assert "others" not in json.loads(record("a.wav", best))
