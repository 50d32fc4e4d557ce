"""The classifier in a stream: keywords told as they are heard, the same however sound is cut into chunks."""

import sys

import numpy as np
import pytest
import torch
from audio_scenario import manifest, tone, write
from hypothesis import given, settings
from hypothesis import strategies as st

import ostinato
from ostinato import OstinatoError, SequenceClassifier
from ostinato.cells import GRU
from ostinato.data import Recordings
from ostinato.data.clip import Clip
from ostinato.nn import Recurrent
from ostinato.tasks.classification.distractors import noise, parted, with_distractors
from ostinato.tasks.classification.keyword_stream import Detection, Peaks
from ostinato.tasks.classification.network import HighestSteps
from ostinato.tasks.classification.spotting import Spoken, Spotting

RATE = 8000
PITCH = {"high": 1800, "low": 300}
SMALL = {
    "hidden_size": 12,
    "epochs": 8,
    "channels": 4,
    "batch_size": 8,
    "mels": 16,
    "learning_rate": 0.02,
    "streaming": True,
    "specaugment": False,
    "dropout": 0.0,
}


def beep(label, seed):
    """A tone in a little quiet."""
    quiet = np.random.default_rng(seed).standard_normal(800) * 1e-3
    return np.concatenate([quiet, tone(0.25, RATE, PITCH[label] * (1 + seed / 200), seed=seed), quiet])


def beeps(first, last):
    rows = [(label, seed) for seed in range(first, last) for label in PITCH]
    return Recordings.of_waves([beep(*row) for row in rows], RATE, [label for label, _ in rows])


@pytest.fixture(scope="module")
def fitted():
    return SequenceClassifier(**SMALL).fit(beeps(0, 16), validation=beeps(20, 24))


@pytest.fixture(scope="module")
def sound():
    """Low, high, low, with a second of quiet around each."""
    quiet = np.random.default_rng(1).standard_normal(RATE) * 1e-3
    parts = [part for label in ("low", "high", "low") for part in (quiet, beep(label, 30))]
    return np.concatenate([*parts, quiet]).astype(np.float32)


def heard(stream, sound, *cuts):
    told = [each for part in np.split(sound, sorted(cuts)) for each in stream.feed(part)]
    return told + stream.flush()


def test_keywords_of_a_stream_are_told_in_order_and_when_they_are_said(fitted, sound):
    told = heard(fitted.stream(), sound)
    assert [each.keyword for each in told] == ["low", "high", "low"]
    for number, each in enumerate(told):
        assert 1 + 1.45 * number < each.seconds < 1.9 + 1.45 * number
        assert 0.5 <= each.confidence <= 1


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 5 * RATE), max_size=5))
def test_what_is_told_is_the_same_bit_for_bit_at_any_chunk_size(fitted, sound, cuts):
    assert heard(fitted.stream(threshold=0), sound, *cuts) == heard(fitted.stream(threshold=0), sound)


