"""Voices that say a few words: a small formant synthesiser, so that demonstrations of hearing need no recordings.

Source: Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67(3), 1980. Pulses of the
glottis and noise ring through resonators in a row, the formants; those of a sound, from his tables, glide to the next
sound's. Here each pulse, and each 5 ms of noise, rings through the resonators as they stand at that moment.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ostinato.errors import OstinatoError

RATE = 16_000
"""Samples a second."""
HOP, RING = 80, 512
"""Samples from one moment of the tract to the next, and for how many a pulse rings."""
GLIDE, FADE = 0.07, 0.02
"""Seconds that formants take from one sound to the next, and loudness."""
UPPER = (3500.0, 4500.0)
"""The formants that no sound moves, in hertz."""
BANDWIDTHS = (70.0, 90.0, 140.0, 250.0, 300.0)
"""Of the five formants, in hertz."""

Array = npt.NDArray[np.float64]


class Sound(NamedTuple):
    """What the tract does for a while.

    Attributes:
        formants: The first three, in hertz, of a man's tract.
        seconds: How long, at a speed of 1.
        voiced: Loudness of the voice, 1 a vowel's.
        breath: Loudness of noise from the glottis.
        hiss: Loudness of noise from a narrow place in the mouth.
        hiss_at: Where that noise is loudest, in hertz.
        hiss_width: And how wide.
    """

    formants: tuple[float, float, float]
    seconds: float
    voiced: float = 0.0
    breath: float = 0.0
    hiss: float = 0.0
    hiss_at: float = 5000.0
    hiss_width: float = 1500.0


class Voice(NamedTuple):
    """Who speaks.

    Attributes:
        pitch: In hertz, on average.
        tract: Length of the vocal tract, 1 a man's: formants are divided by it.
        speed: 1: durations as in the tables.
        breathiness: Noise beside the voice, 0 to 1.
    """

    pitch: float
    tract: float
    speed: float
    breathiness: float

    @classmethod
    def drawn(cls, seed: int) -> "Voice":
        """One of endlessly many voices; high ones have short tracts, more or less.

        Args:
            seed: The same seed is the same voice.

        Example:
            >>> Voice.drawn(1) == Voice.drawn(1), Voice.drawn(1) == Voice.drawn(2)
            (True, False)
        """
        rng = np.random.default_rng(seed)
        height = rng.uniform()
        return cls(
            pitch=float(90 * 2.7 ** (height + rng.normal() * 0.1)),
            tract=float(1.08 - 0.28 * height + rng.normal() * 0.03),
            speed=float(rng.uniform(0.8, 1.25)),
            breathiness=float(rng.uniform(0.0, 0.6)),
        )


def _vowel(*formants: float, seconds: float = 0.16) -> tuple[Sound, ...]:
    return (Sound(tuple(formants), seconds, voiced=1.0),)  # type: ignore[arg-type]


def _glide(first: tuple[Sound, ...], second: tuple[Sound, ...]) -> tuple[Sound, ...]:
    return first[0]._replace(seconds=0.12), second[0]._replace(seconds=0.1, voiced=0.7)


def _stop(*formants: float, hiss_at: float, voiced: bool) -> tuple[Sound, ...]:
    """A closure, its burst, and, of voiceless ones, breath until the voice begins."""
    closed = Sound(tuple(formants), 0.06, voiced=0.1 if voiced else 0.0)  # type: ignore[arg-type]
    burst = Sound(closed.formants, 0.015, hiss=0.5, hiss_at=hiss_at, hiss_width=2000.0)
    return (closed, burst) if voiced else (closed, burst, Sound(closed.formants, 0.04, breath=0.4))


_VOWELS = {
    "iy": _vowel(270, 2290, 3010),
    "ih": _vowel(400, 1990, 2550, seconds=0.11),
    "eh": _vowel(530, 1840, 2480, seconds=0.13),
    "ae": _vowel(660, 1720, 2410),
    "aa": _vowel(730, 1090, 2440, seconds=0.18),
    "ao": _vowel(570, 840, 2410, seconds=0.18),
    "uh": _vowel(440, 1020, 2240, seconds=0.11),
    "uw": _vowel(300, 870, 2240),
    "ah": _vowel(640, 1190, 2390, seconds=0.12),
    "er": _vowel(490, 1350, 1690),
    "ax": _vowel(500, 1400, 2400, seconds=0.07),
}
PHONEMES: dict[str, tuple[Sound, ...]] = {
    **_VOWELS,
    "ey": _glide(_VOWELS["eh"], _VOWELS["iy"]),
    "ay": _glide(_VOWELS["aa"], _VOWELS["ih"]),
    "aw": _glide(_VOWELS["aa"], _VOWELS["uh"]),
    "ow": _glide(_VOWELS["ao"], _VOWELS["uw"]),
    "oy": _glide(_VOWELS["ao"], _VOWELS["ih"]),
    "w": (Sound((290, 610, 2150), 0.08, voiced=0.5),),
    "y": (Sound((260, 2070, 3020), 0.07, voiced=0.5),),
    "r": (Sound((310, 1060, 1380), 0.08, voiced=0.5),),
    "l": (Sound((310, 1050, 2880), 0.08, voiced=0.5),),
    "m": (Sound((250, 1000, 2130), 0.08, voiced=0.3),),
    "n": (Sound((250, 1500, 2470), 0.08, voiced=0.3),),
    "ng": (Sound((250, 2000, 2700), 0.09, voiced=0.3),),
    "f": (Sound((340, 1100, 2080), 0.11, hiss=0.06, hiss_at=6000, hiss_width=6000),),
    "v": (Sound((220, 1100, 2080), 0.07, voiced=0.25, hiss=0.03, hiss_at=6000, hiss_width=6000),),
    "th": (Sound((320, 1290, 2540), 0.11, hiss=0.05, hiss_at=7000, hiss_width=4000),),
    "dh": (Sound((270, 1290, 2540), 0.05, voiced=0.3, hiss=0.04, hiss_at=7000, hiss_width=4000),),
    "s": (Sound((320, 1390, 2530), 0.12, hiss=0.25, hiss_at=5500, hiss_width=1200),),
    "z": (Sound((240, 1390, 2530), 0.09, voiced=0.2, hiss=0.15, hiss_at=5500, hiss_width=1200),),
    "sh": (Sound((300, 1840, 2750), 0.12, hiss=0.25, hiss_at=2900, hiss_width=900),),
    "h": (Sound((500, 1500, 2500), 0.06, breath=0.4),),
    "p": _stop(400, 1100, 2150, hiss_at=800, voiced=False),
    "b": _stop(200, 1100, 2150, hiss_at=800, voiced=True),
    "t": _stop(400, 1600, 2600, hiss_at=4200, voiced=False),
    "d": _stop(200, 1600, 2600, hiss_at=4200, voiced=True),
    "k": _stop(300, 1990, 2850, hiss_at=2000, voiced=False),
    "g": _stop(200, 1990, 2850, hiss_at=2000, voiced=True),
}
"""The sounds of English, in the letters of ARPAbet."""

DIGITS = {
    "zero": "z ih r ow",
    "one": "w ah n",
    "two": "t uw",
    "three": "th r iy",
    "four": "f ao r",
    "five": "f ay v",
    "six": "s ih k s",
    "seven": "s eh v ax n",
    "eight": "ey t",
    "nine": "n ay n",
}
COMMANDS = {
    "yes": "y eh s",
    "no": "n ow",
    "up": "ah p",
    "down": "d aw n",
    "left": "l eh f t",
    "right": "r ay t",
    "on": "aa n",
    "off": "ao f",
    "stop": "s t aa p",
    "go": "g ow",
}
LEXICON: dict[str, str] = {**DIGITS, **COMMANDS}
"""Word -> its phonemes."""


def speak(words: str, voice: Voice, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Someone says some words.

    Args:
        words: Of `LEXICON`, with spaces between.
        voice: Who speaks; see `Voice.drawn`.
        rng: Draws what differs each time that somebody says a word: lengths, pitch, formants, loudness.

    Returns:
        Samples between -1 and 1, float32 ``(samples,)``, at 16,000 a second, with a little silence at both ends.

    Raises:
        OstinatoError: For a word that the lexicon lacks, or none at all.

    Example:
        >>> import numpy as np
        >>> said = speak("seven", Voice.drawn(1), np.random.default_rng(1))
        >>> said.dtype, bool(0.4 < len(said) / RATE < 1.2)
        (dtype('float32'), True)
    """
    sounds = list(_pronounced(words.split(), rng))
    frames = np.round([sound.seconds / voice.speed * rng.uniform(0.85, 1.15) * RATE / HOP for sound in sounds])
    lasting = np.maximum(frames, 1).astype(int)
    formants = np.array([sound.formants for sound in sounds]) / voice.tract * rng.normal(1, 0.03, (len(sounds), 3))
    formants = _smooth(np.repeat(formants, lasting, axis=0), GLIDE)
    loudness = np.repeat([sound[2:5] for sound in sounds], lasting, axis=0)
    voiced, breath, hiss = _smooth(loudness, FADE).T
    places = np.repeat([sound[5:] for sound in sounds], lasting, axis=0)
    upper = np.broadcast_to(np.array(UPPER) / voice.tract, (len(formants), len(UPPER)))
    tract = _resonances(np.hstack([formants, upper]), np.array(BANDWIDTHS)).prod(axis=1)
    breath = breath + voiced * voice.breathiness * 0.05
    waves = _voice(tract, voiced, _melody(len(tract), voice, rng)) + _noise(tract, breath, hiss, places, rng)
    loudest = rng.uniform(0.3, 0.9)
    return np.asarray(waves * (loudest / np.abs(waves).max()), np.float32)


