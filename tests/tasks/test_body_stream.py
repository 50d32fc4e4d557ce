"""A network over sound in chunks says what it says of the whole, and the same bits however the sound is cut."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import SequenceClassifier
from ostinato.cells import GRU
from ostinato.data import Recordings
from ostinato.modalities import Audio
from ostinato.nn import Recurrent
from ostinato.tasks.body_stream import BLOCK, BodyStream

law = settings(deadline=None, derandomize=True, max_examples=40)


def stream_of(subsampling):
    chosen = SequenceClassifier(mels=8, channels=4, subsampling=subsampling).settings
    rng = np.random.default_rng(0)
    modality = Audio.learn(Recordings.of_waves([rng.normal(size=4000) / 8], 4000), chosen)
    torch.manual_seed(0)
    front_end = modality.front_end(chosen).eval()
    return BodyStream(modality, front_end, Recurrent(GRU, front_end.width, 6).eval())


def whole(stream, wave):
    outputs = torch.cat([stream.feed(wave), stream.flush()])
    return outputs.numpy()


@law
@given(st.integers(0, 4000), st.lists(st.integers(0, 900), max_size=8), st.sampled_from([1, 2, 4]))
def test_chunks_of_any_size_give_the_same_bits(count, chunks, subsampling):
    stream = stream_of(subsampling)
    wave = np.random.default_rng(1).normal(size=count).astype(np.float32) / 8
    expected = whole(stream, wave)
    parts = [stream.feed(part) for part in np.split(wave, np.minimum(np.cumsum(chunks), count))]
    np.testing.assert_array_equal(torch.cat([*parts, stream.flush()]).numpy(), expected)


@pytest.mark.parametrize("subsampling", [1, 2, 4])
def test_single_samples_give_the_same_bits(subsampling):
    stream = stream_of(subsampling)
    wave = np.random.default_rng(1).normal(size=1501).astype(np.float32) / 8
    expected = whole(stream, wave)
    parts = [stream.feed(wave[at : at + 1]) for at in range(len(wave))]
    np.testing.assert_array_equal(torch.cat([*parts, stream.flush()]).numpy(), expected)


@law
@given(st.integers(1, 4000), st.sampled_from([1, 2, 4]))
def test_outputs_are_those_of_the_network_on_the_whole(count, subsampling):
    stream = stream_of(subsampling)
    wave = np.random.default_rng(2).normal(size=count).astype(np.float32) / 8
    clip = Recordings.of_waves([wave], 4000).clips[0]
    frames = torch.from_numpy(stream._sound.audio.steps(clip)[None])
    with torch.no_grad():
        features, steps = stream._front_end(frames, torch.tensor([frames.shape[1]]))
        expected = stream._layers(features)[0][0]
    outputs = whole(stream, clip.wave())
    assert len(outputs) == steps.item()
    np.testing.assert_allclose(outputs, expected.numpy(), atol=1e-5)


def test_what_is_kept_does_not_grow_with_the_sound():
    stream = stream_of(2)
    for _ in range(50):
        stream.feed(np.zeros(4000, np.float32))
        assert len(stream._frames) < (BLOCK + 1) * 2 + stream._front_end.context
        assert len(stream._sound._stream._kept) <= stream._sound.audio.form.window


def test_a_new_sound_begins_behind_the_end_of_one_and_at_a_reset():
    stream = stream_of(2)
    wave = np.random.default_rng(3).normal(size=1200).astype(np.float32) / 8
    first = whole(stream, wave)
    np.testing.assert_array_equal(whole(stream, wave), first)
    stream.feed(wave[:700])
    stream.reset()
    np.testing.assert_array_equal(whole(stream, wave), first)