def test_single_samples_tell_the_same(fitted, sound):
    start = sound[: RATE // 4]
    assert heard(fitted.stream(threshold=0), start, *range(1, len(start))) == heard(fitted.stream(threshold=0), start)


def test_a_keyword_is_told_soon_after_its_end(fitted, sound):
    stream = fitted.stream()
    end = RATE + len(beep("low", 30))
    assert [each.keyword for each in stream.feed(sound[: end + RATE // 2])] == ["low"]


def test_reset_and_flush_begin_a_new_stream(fitted, sound):
    stream = fitted.stream()
    whole = heard(stream, sound)
    stream.feed(sound[: 2 * RATE])
    stream.reset()
    assert heard(stream, sound) == heard(stream, sound) == whole


def size_of(thing, seen):
    """Bytes of an object and all that it holds."""
    if id(thing) in seen or isinstance(thing, type):
        return 0
    seen.add(id(thing))
    inside = list(vars(thing).values()) if hasattr(thing, "__dict__") else []
    if isinstance(thing, dict):
        inside += [*thing, *thing.values()]
    elif not isinstance(thing, str | bytes) and hasattr(thing, "__iter__") and not hasattr(thing, "dtype"):
        inside += list(thing)
    own = thing.nbytes if hasattr(thing, "nbytes") else sys.getsizeof(thing)
    return own + sum(size_of(each, seen) for each in inside)


def test_what_a_stream_keeps_does_not_grow(fitted, sound):
    stream = fitted.stream()
    chunk, sizes = sound[: 2 * RATE], []
    for _ in range(4):
        for _ in range(4):
            stream.feed(chunk)
        kept = [
            stream._peaks,
            stream._latest,
            *((body._frames, body._state, body._sound._stream._kept) for body in stream._bodies),
        ]
        sizes.append(size_of(kept, set()))
    assert max(sizes) < 1.1 * sizes[0]


def test_a_saved_model_hears_the_same(fitted, sound, tmp_path):
    fitted.save(tmp_path / "model")
    assert heard(ostinato.load(tmp_path / "model").stream(), sound) == heard(fitted.stream(), sound)


def test_several_networks_are_heard_together(sound):
    model = SequenceClassifier(**SMALL | {"epochs": 1}, ensemble=2).fit(beeps(0, 6), validation=beeps(20, 22))
    assert heard(model.stream(threshold=0), sound, 999) == heard(model.stream(threshold=0), sound)


def test_clips_are_told_as_without_streaming(fitted):
    scores = fitted.evaluate(beeps(24, 28))
    assert scores.rows["ostinato"]["accuracy"] == 1.0
    assert set(fitted.classes_) == {"high", "low", "silence", "unknown"}


def test_a_stream_of_clips_is_scored_with_its_delay(fitted):
    spotting = fitted.spot(beeps(24, 30))
    assert (len(spotting.spoken), spotting.hours) == (12, 0.0)
    assert spotting.accuracy > 0.9
    assert spotting.missed(0.0) <= 0.1 < 1.0 == spotting.missed(1.1)
    assert 0 < spotting.delay < 0.6


@pytest.fixture
def over_music(tmp_path):
    """Settings of a model whose threshold sounds of music choose."""
    for number in range(6):
        write(tmp_path / "music" / f"{number}.wav", tone(4.0, RATE, 700 + 100 * number, seed=number), RATE)
    return SMALL | {"epochs": 1, "background": tmp_path / "music", "false_alarms_per_hour": 60}


def test_the_threshold_is_chosen_by_background(over_music, tmp_path):
    model = SequenceClassifier(**over_music | {"epochs": 2})
    model.fit(beeps(0, 8), validation=beeps(20, 22))
    chosen = model.settings.threshold
    judged = model.spot(beeps(20, 22), [tmp_path / "music" / "1.wav", tmp_path / "music" / "4.wav"])
    assert judged.threshold == chosen
    assert judged.hours == pytest.approx(8 / 3600)
    assert judged.alarms_per_hour(chosen) == 0  # 60 an hour are none in 8 seconds
    assert model.stream().threshold == chosen
    assert model.stream(threshold=0.25).threshold == 0.25


@pytest.mark.parametrize("saved", [False, True])
def test_a_threshold_that_was_chosen_is_chosen_anew_where_fitting_goes_on(over_music, tmp_path, saved):
    first = SequenceClassifier(**over_music).fit(beeps(0, 8), validation=beeps(20, 22))
    if saved:
        first.save(tmp_path / "model")
        first = SequenceClassifier.load(tmp_path / "model")
    before = first.settings.threshold
    further = SequenceClassifier(epochs=4).fit(beeps(8, 16), validation=beeps(20, 22), warm_start=first)
    music = [tmp_path / "music" / f"{number}.wav" for number in (1, 4)]
    expected = further.spot(beeps(20, 22), music, threshold=0).threshold_for(60)
    assert further.settings.threshold == expected != before


@pytest.mark.parametrize("itself", [False, True])
def test_a_threshold_that_is_given_is_kept_where_fitting_goes_on(over_music, itself):
    first = SequenceClassifier(**over_music, threshold=0.9 if itself else None)
    first.fit(beeps(0, 8), validation=beeps(20, 22))
    further = first if itself else SequenceClassifier(streaming=True, epochs=1, threshold=0.9)
    assert further.fit(beeps(8, 16), validation=beeps(20, 22), warm_start=first).settings.threshold == 0.9


def test_labels_become_unknown_and_are_no_keywords(tmp_path):
    words = beeps(0, 8)
    model = SequenceClassifier(**SMALL | {"epochs": 1}, unknown=("low",)).fit(words, validation=beeps(20, 22))
    assert model.classes_.tolist() == ["high", "silence", "unknown"]
    assert model.evaluate(beeps(24, 26)).count == 4
    spotting = model.spot(beeps(24, 26))
    assert {word.keyword for word in spotting.spoken} == {"high"}
    assert spotting.hours > 0  # of what is unknown every keyword told is a false alarm
    with pytest.raises(OstinatoError, match=r"unknown=medium: no label is 'medium'; there are high, low"):
        SequenceClassifier(**SMALL, unknown="medium").fit(words)


def test_what_cannot_be_streamed_is_refused_with_what_to_set(tmp_path):
    with pytest.raises(OstinatoError, match="no end to read from: leave bidirectional out"):
        SequenceClassifier(**SMALL, bidirectional=True)
    with pytest.raises(OstinatoError, match="leave out pooling='attention'"):
        SequenceClassifier(**SMALL, pooling="attention")
    with pytest.raises(OstinatoError, match="unknown is of streams: give streaming=True"):
        SequenceClassifier(unknown="low")
    with pytest.raises(OstinatoError, match="streaming is for recordings with one label each"):
        SequenceClassifier(streaming=True).fit(([f"text {n}" for n in range(20)], ["a", "b"] * 10))
    whole = SequenceClassifier(**SMALL | {"epochs": 1, "streaming": False}).fit(beeps(0, 4), validation=beeps(4, 6))
    with pytest.raises(OstinatoError, match="does not hear streams: train it on recordings with streaming=True"):
        whole.stream()


@pytest.mark.parametrize("how", [{"threshold": 1.5}, {"threshold": -0.1}, {"refractory": 0.0}, {"refractory": np.nan}])
def test_thresholds_and_times_out_of_range_are_refused(fitted, how):
    with pytest.raises(OstinatoError, match=f"{next(iter(how))} must be"):
        fitted.stream(**how)


def test_a_part_of_a_manifest_is_heard(fitted, tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.wav", beep("low", number), RATE)
    rows = [f"{number}.wav,low,{'test' if number else 'train'}" for number in range(4)]
    assert len(fitted.spot(manifest(tmp_path / "m.csv", *rows, columns="file,label,split")).spoken) == 3


def test_training_weighs_the_steps_that_say_a_label_best_and_those_that_say_a_wrong_keyword():
    """Compared with a plain loop over rows, labels and the steps that count."""
    torch.manual_seed(0)
    labels = ("go", "silence", "stop", "unknown")
    module = HighestSteps(Recurrent(GRU, 3, 5), labels, dropout=0.0)
    x, lengths, begins = torch.randn(2, 7, 3), torch.tensor([7, 5]), torch.tensor([2, 0])
    given = module(x, lengths, begins)
    assert given.shape == (2, 3, 4)
    scores = module.steps(x, lengths=lengths)[0]
    for row in range(2):
        own = scores[row, begins[row] : lengths[row]]
        said = own.softmax(-1)
        for number, label in enumerate(labels):
            allowed = {1, 3} | {number}
            right = said[:, sorted(allowed)].sum(-1).log().mean()
            expected = torch.stack([own[:, number].max(), said[:, number].log().max(), right])
            torch.testing.assert_close(given[row, :, number], expected, msg=f"{row} {label}")
    torch.testing.assert_close(module.eval()(x, lengths, begins), given[:, 0])


steps = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75]), max_size=30)


@given(steps, st.integers(1, 5))
def test_peaks_are_the_highest_of_what_lies_around_them_the_first_of_equals(heights, around):
    peaks = Peaks(around)
    told = [peak for at, height in enumerate(heights) for peak in peaks.push(Detection("a", at, height))]
    told += list(peaks.flush())
    expected = [
        at
        for at, height in enumerate(heights)
        if height > max(heights[max(at - around, 0) : at], default=-1)
        and height >= max(heights[at + 1 : at + 1 + around], default=-1)
    ]
    assert [peak.seconds for peak in told] == expected


def spotting(alarms, hours, right=()):
    spoken = [Spoken("a", None, None if sure is None else Detection("a", 1.0, sure), 0.9) for sure in right]
    return Spotting(tuple(spoken), np.array(alarms), hours, 0.5, 0.3)


@given(st.lists(st.floats(0, 1, exclude_max=True), max_size=20), st.floats(0.1, 5), st.floats(0.1, 5))
def test_a_threshold_keeps_to_its_rate_of_false_alarms_and_no_lower_one_does(alarms, hours, rate):
    judged = spotting(sorted(alarms, reverse=True), hours)
    chosen = judged.threshold_for(rate)
    assert judged.alarms_per_hour(chosen) <= rate
    assert chosen <= np.nextafter(0, 1) or judged.alarms_per_hour(np.nextafter(chosen, 0)) > rate


def test_missed_keywords_and_false_alarms_of_a_threshold_are_counted():
    judged = spotting([0.9, 0.6, 0.2], 2.0, [0.95, 0.7, 0.4, None])
    assert judged.missed(0.5) == 0.5
    assert judged.alarms_per_hour(0.5) == 1.0
    assert judged.threshold_missing(0.5) == 0.7
    assert judged.threshold_missing(0.25) == 0.4
    rates, missed = judged.curve()
    assert list(zip(rates, missed, strict=True))[:3] == [(0.0, 1.0), (0.0, 0.75), (0.5, 0.75)]
    assert judged.delay == pytest.approx(1.0 + 0.3 - 0.9)


def test_distractors_are_noise_and_no_words_and_pieces_of_background(fitted):
    records = fitted.read(beeps(0, 6))
    background = [Clip.of_wave(tone(7.0, RATE), RATE)]
    made = with_distractors(records, background, seed=0)
    labels = list(made.labels[len(records) :])
    assert made.labels[: len(records)] == records.labels
    assert labels.count("silence") == 7
    assert labels.count("unknown") == 4 + 3  # of 7 seconds the last one is too short for a piece of 2
    again = with_distractors(records, background, seed=0)
    assert all(np.array_equal(one.wave(), other.wave()) for one, other in zip(made.clips, again.clips, strict=True))


@given(st.integers(1, 3000), st.integers(0, 100))
def test_noise_is_quiet_at_any_length(count, seed):
    wave = noise(count, np.random.default_rng(seed))
    assert len(wave) == count
    assert np.abs(wave).max() < 0.3


def test_one_recording_of_background_cannot_be_parted():
    with pytest.raises(OstinatoError, match="one part is to learn from and one to judge by"):
        parted([Clip.of_wave(tone(), RATE)])
