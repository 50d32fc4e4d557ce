"""Recordings with what each asks for: from a manifest, or from a grammar whose sentences are spoken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ostinato.data.audio import Recordings
from ostinato.data.audio_checks import USUAL_RATE, read_recordings
from ostinato.data.grammar import Grammar, Request
from ostinato.data.json_lines import JSON_LINES, read_json_lines
from ostinato.data.packed import ending_of
from ostinato.data.table import Table, read_table
from ostinato.data.voice import RATE, Voice, speak
from ostinato.errors import OstinatoError
from ostinato.tasks.assisting.settings import AssistantSettings

REQUEST = "what is asked for"
"""Column of requests, beside those that a manifest has."""

AROUND = (0.1, 0.6)
"""Seconds of near silence before and after a sentence that is spoken, at least and at most."""

HUM = 1e-3
"""Amplitude of the noise of a silent room."""


def read_requests(source: Any, settings: AssistantSettings, grammar: Grammar) -> Recordings:
    """Checked recordings, whose texts are requests as JSON (`Request.of_text`).

    Args:
        source: A manifest with columns of files, intents and slots; or recordings with such texts, which may also have
            the sentence that is said, "text".
        settings: How to read it.
        grammar: Which intents, slots and values there are.

    Raises:
        OstinatoError: With the row, for what is no request, or none that a sentence of the grammar makes; for
            recordings that cannot be used.
    """
    if isinstance(source, Recordings):
        _check(source, grammar)
        return source
    table, notes = _with_requests(_table(source, settings), settings, grammar)
    recordings = read_recordings(table, settings.spec.model_copy(update={"text": REQUEST}))
    return Recordings(**vars(recordings) | {"notes": (*notes, *recordings.notes)})


def _table(source: Any, settings: AssistantSettings) -> Table:
    if isinstance(source, str | Path):
        if Path(source).is_dir():
            raise OstinatoError(f"{source}: a folder: give a manifest with columns of audio, intent and slots")
        if ending_of(Path(source)) in JSON_LINES:
            return read_json_lines(Path(source), settings.form)
    return read_table(source, settings.form)


def _with_requests(table: Table, settings: AssistantSettings, grammar: Grammar) -> tuple[Table, list[str]]:
    """The table with its column of requests, without rows that have none where these are to be left out."""
    table.require(settings.intent, settings.slots)
    intents, slots = table.texts(settings.intent), table.frame[settings.slots].tolist()
    requests, faults = list[str](), dict[int, OstinatoError]()
    for row, (intent, told) in enumerate(zip(intents, slots, strict=True)):
        try:
            requests.append(str(_request(str(intent), told, grammar)))
        except ValueError as error:
            faults[row] = table.error(str(error), row=row)
            requests.append("")
    if faults and not settings.skip_bad:
        first = next(iter(faults.values()))
        more = f" ({len(faults):,} rows of {len(table):,} are so)" if len(faults) > 1 else ""
        raise OstinatoError(f"{first}{more}: mend it, or leave it out, skip_bad=True")
    if len(faults) == len(table):
        raise table.error(f"no row is left of {len(table):,}: {next(iter(faults.values()), 'the table is empty')}")
    kept = np.array([row for row in range(len(table)) if row not in faults])
    frame = table.frame.iloc[kept].assign(**{REQUEST: [requests[row] for row in kept]}).reset_index(drop=True)
    lines = None if table.lines is None else table.lines[kept]
    notes = [f"{len(faults):,} of {len(table):,} rows are left out: {next(iter(faults.values()))}"] if faults else []
    return Table(frame, table.origin, lines, table.delimiter, table.decimal, table.thousands), notes


def _request(intent: str, told: Any, grammar: Grammar) -> Request:
    """A row's request.

    Raises:
        ValueError: It is none, or none that the grammar has.
    """
    slots = told
    if not isinstance(told, dict):
        try:
            slots = {} if pd.isna(told) or not str(told).strip() else json.loads(str(told))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the slots {str(told)[:60]!r} are not JSON ({error})") from None
    if not isinstance(slots, dict) or not all(isinstance(value, str) for value in slots.values()):
        raise ValueError(f"the slots {str(told)[:60]!r} are no JSON object of texts")
    request = Request(intent, slots)
    grammar.saying(request)
    return request


def _check(recordings: Recordings, grammar: Grammar) -> None:
    for row, text in enumerate(recordings.require_texts()):
        try:
            content = json.loads(text)
            _request(content["intent"], content["slots"], grammar)
            if "text" in content:
                grammar.sentence(content["text"])
        except (ValueError, KeyError, TypeError) as error:
            raise recordings.error(f"{text!r} is no request: {error}", row) from None


def spoken(grammar: Grammar, settings: AssistantSettings, seed: int) -> Recordings:
    """Sentences of a grammar, spoken in many voices.

    Args:
        grammar: Of which sentences are drawn.
        settings: How many, at which rate, and in which language.
        seed: Of what is drawn.

    Raises:
        OstinatoError: The extras ``voice`` and ``audio`` are not installed, or there is no such language.
    """
    import soxr

    rng = np.random.default_rng(seed)
    drawn = [grammar.sample(rng) for _ in range(settings.sentences)]
    voices = [Voice.drawn(rng, settings.language) for _ in drawn]
    rate = settings.sample_rate or USUAL_RATE
    waves = []
    for wave in speak([sentence.text for sentence in drawn], voices):
        before, after = (rng.uniform(*AROUND) for _ in range(2))
        whole = np.pad(soxr.resample(wave, RATE, rate), (round(before * rate), round(after * rate)))
        waves.append(np.clip(whole + HUM * rng.standard_normal(len(whole)), -1, 1))
    recordings = Recordings.of_waves(waves, rate, list(map(str, drawn)), [voice.variant for voice in voices])
    note = f"{len(drawn):,} sentences of the grammar are spoken by {len(set(voices)):,} voices of a synthesiser"
    return Recordings(**vars(recordings) | {"origin": grammar.origin, "notes": (note,)})
