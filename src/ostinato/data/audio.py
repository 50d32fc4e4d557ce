"""Recordings: clips of audio, checked, and what is said in each or what it is called."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from ostinato.data.audio_parts import Rows, hold_out_clips, rows_of_part, split_clips
from ostinato.data.clip import Clip
from ostinato.data.file_format import USUAL, FileFormat
from ostinato.data.folds import Foldable
from ostinato.errors import OstinatoError


class AudioSpec(BaseModel):
    """How to read recordings. Names left out are found.

    Attributes:
        audio: Manifests: the column of files; None: one with a usual name.
        text: Manifests: the column of what is said, or of labels; None: one with a usual name.
        transcripts: Whether texts are what is said; else they are labels.
        sample_rate: Samples a second that all are read at; None: 16,000, or the commonest rate where that is lower.
        max_audio_seconds: A recording may last.
        skip_bad: Whether recordings that cannot be used are left out, and named; else they are an error.
        lowercase: Whether what is said is made small letters.
        form: How a manifest is written.

    Example:
        >>> from ostinato.data import AudioSpec
        >>> AudioSpec(text="sentence", max_audio_seconds=20).skip_bad
        False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    audio: str | None = None
    text: str | None = None
    transcripts: bool = True
    sample_rate: int | None = None
    max_audio_seconds: float = 30.0
    skip_bad: bool = False
    lowercase: bool = False
    form: FileFormat = USUAL


@dataclass(frozen=True, eq=False)
class Recordings(Foldable):
    """Clips, and the text of each where they have one.

    Attributes:
        clips: All at one rate.
        texts: What is said, or a label, one a clip; None where there are none.
        names: What a table calls each: its file as the manifest spells it.
        places: Where each was read, for errors: "line 7".
        origin: The manifest's or folder's name.
        spec: How they were read, with what was found.
        notes: What was found and done, for a user to know.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Recordings
        >>> tones = [np.sin(np.arange(8000) * pitch) / 2 for pitch in (0.1, 0.2)]
        >>> Recordings.of_waves(tones, 16000, ["low", "high"]).texts
        ('low', 'high')
    """

    clips: tuple[Clip, ...]
    texts: tuple[str, ...] | None
    names: tuple[str, ...]
    places: tuple[str, ...]
    origin: str
    spec: AudioSpec = field(default_factory=AudioSpec)
    notes: tuple[str, ...] = ()

    @classmethod
    def of_waves(
        cls,
        waves: Sequence[npt.ArrayLike],
        rate: int,
        texts: Sequence[str] | None = None,
        speakers: Sequence[str] | None = None,
    ) -> Self:
        """Waves in memory, all at one rate.

        Args:
            waves: Numbers between -1 and 1, or 16-bit whole numbers, each ``(samples,)``.
            rate: Samples a second.
            texts: One a wave.
            speakers: One a wave.

        Raises:
            OstinatoError: For another number of texts or speakers, or a wave that is none.
        """
        for name, given in (("texts", texts), ("speakers", speakers)):
            if given is not None and len(given) != len(waves):
                raise OstinatoError(f"{len(given)} {name} for {len(waves)} waves: give one for each")
        clips = tuple(
            Clip.of_wave(wave, rate, speaker)
            for wave, speaker in zip(waves, speakers or [""] * len(waves), strict=True)
        )
        names = tuple(map(str, range(len(clips))))
        places = tuple(f"item {number}" for number in range(len(clips)))
        spec = AudioSpec(sample_rate=rate)
        return cls(clips, None if texts is None else tuple(texts), names, places, "the waves", spec)

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def modality(self) -> str:
        """What their elements are, see `ostinato.modalities`."""
        return "audio"

    def error(self, what: str, row: int | None = None) -> OstinatoError:
        """The error to raise about one of them, or all."""
        return OstinatoError(f"{self.origin}{f', {self.places[row]}' if row is not None else ''}: {what}")

    def require_texts(self) -> tuple[str, ...]:
        """The texts.

        Raises:
            OstinatoError: There are none.
        """
        if self.texts is None:
            raise self.error("no texts: give a text for each recording")
        return self.texts

    def take(self, rows: Rows) -> Self:
        """Those at some positions."""

        def chosen(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[row] for row in rows)

        return replace(
            self,
            clips=chosen(self.clips),
            texts=None if self.texts is None else chosen(self.texts),
            names=chosen(self.names),
            places=chosen(self.places),
        )

    def part(self, *names: str) -> Self | None:
        """Those that the manifest puts in a part of one of these names; None where it has none such."""
        rows = rows_of_part(self.clips, names)
        return self.take(rows) if len(rows) else None

    def fold_keys(self) -> Sequence[Hashable]:
        return [clip.speaker or row for row, clip in enumerate(self.clips)]

    def split(self, share: float, seed: int = 0) -> tuple[Self, Self]:
        """The training part and the validation part, see `ostinato.data.audio_parts.split_clips`.

        Raises:
            OstinatoError: For a share out of range, or too few.
        """
        return self._parts(*split_clips(self.clips, share, seed), share)

    def hold_out(self, share: float, seed: int = 0) -> tuple[Self, Self]:
        """What to fit on, and what to score on, see `ostinato.data.audio_parts.hold_out_clips`.

        Raises:
            OstinatoError: For a share out of range, or too few.
        """
        return self._parts(*hold_out_clips(self.clips, share, seed), share)

    def _parts(self, first: Rows, second: Rows, share: float) -> tuple[Self, Self]:
        if not len(first) or not len(second):
            raise self.error(f"{len(self)} recordings are too few to part {share:.0%} from: give more")
        return self.take(first), self.take(second)
