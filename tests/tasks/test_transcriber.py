"""A transcriber: it learns to write what it hears, says how well, and refuses what cannot be learned."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import ostinato
from ostinato import OstinatoError, Transcriber
from ostinato.data import Recordings
from ostinato.tasks.transcription.heard import Heard
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.tokens import encoded, learned_tokens, steps_needed, unknown_in

PITCH = {letter: 0.05 + 0.08 * number for number, letter in enumerate("abc")}
TINY = {"hidden_size": 8, "num_layers": 1, "epochs": 1, "channels": 4, "mels": 16, "num_threads": 1}


def spoken(text, rng, length=800):
    """Each letter as a tone of its own, a space as silence."""
    window = np.hanning(length) / 2
    parts = [np.sin(np.arange(length) * PITCH[sign]) * window if sign != " " else np.zeros(length) for sign in text]
    return np.concatenate(parts) + rng.normal(size=length * len(text)) * 0.005


def tones(count, seed=0, rate=8000):
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("abc"), 2)) + " " + "".join(rng.choice(list("abc"), 2)) for _ in range(count)]
    return Recordings.of_waves([spoken(text, rng) for text in texts], rate, texts)


@pytest.fixture(scope="module")
def fitted():
    return Transcriber(**TINY).fit(tones(24))


def test_it_learns_to_write_what_it_hears():
    plain = {"dropout": 0.0, "speed": 0.0, "noise": None, "specaugment": False}
    chosen = TINY | plain | {"hidden_size": 16, "channels": 8, "subsampling": 4, "epochs": 14, "learning_rate": 0.01}
    transcriber = Transcriber(**chosen).fit(tones(120), validation=tones(30, seed=1))
    scores = transcriber.evaluate(tones(30, seed=2)).rows
    assert scores["ostinato"]["cer"] < 0.1
    assert scores["ostinato"]["cer"] < scores["nearest recording"]["cer"] / 3
    assert scores["commonest text"]["exact"] < 0.2


def test_a_table_has_a_row_for_each_recording_and_is_the_same_when_loaded(fitted, tmp_path):
    table = fitted.predict(tones(5))
    assert table.columns.tolist() == ["audio", "text", "confidence"]
    assert len(table) == 5
    assert table["confidence"].between(0, 1).all()
    fitted.save(tmp_path / "model")
    again = ostinato.load(tmp_path / "model")
    assert isinstance(again, Transcriber)
    pd.testing.assert_frame_equal(again.predict(tones(5)), table)


def test_details_tell_how_sure_the_rate_is_and_what_is_heard_worst(fitted):
    fitted.evaluate(tones(6))
    told = fitted.details(None).plain
    assert "95 % interval" in told
    assert "Worst: " in told


def test_files_are_read_from_a_manifest(tmp_path):
    rng = np.random.default_rng(0)
    rows = ["audio,text"]
    for number in range(16):
        text = "ab ca" if number % 2 else "cb"
        soundfile.write(tmp_path / f"{number}.wav", spoken(text, rng), 8000)
        rows.append(f"{number}.wav,{text.upper()}")
    manifest = tmp_path / "clips.csv"
    manifest.write_text("\n".join(rows))
    transcriber = Transcriber(**TINY, lowercase=True).fit(manifest)
    assert set(transcriber.model.tokenizer.tokens) - {"<unk>"} == set(" abc")
    assert any("capitals" in note for note in transcriber.notes)
    assert transcriber.predict(manifest)["audio"].tolist() == [f"{number}.wav" for number in range(16)]
    assert transcriber.evaluate(manifest).count == 16


def test_texts_that_do_not_fit_into_their_recordings_are_refused_with_both_numbers():
    rng = np.random.default_rng(0)
    texts = ["ab"] * 11 + ["abc" * 30]
    sounds = Recordings.of_waves([spoken(text[:4], rng) for text in texts], 8000, texts)
    with pytest.raises(OstinatoError, match=r"item 11: 11: \d+ steps for a text that needs 90 .*1 of 12 recordings"):
        Transcriber(**TINY).fit(sounds, validation=tones(4))


def test_a_recording_made_faster_is_read_as_it_is_where_its_text_would_not_fit():
    rng = np.random.default_rng(0)
    texts = ["abcabcabc"] * 12
    sounds = Recordings.of_waves([spoken("ab", rng) for _ in texts], 8000, texts)  # 19 frames, 10 steps for 9 letters
    Transcriber(**TINY | {"speed": 0.5, "epochs": 3}).fit(sounds, validation=sounds)


def test_tokens_that_training_has_not_are_said(fitted):
    sounds = tones(16)
    other = Recordings.of_waves([clip.wave() for clip in sounds.clips], 8000, ["zebra"] * 16)
    notes = Transcriber(**TINY).fit(sounds, validation=other).notes
    assert any("never written: 'e', 'r', 'z'" in note for note in notes)


def test_words_may_be_written_instead_of_characters():
    transcriber = Transcriber(**TINY, tokenizer="word").fit(tones(24))
    assert all(" " not in token for token in transcriber.model.tokenizer.tokens)


@given(text=st.text(alphabet="ab c", max_size=12), kind=st.sampled_from(["char", "word"]))
@settings(max_examples=60, deadline=None)
def test_tokens_write_what_they_encode_and_leave_out_what_is_not_known(text, kind):
    text = " ".join(text.split())
    tokenizer = learned_tokens([text, "a"], TranscriberSettings(tokenizer=kind))
    (ids,) = encoded(tokenizer, [text])
    assert tokenizer.decode(ids) == text
    assert unknown_in(tokenizer, ["a?"]) == (["a?"] if kind == "word" else ["?"])
    assert encoded(tokenizer, ["?"])[0].tolist() == []


def test_a_text_needs_a_step_for_each_letter_and_one_between_two_that_are_alike():
    tokenizer = learned_tokens(["abc"], TranscriberSettings())
    assert steps_needed(encoded(tokenizer, ["abc", "abc", "aab", ""])) == [3, 3, 4, 0]


def test_pieces_of_words_may_be_written(tmp_path):
    transcriber = Transcriber(**TINY, tokenizer="bpe", vocabulary_size=270).fit(tones(24))
    transcriber.save(tmp_path / "model")
    again = ostinato.load(tmp_path / "model")
    assert len(again.model.tokenizer) <= 270
    pd.testing.assert_frame_equal(again.predict(tones(5)), transcriber.predict(tones(5)))


def test_of_a_manifest_with_a_test_part_that_is_scored_and_nothing_else(fitted):
    sounds = tones(12)
    clips = tuple(replace(clip, split="test" if row < 5 else "train") for row, clip in enumerate(sounds.clips))
    parted = replace(sounds, clips=clips)
    assert fitted.evaluate(parted).count == 5
    assert len(fitted.losses(parted)) == 5
    assert fitted.evaluate(sounds).count == 12


def test_figures_of_two_texts_worked_by_hand():
    sounds = tones(2)
    heard = Heard(replace(sounds, texts=("the cat sat", "on")), ("the bat sat down", "on"))
    found = heard.figures()
    assert found["wer"] == pytest.approx(2 / 4)
    assert found["cer"] == pytest.approx((1 + 5) / 13)
    assert found["exact"] == 0.5
    told = heard.details().plain
    assert "1 words of 4 are taken for others, 0 missed, 1 added" in told
    assert "'bat' for 'cat' (1)" in told
    assert "'down' for nothing (1)" in told
    assert "Worst: 0, 'the cat sat' heard as 'the bat sat down'." in told
