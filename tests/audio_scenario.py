"""Small recordings, written by NumPy and soundfile."""

import numpy as np
import soundfile


def tone(seconds=0.5, rate=16000, pitch=440.0, level=0.3, noise=0.01, seed=0):
    """A sine with a little noise, float32 between -1 and 1."""
    count = round(seconds * rate)
    wave = level * np.sin(2 * np.pi * pitch * np.arange(count) / rate)
    return (wave + noise * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def write(path, wave=None, rate=16000, **how):
    """A file of audio, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate=rate) if wave is None else wave, rate, **how)
    return path


def manifest(path, *rows, columns="audio,text"):
    """A manifest of comma-separated rows."""
    path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return path
