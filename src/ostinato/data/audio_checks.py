"""Every recording looked at before training: what cannot be used is named with its reason, what is changed is said."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ostinato.data.audio import AudioSpec, Recordings
from ostinato.data.audio_files import (
    FULL_SCALE,
    Decoded,
    Samples,
    UnreadableError,
    decode,
    require_audio,
    resampled,
    resampled_count,
)
from ostinato.data.audio_sources import AudioSource, Row, rows_of
from ostinato.data.clip import Clip
from ostinato.errors import OstinatoError

USUAL_RATE = 16_000
"""Samples a second, enough for speech."""

SLOWEST, FASTEST = 4_000, 384_000
"""Samples a second outside of which a header is not believed: libsndfile does."""

SILENCE = -80.0
"""Decibels below full scale: what is quieter as a whole (root mean square) is silence."""

RAIL, CLIPPED = 0.999 * FULL_SCALE, 0.01
"""From what amplitude on a sample is at the rail, and what share of such samples a recording may have, unsaid."""

QUICKEST = 40.0
"""Letters a second that nobody says."""

HELD = 1 << 30
"""Bytes of samples that are held in memory, 9 hours at 16,000 a second; others are decoded whenever they are read."""

EXAMPLES = 3
"""Of each kind of fault, named."""


class Heard(NamedTuple):
    """What is known of a recording that can be used.

    Attributes:
        rate: Samples a second of its file.
        channels: Of its file.
        frames: Samples at that rate.
        clipped: Whether many are at the rail.
        samples: Themselves; None where memory was full.
    """

    rate: int
    channels: int
    frames: int
    clipped: bool
    samples: Samples | None


class Rejected(NamedTuple):
    """A recording that cannot be used.

    Attributes:
        kind: What is wrong, in a word or two that can be counted.
        why: The same with figures.
        row: Which it is.
    """

    kind: str
    why: str
    row: Row

    def __str__(self) -> str:
        return f"{self.row.place}: {self.row.name}: {self.why}"


def read_recordings(
    source: AudioSource | Recordings, spec: AudioSpec | None = None, *, texts: bool = True
) -> Recordings:
    r"""Reads and checks recordings: each file is decoded once.

    Refused are files that are missing or unreadable, hold nothing or silence, are longer than may be, or tell of a rate
    that no recorder has, and texts that are empty, or too long for anyone to say. Several channels are mixed, rates
    made the same, and texts put into composed characters; the notes say so, and what is clipped, or in two parts.

    Args:
        source: See `ostinato.data.audio_sources.rows_of`.
        spec: How to read it.
        texts: Whether every recording needs a text. Without, those that are there are read where no row lacks one, and
            with `skip_bad` what cannot be read stays, as a clip of no samples.

    Raises:
        OstinatoError: For recordings that cannot be used, counted by reason and the first named, unless `skip_bad`
            leaves them out; and where none is left. The extra ``audio`` is not installed.

    Example:
        >>> import numpy as np, soundfile
        >>> from ostinato.data import read_recordings
        >>> soundfile.write("low.wav", np.sin(np.arange(8000) * 0.1) / 2, 16000)
        >>> _ = open("clips.csv", "w").write("audio,text\nlow.wav,a low tone\n")
        >>> read_recordings("clips.csv").texts
        ('a low tone',)
    """
    if isinstance(source, Recordings):
        if texts:
            source.require_texts()
        return source
    spec = spec or AudioSpec()
    require_audio(str(source) if not isinstance(source, list | tuple) else "the files")
    origin, rows, spec, left_alone = rows_of(source, spec, texts=texts)
    if not rows:
        raise OstinatoError(f"{origin}: nothing to read: give at least one recording")
    heard, rejected = _heard(rows, spec, texts)
    notes = [*left_alone, *(_left_out(rejected, rows, origin, spec, kept=not texts) if rejected else [])]
    sound = [(row, one) for row, one in zip(rows, heard, strict=True) if one is not None]
    if not sound:
        raise OstinatoError(f"{origin}: no recording is left of {len(rows):,}: {_counted(rejected)}")
    rate = spec.sample_rate or min(USUAL_RATE, Counter(one.rate for _, one in sound).most_common(1)[0][0])
    notes += _of_sound(sound, rate)
    clips = [_clip(row, one, rate) for row, one in zip(rows, heard, strict=True)]
    if lazily := [clip.seconds for clip in clips if clip.held is None]:
        notes.append(f"{sum(lazily) / 3600:.1f} hours are not held in memory, and decoded again for every batch")
    kept = [row for row, one in enumerate(heard) if one is not None or not texts]
    said = [rows[row].text for row in kept]
    told = None if None in said or (not texts and "" in said) else [str(text) for text in said]
    if told is not None:
        told, changed = folded(told, lowercase=spec.lowercase)
        notes += changed
    notes += in_two_parts([rows[row] for row in kept], sentences=spec.transcripts)
    return Recordings(
        clips=tuple(clips[row] for row in kept),
        texts=None if told is None else tuple(told),
        names=tuple(rows[row].name for row in kept),
        places=tuple(rows[row].place for row in kept),
        origin=origin,
        spec=spec.model_copy(update={"sample_rate": rate}),
        notes=tuple(notes),
    )


def _heard(rows: Sequence[Row], spec: AudioSpec, texts: bool) -> tuple[list[Heard | None], list[Rejected]]:
    """What is known of each row, None where it cannot be used; and those, with the reason."""
    heard: list[Heard | None] = []
    rejected: list[Rejected] = []
    held = 0
    for row in rows:
        try:
            if row.fault:
                raise UnreadableError(row.fault)
            read = decode(row.file, row.start, row.end, spec.max_audio_seconds)
            fault = _fault_of(row, read, spec, texts)
        except UnreadableError as error:
            fault = Rejected("missing" if error.missing else "unreadable", str(error), row)
        if fault is not None:
            rejected.append(fault)
            heard.append(None)
            continue
        clipped = bool((np.abs(read.samples.astype(np.int32)) >= RAIL).mean() > CLIPPED)
        held += read.samples.nbytes
        kept = read.samples if held <= HELD else None
        heard.append(Heard(read.rate, read.channels, len(read.samples), clipped, kept))
    return heard, rejected


def _fault_of(row: Row, read: Decoded, spec: AudioSpec, texts: bool) -> Rejected | None:
    """What keeps a recording that could be read from being used."""
    count, rate = len(read.samples), read.rate
    text = (row.text or "").replace("\ufeff", "").strip()
    if not SLOWEST <= rate <= FASTEST:
        why = f"its header tells of {rate:,} samples a second, where {SLOWEST:,} to {FASTEST:,} are plausible"
        return Rejected("an implausible rate", why, row)
    if not count:
        return Rejected("no samples", "0 samples", row)
    if count > spec.max_audio_seconds * rate:
        told = (read.frames / rate if row.end is None else row.end) - row.start
        why = f"{told:,.1f} seconds, more than max_audio_seconds={spec.max_audio_seconds:g}"
        return Rejected("too long", why, row)
    if (level := level_of(read.samples)) < SILENCE:
        return Rejected("silent", f"silent: its level is {level:.0f} dBFS, below {SILENCE:.0f}", row)
    if texts and not text:
        return Rejected("no text", "the text is empty", row)
    if texts and spec.transcripts and len(text) > QUICKEST * count / rate:
        why = f"{len(text)} letters in {count / rate:.2f} seconds, more than {QUICKEST:.0f} a second"
        return Rejected("letters too quick", why, row)
    return None


def level_of(samples: Samples) -> float:
    """The level of a recording, in decibels below full scale; minus infinity for zeros, or nothing."""
    power = float(np.square(samples, dtype=np.float64).mean()) / FULL_SCALE**2 if len(samples) else 0.0
    return 10 * float(np.log10(power)) if power else -np.inf


def _left_out(rejected: list[Rejected], rows: Sequence[Row], origin: str, spec: AudioSpec, *, kept: bool) -> list[str]:
    told = _counted(rejected)
    if not spec.skip_bad:
        raise OstinatoError(
            f"{origin}: {len(rejected):,} of {len(rows):,} recordings cannot be used: {told}: mend them, or leave them "
            "out, skip_bad=True"
        )
    return [f"{len(rejected):,} of {len(rows):,} recordings are {'not read' if kept else 'left out'}: {told}"]


def _counted(rejected: Iterable[Rejected]) -> str:
    """How many of each kind, and the first of each."""
    kinds: dict[str, list[Rejected]] = {}
    for one in rejected:
        kinds.setdefault(one.kind, []).append(one)
    return "; ".join(
        f"{len(those):,} {kind} ({', '.join(map(str, those[:EXAMPLES]))}{', ...' if len(those) > EXAMPLES else ''})"
        for kind, those in kinds.items()
    )


def _of_sound(sound: Sequence[tuple[Row, Heard]], rate: int) -> list[str]:
    """What is done to recordings that are used, and what is odd about them."""
    notes = []
    rates = Counter(one.rate for _, one in sound)
    if len(rates) > 1 or rate not in rates:
        listed = ", ".join(f"{count:,} at {own:,} Hz" for own, count in rates.most_common())
        notes.append(f"recordings are read at {rate:,} Hz: {listed}")
    if mixed := [row for row, one in sound if one.channels > 1]:
        notes.append(
            f"{len(mixed):,} of {len(sound):,} recordings have several channels, mixed into one: {_first(mixed)}"
        )
    if clipped := [row for row, one in sound if one.clipped]:
        notes.append(
            f"{len(clipped):,} of {len(sound):,} recordings are clipped, more than {CLIPPED:.0%} of their samples are "
            f"at the rail: {_first(clipped)}"
        )
    return notes


def _first(rows: Sequence[Row]) -> str:
    return ", ".join(row.name for row in rows[:EXAMPLES]) + (", ..." if len(rows) > EXAMPLES else "")


def _clip(row: Row, heard: Heard | None, rate: int) -> Clip:
    """A row as it is used, at a rate; of no samples where it cannot be."""
    if heard is None:
        return Clip(row.file, rate, 0, np.zeros(0, np.int16), row.start, row.end, row.speaker, row.split)
    count = resampled_count(heard.frames, heard.rate, rate) if heard.rate != rate else heard.frames
    held = None if heard.samples is None else resampled(heard.samples, heard.rate, rate)
    return Clip(row.file, rate, count, held, row.start, row.end, row.speaker, row.split)


def folded(texts: Sequence[str], *, lowercase: bool) -> tuple[list[str], list[str]]:
    """Texts without byte-order marks, in composed characters (NFC), single spaces, perhaps small letters; and notes."""
    read, notes = list(texts), []
    steps: list[tuple[str, Callable[[str], str]]] = [
        ("a byte-order mark, which is taken off", lambda text: text.replace("\ufeff", "")),
        ("characters in parts, which are composed (NFC)", lambda text: unicodedata.normalize("NFC", text)),
        ("spaces beside others, of which one is left", lambda text: " ".join(text.split())),
    ]
    if lowercase:
        steps.append(("capitals, which are made small", str.lower))
    for what, change in steps:
        before, read = read, [change(text) for text in read]
        if changed := sum(old != new for old, new in zip(before, read, strict=True)):
            notes.append(f"{changed:,} of {len(read):,} texts have {what}")
    return read, notes


def in_two_parts(rows: Sequence[Row], *, sentences: bool) -> list[str]:
    """What to say of speakers, and of sentences, that a manifest has in two parts."""
    notes = []
    for what, names in (("speakers", [row.speaker for row in rows]), ("sentences", [row.text or "" for row in rows])):
        parts: dict[str, set[str]] = {}
        for name, row in zip(names, rows, strict=True):
            if name and row.split:
                parts.setdefault(name, set()).add(row.split)
        torn = [name for name, own in parts.items() if len(own) > 1]
        if torn and (sentences or what == "speakers"):
            listed = f"{torn[0]!r} is in {' and '.join(sorted(parts[torn[0]]))}"
            notes.append(f"{len(torn):,} of {len(parts):,} {what} are in two parts, and known from one: {listed}")
    return notes
