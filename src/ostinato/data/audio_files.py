"""One file of audio -> its samples. Files lie in folders, or in a zip, whose members are read and never unpacked."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.data.packed import ALWAYS, RATIO
from ostinato.errors import OstinatoError

Samples = npt.NDArray[np.int16]
"""Of one channel, ``(samples,)``."""

ENDINGS = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".sph", ".nist", ".aif", ".aiff", ".au", ".caf", ".w64"),
    *(".m4a", ".aac", ".mp4", ".wma", ".amr", ".webm"),
)
"""How the names of files of audio end, also of those that must be converted first."""

CONVERTED = ENDINGS[-6:]
"""Formats that libsndfile does not read."""

FULL_SCALE = 32768
"""The amplitude 1 in 16 bits."""

_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What a program writes into the header of a WAV file that it cannot go back to."""


class UnreadableError(Exception):
    """A file of audio that cannot be read: why, without its name.

    Args:
        what: The reason.
        missing: Whether there is no such file.
    """

    def __init__(self, what: str, *, missing: bool = False) -> None:
        super().__init__(what)
        self.missing = missing


class AudioFile(NamedTuple):
    """Where a recording lies.

    Attributes:
        path: The file, or the zip that holds it.
        member: Its name in the zip; empty for a file.
    """

    path: Path
    member: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.member}" if self.member else str(self.path)


class Decoded(NamedTuple):
    """What a file held.

    Attributes:
        samples: Its channels mixed into one.
        rate: Samples a second.
        channels: Before they were mixed.
        frames: Samples of each channel that the whole file has.
    """

    samples: Samples
    rate: int
    channels: int
    frames: int


def is_audio(name: str | Path) -> bool:
    """Whether a file is named as those of audio are."""
    return Path(name).suffix.lower() in ENDINGS


def require_audio(origin: str) -> None:
    """Makes sure that the libraries are there that read audio.

    Raises:
        OstinatoError: They are not.
    """
    if missing := [name for name in ("soundfile", "soxr") if find_spec(name) is None]:
        raise OstinatoError(f"{origin}: audio needs {missing[0]}: pip install 'ostinato[audio]'")


def decode(file: AudioFile, start: float = 0.0, end: float | None = None, most: float | None = None) -> Decoded:
    """The samples of a file, or of a stretch of it, as 16-bit numbers.

    Args:
        file: What libsndfile reads: WAV, FLAC, MP3, OGG, OPUS, NIST and more.
        start: Second to begin at.
        end: Second to end at; None for the end of the file.
        most: Seconds to read at most, and one sample more; None for all.

    Raises:
        UnreadableError: There is no such file, it is damaged, or of another format.
    """
    import soundfile

    if file.path.suffix.lower() in CONVERTED or Path(file.member).suffix.lower() in CONVERTED:
        name = Path(file.member or file.path).name
        stem = Path(name).stem
        raise UnreadableError(f"a format that is not read here: convert it to WAV or FLAC, ffmpeg -i {name} {stem}.wav")
    try:
        with _opened(file) as source, soundfile.SoundFile(source) as sound:
            rate, whole = int(sound.samplerate), int(sound.frames)
            first = round(start * rate)
            if first > whole:
                raise UnreadableError(f"begins at second {start:g}, and the file ends at {whole / rate:.2f}")
            sound.seek(first)
            wanted = (whole if end is None else min(round(end * rate), whole)) - first
            if most is not None:
                wanted = min(wanted, int(most * rate) + 1)
            read = sound.read(max(wanted, 0), dtype="float32", always_2d=True)
            if len(read) < wanted:
                raise UnreadableError(f"cut short: {len(read):,} of the {wanted:,} samples that its header tells of")
            return Decoded(quantised(read.mean(axis=1)), rate, int(sound.channels), whole)
    except FileNotFoundError:
        raise UnreadableError("no such file", missing=True) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from None
    except soundfile.LibsndfileError as error:
        raise UnreadableError(f"not readable audio: {str(error.error_string).removeprefix('Error : ')}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UnreadableError(f"damaged in its zip: {error}") from None


def quantised(wave: npt.NDArray[Any]) -> Samples:
    """Samples between -1 and 1 as 16-bit numbers; louder ones are cut off.

    Raises:
        UnreadableError: One is not finite.
    """
    if not np.isfinite(wave).all():
        raise UnreadableError("a sample that is not a finite number")
    return np.asarray(np.clip(np.rint(wave * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1), np.int16)


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound at another rate, `resampled_count` samples; as it is where the rates agree."""
    if rate == wanted or not len(samples):
        return samples
    import soxr

    count = resampled_count(len(samples), rate, wanted)
    made = soxr.resample(samples.astype(np.float32) / FULL_SCALE, rate, wanted, quality="HQ")[:count]
    return quantised(np.pad(made, (0, count - len(made))))


def resampled_count(count: int, rate: int, wanted: int) -> int:
    """How many samples so many are at another rate."""
    return max(round(count * wanted / rate), 1) if count else 0


@contextmanager
def _opened(file: AudioFile) -> Iterator[BinaryIO]:
    """The bytes of a file, which are all there.

    Raises:
        OSError, UnreadableError, zipfile.BadZipFile, zlib.error: They are not.
    """
    if not file.member:
        with file.path.open("rb") as source:
            size = source.seek(0, 2)
            source.seek(0)
            _refuse_cut(source, size)
            yield source
        return
    archive = archive_of(file.path)
    try:
        info = archive.getinfo(file.member)
    except KeyError:
        raise UnreadableError("not in the zip", missing=True) from None
    if info.flag_bits & 1:
        raise UnreadableError("locked by a password in its zip")
    if info.file_size > max(info.compress_size * RATIO, ALWAYS):
        raise UnreadableError(f"unpacks to more than {RATIO} times its size, as no audio does")
    content = BytesIO(archive.read(info))
    _refuse_cut(content, info.file_size)
    yield content


def archive_of(path: Path) -> zipfile.ZipFile:
    """An opened zip, which stays open: thousands of members are read from it.

    Raises:
        OSError, zipfile.BadZipFile: It is none.
    """
    state = path.stat()
    return _archive(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _archive(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _refuse_cut(source: BinaryIO, size: int) -> None:
    """Makes sure that a WAV file has as many bytes as it says: libsndfile reads a shorter one without a word."""
    head = source.read(8)
    source.seek(0)
    if len(head) < 8 or head[:4] != b"RIFF":
        return
    (told,) = struct.unpack("<I", head[4:])
    if told not in _UNKNOWN_SIZES and told + 8 > size:
        raise UnreadableError(f"cut short: {size:,} of the {told + 8:,} bytes that its header tells of")
