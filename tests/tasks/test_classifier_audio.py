"""The classifier hears: the same door, files and bundles, settings of audio alone, baselines of bands."""

import numpy as np
import pytest
from audio_scenario import manifest, tone, write

import ostinato
from ostinato import OstinatoError, SequenceClassifier
from ostinato.data import Recordings
from ostinato.training import Interrupted, TrainingLogger

SMALL = {"hidden_size": 8, "epochs": 3, "channels": 4, "batch_size": 8, "mels": 16, "learning_rate": 0.02}
TEXTS = ([f"{word} film {n}" for word in ("good", "bad") for n in range(5)], ["a"] * 5 + ["b"] * 5)
PITCH = {"high": 1200, "low": 300}


def folder(path, count=12):
    """A folder of folders: low tones and high ones."""
    for label, pitch in PITCH.items():
        for number in range(count):
            how = {"seed": number, "pitch": pitch * (1 + number / 100), "rate": 8000}
            write(path / label / f"{number}.wav", tone(0.15 + number / 100, **how), 8000)
    return path


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    return folder(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def fitted(tones):
    return SequenceClassifier(**SMALL).fit(tones)


def test_a_folder_of_folders_is_heard_and_scored_beside_a_baseline(fitted, tones):
    scores = fitted.evaluate(tones)
    assert scores.rows["ostinato"]["accuracy"] > scores.rows["majority"]["accuracy"] == 0.5
    assert "ridge on mean, spread" in scores.rows
    assert "of 8,000 Hz sound, a step every 20 ms in, 2 labels out" in fitted.summary()
    assert fitted.settings.layout == "audio"
    assert fitted.settings.sample_rate == 8000


def test_files_alone_and_a_folder_without_labels_are_told(fitted, tones):
    told = fitted.predict(tones / "low")
    assert list(told.columns[:3]) == ["file", "label", "confidence"]
    one = fitted.predict(tones / "low" / "3.wav")
    assert one["p(low)"].item() == pytest.approx(told.set_index("file").loc["3.wav", "p(low)"], abs=1e-6)
    assert len(fitted.predict([tones / "low" / "3.wav", str(tones / "high" / "3.wav")])) == 2


def test_a_saved_model_tells_the_same(fitted, tones, tmp_path):
    fitted.save(tmp_path / "model")
    again = ostinato.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(tones), fitted.predict_proba(tones))


def test_other_rates_are_resampled_to_that_of_training(fitted, tmp_path):
    path = write(tmp_path / "a.wav", tone(0.3, 44100, 300), 44100)
    assert fitted.predict(path)["label"].item() == "low"


def test_a_manifest_with_parts_is_fitted_and_scored_by_them(tmp_path):
    folder(tmp_path, 8)
    rows = [
        f"{label}/{number}.wav,{label},{('train', 'train', 'dev', 'test')[number % 4]}"
        for label in PITCH
        for number in range(8)
    ]
    path = manifest(tmp_path / "m.csv", *rows, columns="file,keyword,split")
    model = SequenceClassifier(**SMALL | {"epochs": 1})
    training, test = model.hold_out(records := model.read(path), 0.1)
    assert (len(training), len(test)) == (12, 4)
    assert model.held_out(records, 0.1) == "the test part that the data name"
    model.fit(training)
    assert model.evaluate(path).count == 4
    assert len(model.predict(path)) == 16


def test_a_broken_file_stops_a_training_unless_it_may_be_left_out(tmp_path):
    folder(tmp_path, 5)
    (tmp_path / "low" / "broken.wav").write_bytes(b"no audio")
    with pytest.raises(OstinatoError, match=r"1 of 11 .* low/broken\.wav: not readable"):
        SequenceClassifier(**SMALL).fit(tmp_path)
    model = SequenceClassifier(**SMALL | {"epochs": 1}, skip_bad=True).fit(tmp_path)
    assert any("1 of 11 recordings are left out" in note for note in model.notes)
    told = model.predict(tmp_path)
    assert told.set_index("file").loc["low/broken.wav", "label"] == ""
    assert told["p(low)"].isna().sum() == 1


class Stopping(TrainingLogger):
    """Interrupts after some steps, as Ctrl-C would."""

    def record(self, record):
        super().record(record)
        if record.step == 3:
            raise KeyboardInterrupt


def test_a_resumed_training_augments_as_an_uninterrupted_one(tones, tmp_path):
    settings = SMALL | {"epochs": 2, "checkpoint_every": 2}
    whole = SequenceClassifier(**settings).fit(tones)
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        SequenceClassifier(**settings).fit(tones, folder=tmp_path / "m", logger=Stopping(progress=False))
    resumed = SequenceClassifier(**settings).fit(tones, folder=tmp_path / "m", resume=True)
    np.testing.assert_array_equal(resumed.predict_proba(tones), whole.predict_proba(tones))


@pytest.mark.parametrize("setting", [{"linear": True}, {"min_count": 2}, {"embedding_size": 8}])
def test_settings_of_texts_are_refused(tones, setting):
    with pytest.raises(OstinatoError, match=r"a setting for texts, and .* holds recordings"):
        SequenceClassifier(**SMALL, **setting).fit(tones)


def test_settings_of_audio_are_refused_for_texts():
    with pytest.raises(OstinatoError, match="mels: a setting for recordings, and the texts holds texts"):
        SequenceClassifier(mels=20).fit(TEXTS)


def test_explain_is_for_texts(fitted):
    with pytest.raises(OstinatoError, match="this model is of recordings, and explain is for texts"):
        fitted.explain("not bad")


def test_waves_in_memory_are_fitted_and_told():
    waves = [tone(0.2, 8000, pitch, seed=seed) for seed in range(8) for pitch in PITCH.values()]
    records = Recordings.of_waves(waves, 8000, list(PITCH) * 8)
    model = SequenceClassifier(**SMALL | {"epochs": 1}).fit(records)
    assert len(model.predict(Recordings.of_waves(waves[:3], 8000))) == 3
    with pytest.raises(OstinatoError, match="16,000 samples a second, where training had 8,000"):
        model.predict(Recordings.of_waves(waves[:3], 16000))


def test_recordings_of_a_model_of_texts_are_refused(tones):
    model = SequenceClassifier(epochs=1, hidden_size=4).fit(TEXTS)
    with pytest.raises(OstinatoError, match="recordings where texts are needed"):
        model.predict(tones)
