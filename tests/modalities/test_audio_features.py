"""Log-mel features are those of torch.stft, and bit for bit the same in a stream at any chunk size."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import OstinatoError
from ostinato.data import LabelledSequences, Recordings
from ostinato.modalities import Audio, AudioFrontEnd, AudioSettings, FeatureStream, LogMel, Modality
from ostinato.modalities.augmentation import amid_silence
from ostinato.modalities.log_mel import FLOOR


def noise(count, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def learned(rate=8000, seconds=1.0, **given):
    records = Recordings.of_waves([noise(int(rate * seconds), seed) for seed in range(2)], rate)
    return Audio.learn(records, AudioSettings(**given)), records


class Settings(AudioSettings):
    dropout: float = 0.0


@pytest.mark.parametrize(("rate", "mels"), [(8000, 40), (16000, 40), (16000, 80), (44100, 64)])
def test_frames_are_those_of_torch_stft(rate, mels):
    form, wave = LogMel(rate, mels), noise(rate)
    size = 2 * (len(form.bank) - 1)
    padded = np.pad(wave, (0, size))  # torch puts the window in the middle of its transform
    left = (size - form.window) // 2
    spectrum = torch.stft(
        torch.from_numpy(np.pad(padded, (left, 0))),
        size,
        form.hop,
        form.window,
        torch.hann_window(form.window),
        center=False,
        return_complex=True,
    )
    expected = torch.log(spectrum.abs().square().T @ torch.from_numpy(form.bank) + FLOOR)
    frames = form.frames(wave)
    np.testing.assert_allclose(frames, expected[: len(frames)].numpy(), atol=2e-3)


def test_bands_are_triangles_evenly_spaced_in_mels_and_none_is_empty():
    bank = LogMel(16000, 40).bank
    assert bank.max() <= 1
    assert (bank > 0).any(axis=0).all()
    peaks = bank.argmax(axis=0) * 16000 / (2 * (len(bank) - 1))
    mels = 2595 * np.log10(1 + peaks / 700)
    np.testing.assert_allclose(np.diff(mels), np.diff(mels).mean(), atol=48)  # two frequencies lie so far apart
    with pytest.raises(OstinatoError, match="mels=3000: too many bands"):
        _ = LogMel(8000, 3000).bank


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 1), (200, 1), (201, 2), (280, 2), (281, 3), (8000, 99)])
def test_a_frame_for_every_window_with_a_sample_of_its_own(samples, frames):
    stream = FeatureStream(LogMel(8000, 20))
    assert stream.form.count(samples) == frames
    assert len(stream.feed(noise(samples))) + len(stream.flush()) == frames


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 3000),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    form=st.sampled_from([LogMel(8000, 40), LogMel(16000, 13, 20, 7), LogMel(8000, 24, 10, 10)]),
)
def test_a_stream_has_the_frames_of_the_whole_bit_for_bit_at_any_chunks(count, cuts, form):
    wave = noise(count, 1)
    whole, parts = FeatureStream(form), FeatureStream(form)
    expected = np.concatenate([whole.feed(wave), whole.flush()])
    chunks = np.split(wave, sorted(min(cut, count) for cut in cuts))
    got = np.concatenate([*(parts.feed(chunk) for chunk in chunks), parts.flush()])
    assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [1, 3, 80, 997])
def test_normalised_frames_of_a_stream_are_those_of_the_whole_one_sample_at_a_time_included(size):
    audio, records = learned()
    clip = records.clips[0]
    stream, wave = audio.stream(), clip.wave()
    for _ in range(2):  # flushed, it begins a new sound
        parts = [stream.feed(wave[first : first + size]) for first in range(0, len(wave), size)]
        assert np.concatenate([*parts, stream.flush()]).tobytes() == audio.steps(clip).tobytes()
    stream.feed(wave[:500])
    stream.reset()
    assert stream.feed(wave).tobytes() + stream.flush().tobytes() == audio.steps(clip).tobytes()


def test_each_band_has_mean_0_and_spread_1_on_the_training_part():
    audio, records = learned(mels=20)
    steps = np.concatenate([audio.steps(clip) for clip in records.clips])
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-3)
    again = Modality.restored(*audio.saved())
    assert again.steps(records.clips[0]).tobytes() == steps[: len(steps) // 2].tobytes()


def test_training_draws_another_speed_noise_and_masks_by_its_generator_alone():
    audio, records = learned()
    clip = records.clips[0]
    first, same, other = (audio.steps(clip, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.tobytes() == same.tobytes()
    assert first.tobytes() != other.tobytes()
    lengths = {len(audio.steps(clip, np.random.default_rng(seed))) for seed in range(20)}
    assert min(lengths) < 99 < max(lengths)
    assert all(89 <= length <= 111 for length in lengths)
    plain, _ = learned(speed=0, noise=None, specaugment=False)
    assert plain.steps(clip, np.random.default_rng(1)).tobytes() == plain.steps(clip).tobytes()


def test_specaugment_hides_bands_and_stretches():
    audio, records = learned(speed=0, noise=None)
    clip = records.clips[0]
    whole, hidden = audio.steps(clip), audio.steps(clip, np.random.default_rng(0))
    masked = (hidden == 0) & (whole != 0)
    assert masked.all(axis=0).sum() + masked.all(axis=1).sum() > 0
    np.testing.assert_array_equal(hidden[~masked], whole[~masked])


@pytest.mark.parametrize("subsampling", [1, 2, 4])
@pytest.mark.parametrize("mels", [13, 40])
def test_the_front_end_is_causal_and_a_step_sees_its_context_alone(subsampling, mels):
    torch.manual_seed(0)
    front_end = AudioFrontEnd(mels, Settings(subsampling=subsampling, channels=4)).double()
    x = torch.randn(2, 23, mels, dtype=torch.float64)
    features, lengths = front_end(x, torch.tensor([23, 9]))
    assert features.shape == (2, -(-23 // subsampling), front_end.width)
    assert lengths.tolist() == [-(-23 // subsampling), -(-9 // subsampling)]
    for step in range(features.shape[1]):
        end = step * subsampling + 1
        before = torch.cat([torch.zeros(2, front_end.context, mels, dtype=torch.float64), x[:, :end]], 1)
        alone = front_end.steps(before[:, -front_end.context :])
        torch.testing.assert_close(alone[:, 0], features[:, step])


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_the_shortest_recordings_have_a_step(frames):
    front_end = AudioFrontEnd(8, Settings(subsampling=4, channels=2))
    features, lengths = front_end(torch.zeros(1, frames, 8), torch.tensor([frames]))
    assert features.shape[1] == lengths.item() == -(-frames // 4)


def test_other_rates_and_other_records_are_refused():
    audio, _ = learned()
    with pytest.raises(OstinatoError, match="16,000 samples a second, where training had 8,000"):
        audio.check(Recordings.of_waves([noise(100)], 16000))
    with pytest.raises(OstinatoError, match="no recordings"):
        audio.check(LabelledSequences.of_texts(["a text"]))


def test_a_long_sound_is_computed_in_blocks_with_the_same_bits(monkeypatch):
    form, wave = LogMel(8000, 10), noise(20_000)
    whole = form.frames(wave)
    monkeypatch.setattr("ostinato.modalities.log_mel.BLOCK", 7)
    assert form.frames(wave).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.zeros(4, np.int16), "divide 16-bit numbers by 32,768"),
        (np.zeros((4, 2)), "must be fractions between -1 and 1"),
        (np.array([0.0, np.nan]), "not finite"),
    ],
)
def test_what_is_no_sound_is_refused_and_nothing_of_it_is_kept(samples, told):
    stream, sound = FeatureStream(LogMel(8000, 8)), np.ones(400, np.float32)
    with pytest.raises(ValueError, match=told):
        stream.feed(samples)
    np.testing.assert_array_equal(stream.feed(sound), LogMel(8000, 8).frames(sound))


def test_silence_is_added_before_and_behind_and_the_recording_stays_whole():
    wave = np.concatenate([noise(800) * 0.01, noise(4000)])
    rng = np.random.default_rng(0)
    for _ in range(5):
        longer = amid_silence(wave, 8000, 0.5, rng)
        (start,) = (at for at in range(len(longer) - len(wave) + 1) if longer[at] == wave[0])
        np.testing.assert_array_equal(longer[start : start + len(wave)], wave)
        assert 0 <= start <= 4000
        assert len(longer) - len(wave) - start <= 4000
        assert np.abs(longer[:start]).max(initial=0) < 0.01
    assert len(amid_silence(np.zeros(0, np.float32), 8000, 0.5, rng)) <= 8000