def _pronounced(words: list[str], rng: np.random.Generator) -> Iterator[Sound]:
    """The sounds of words, and the silence before, between and after them."""
    if not words:
        raise OstinatoError("no word to say")
    quiet = Sound((500, 1500, 2500), 0.06)
    yield quiet
    for word in words:
        if word not in LEXICON:
            raise OstinatoError(f"no phonemes for {word!r}; there are {', '.join(LEXICON)}")
        for phoneme in LEXICON[word].split():
            yield from PHONEMES[phoneme]
        yield quiet._replace(seconds=rng.uniform(0.04, 0.16))


def _smooth(tracks: Array, seconds: float) -> Array:
    """Tracks ``(moments, any)`` that take some seconds from one value to the next."""
    wide = round(seconds * RATE / HOP) // 2 * 2 + 1
    window = np.hanning(wide + 2)[1:-1]
    padded = np.pad(tracks, ((wide // 2, wide // 2), (0, 0)), mode="edge")
    return np.stack([np.convolve(track, window / window.sum(), "valid") for track in padded.T], axis=1)


def _melody(moments: int, voice: Voice, rng: np.random.Generator) -> Array:
    """The pitch at each moment: it falls, with a rise and fall of its own, and trembles."""
    along = np.linspace(0, 1, moments)
    rise = rng.normal() * 0.08 * np.sin(2 * np.pi * (along + rng.uniform()))
    tremble = _smooth(rng.normal(size=(moments, 1)), 0.02)[:, 0] * 0.02
    return voice.pitch * np.exp(0.08 - 0.22 * along + rise + tremble + rng.normal() * 0.05)


def _resonances(places: Array, widths: Array) -> npt.NDArray[np.complex128]:
    """What resonators at some hertz let pass of each of a pulse's frequencies, ``(*places.shape, RING // 2 + 1)``.

    Klatt's: ``y(t) = a x(t) + b y(t - 1) + c y(t - 2)``, which lets constants pass as they are.
    """
    c = -np.exp(-2 * np.pi * widths / RATE)
    b = 2 * np.exp(-np.pi * widths / RATE) * np.cos(2 * np.pi * places / RATE)
    a = 1 - b - c
    z = np.exp(-2j * np.pi * np.arange(RING // 2 + 1) / RING)
    b, c = np.broadcast_arrays(b, c)
    return np.asarray(a[..., None] / (1 - b[..., None] * z - c[..., None] * z**2))


def _voice(tract: npt.NDArray[np.complex128], loudness: Array, pitch: Array) -> Array:
    """Pulses of the glottis through the tract, each as the tract stands then."""
    moments = len(tract)
    cycles = np.cumsum(np.repeat(pitch, HOP)) / RATE
    begins = np.flatnonzero(np.diff(np.floor(cycles)))
    at = begins // HOP
    z = np.exp(-2j * np.pi * np.arange(RING // 2 + 1) / RING)
    late = 1 - np.modf(cycles[begins])[0] * RATE / pitch[at]  # the part of a sample by which a pulse comes after one
    glottis = _resonances(np.zeros(1), np.array([100.0]))[0] * (1 - z) * 300
    pulses = tract[at] * glottis * (loudness[at] * np.sqrt(100 / pitch[at]))[:, None] * z ** late[:, None]
    return _laid(np.fft.irfft(pulses, RING), begins, moments)


def _noise(
    tract: npt.NDArray[np.complex128], breath: Array, hiss: Array, places: Array, rng: np.random.Generator
) -> Array:
    """Breath through the tract, and the hiss of narrow places, which the tract behind them hardly colours."""
    moments = len(tract)
    pieces = rng.normal(size=(moments, 2 * HOP)) * np.sin(np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP))
    spectra = np.fft.rfft(pieces, RING)
    narrow = _resonances(places[:, 0], places[:, 1])
    narrow /= np.sqrt((np.abs(narrow) ** 2).mean(axis=1, keepdims=True))
    through = tract * breath[:, None] * 0.3 + narrow * hiss[:, None] * 0.25
    return _laid(np.fft.irfft(spectra * through, RING), np.arange(moments) * HOP, moments)


def _laid(pieces: Array, begins: npt.NDArray[np.int64], moments: int) -> Array:
    """The sum of pieces ``(pieces, RING)`` that begin at some samples."""
    places = begins[:, None] + np.arange(RING)
    summed = np.bincount(places.ravel(), weights=pieces.ravel(), minlength=moments * HOP + RING)
    return np.asarray(summed[: moments * HOP], np.float64)
