"""Speech as it comes: what is written is what is written of the whole, and ends where nobody speaks."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transcriber_scenario import PITCH, TINY, spoken, tones

from ostinato import OstinatoError, Transcriber
from ostinato.data import Recordings
from ostinato.tasks.transcription.stream import Endpoints, TranscriberStream

law = settings(deadline=None, derandomize=True, max_examples=12)


@pytest.fixture(scope="module", params=["ctc", "transducer"])
def hearing(request):
    """One that is sure of what it writes, right or wrong, and writes a lot: its blank is made unlikely."""
    fitted = Transcriber(**TINY, bidirectional=False, output=request.param).fit(tones(24))
    network = fitted.model.network
    with torch.no_grad():
        writer = network.ctc or network.transducer.output
        writer.weight.mul_(8)
        writer.bias[0] -= 2.5
    return fitted


class Ear(nn.Module):
    """Knows each whistle by its loudest band, and hears nothing in the quiet."""

    transducer = None

    def __init__(self, model):
        super().__init__()
        self.front_end, self.modality = model.network.front_end, model.modality
        self.front_end.steps = lambda frames: frames[:, self.front_end.context - 1 :: self.front_end.subsampling]
        self.front_end.width = model.modality.mels
        sounds = [np.sin(np.arange(400) * PITCH[sign]) / 2 for sign in model.tokenizer.tokens[1:]]
        clips = Recordings.of_waves(sounds, 8000).clips
        known = np.stack([model.modality.steps(clip)[1] for clip in clips])
        self.bands, self.loud = self.loudness(torch.from_numpy(known)).max(-1)[::-1]

    def loudness(self, frames):
        return frames * torch.from_numpy(self.modality.spread) + torch.from_numpy(self.modality.mean)

    def read(self, features, state=None, lengths=None):
        loudest, band = self.loudness(features).max(-1, keepdim=True)
        away = torch.cat([torch.full_like(band, 99), (band - self.bands).abs()], -1).float()
        away[..., 0] = torch.where(loudest[..., 0] < self.loud.min() - 5, -99, 99)
        return (-9 * away).log_softmax(-1), None


@pytest.fixture(scope="module")
def ideal():
    rng = np.random.default_rng(0)
    texts = ["de", "ef", "fd", "df"] * 4
    sounds = Recordings.of_waves([spoken(text, rng) for text in texts], 8000, texts)
    model = Transcriber(**TINY, bidirectional=False, subsampling=1).fit(sounds).model
    return replace(model, network=Ear(model))


def speech(*parts):
    """Texts whistled, and seconds of quiet between."""
    rng = np.random.default_rng(3)
    waves = [spoken(part, rng) if isinstance(part, str) else rng.normal(size=int(part * 8000)) * 1e-4 for part in parts]
    return np.concatenate(waves).astype(np.float32)


def finals(stream, wave):
    return [each for each in stream.feed(wave) + stream.flush() if each.final]


@law
@given(st.lists(st.integers(0, 900), max_size=12), st.integers(0, 2))
def test_the_final_text_is_that_of_the_whole_however_the_sound_is_cut(hearing, chunks, seed):
    recordings = tones(1, seed=seed + 20)
    wave, (expected,) = recordings.clips[0].wave(), hearing.transcribe(recordings)
    assert len(expected[0].text) > 1
    stream = hearing.stream(None)
    for part in np.split(wave, np.minimum(np.cumsum(chunks), len(wave))):
        assert not any(each.final for each in stream.feed(part))
    (final,) = stream.flush()
    assert final.transcript == expected[0]
    assert final.text == hearing.predict(recordings)["text"][0]


def test_sample_by_sample_gives_the_same_bits_endpoints_included(hearing):
    wave = speech("ab ca", 0.4, "cb")
    stream, heard = hearing.stream(Endpoints(longest=0.5)), []
    at_once = finals(stream, wave)
    assert len(at_once) > 1
    for at in range(len(wave)):
        heard += stream.feed(wave[at : at + 1])
    assert [each for each in heard + stream.flush() if each.final] == at_once


def test_it_writes_while_it_hears_and_a_text_is_final_behind_a_silence(ideal):
    stream = TranscriberStream(ideal, Endpoints(silence_after=0.3))
    heard = stream.feed(speech("def", 0.6, "fde", 0.6))
    partial, final = [each for each in heard if not each.final], [each for each in heard if each.final]
    assert [each.text for each in final] == ["def", "fde"]
    assert [each.text for each in partial] == ["d", "de", "def", "f", "fd", "fde"]
    assert 0.6 <= final[0].end <= 0.8
    assert final[1].start == final[0].end
    assert [(word.text, word.start) for word in final[0].transcript.words] == [("def", pytest.approx(0, abs=0.05))]
    assert final[0].transcript.words[0].end == pytest.approx(0.3, abs=0.05)
    assert stream.flush() == []


def test_nothing_is_said_of_silence_and_a_long_text_ends(ideal):
    stream = TranscriberStream(ideal, Endpoints(silence_before=0.5, silence_after=5.0, longest=0.6))
    assert stream.feed(speech(2.0)) == []
    stream.reset()
    found = finals(stream, speech("def" * 5))
    written = "".join(each.text for each in found)
    assert "".join(letter for letter, _ in groupby(written)) == "def" * 5  # one that is cut in two is heard twice
    assert max(each.end - each.start for each in found) <= 0.7


def test_what_it_keeps_does_not_grow(ideal):
    stream = TranscriberStream(ideal, Endpoints(silence_before=0.5, silence_after=0.3, longest=2.0))
    wave, kept = speech("def", 0.5), []
    for _ in range(12):
        stream.feed(wave)
        kept.append(sum(len(told) for told in stream._told))
    assert max(kept) * ideal.step_seconds <= 2.2
    assert len(stream._body._frames) < 30


def test_a_reset_forgets_all(hearing):
    wave = speech("ab ca")
    stream = hearing.stream()
    first = finals(stream, wave)
    stream.feed(wave[:3000])
    stream.reset()
    assert finals(stream, wave) == first


def test_what_cannot_stream_is_refused(hearing):
    both = Transcriber(**TINY).fit(tones(24))
    with pytest.raises(OstinatoError, match="train one with bidirectional=False"):
        both.stream()
    with pytest.raises(ValueError, match="silence_after must be above 0"):
        hearing.stream(Endpoints(silence_after=0))
    with pytest.raises(ValueError, match="divide 16-bit numbers"):
        hearing.stream().feed(np.zeros(100, np.int16))
