"""The microphone: chunks of its samples, and one clear error without it. The device here is an imitation."""

import importlib.machinery
import sys
import threading
from enum import Enum
from types import ModuleType

import numpy as np
import pytest

from ostinato import OstinatoError
from ostinato.data import microphone as module
from ostinato.data.microphone import microphone


class Device:
    """Sends five chunks from a thread of its own."""

    closed = False

    def __init__(self, form, channels, rate, milliseconds, backends):
        assert (form, channels) == ("float32", 1)
        assert "NULL" not in {backend.name for backend in backends}
        self.size, Device.closed = rate * milliseconds // 1000, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        Device.closed = True

    def start(self, taking):
        def send():
            for number in range(5):
                taking.send(bytearray(np.full(self.size, number / 10, np.float32).tobytes()))

        thread = threading.Thread(target=send)
        thread.start()
        thread.join()


@pytest.fixture
def device(monkeypatch):
    fake = ModuleType("miniaudio")
    fake.__spec__ = importlib.machinery.ModuleSpec("miniaudio", None)
    fake.Backend = Enum("Backend", ["ALSA", "NULL"])
    fake.SampleFormat = type("SampleFormat", (), {"FLOAT32": "float32"})
    fake.MiniaudioError = type("MiniaudioError", (Exception,), {})
    fake.CaptureDevice = Device
    monkeypatch.setitem(sys.modules, "miniaudio", fake)
    return fake


def test_chunks_come_in_order_as_fractions(device):
    chunks = microphone(16000)
    for number in range(5):
        chunk = next(chunks)
        assert chunk.dtype == np.float32
        np.testing.assert_allclose(chunk, np.full(1600, number / 10), rtol=1e-6)


def test_the_device_is_closed_with_the_chunks(device):
    chunks = microphone(16000)
    next(chunks)
    assert not Device.closed
    chunks.close()
    assert Device.closed


def test_without_a_device_there_is_one_clear_error(device):
    def none_there(*_, **__):
        raise device.MiniaudioError("failed to init device", -401)

    device.CaptureDevice = none_there
    with pytest.raises(OstinatoError, match="no microphone can be opened: failed to init device, -401; give a file"):
        next(microphone(16000))


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(OstinatoError, match=r"needs miniaudio: pip install 'ostinato\[mic\]'"):
        next(microphone(16000))


def test_chunks_that_nobody_reads_do_not_fill_the_memory(device, monkeypatch):
    monkeypatch.setattr(module, "LATE", 2)
    chunks = microphone(16000)
    next(chunks)
    with pytest.raises(OstinatoError, match="hears faster than this machine computes"):
        next(chunks)
