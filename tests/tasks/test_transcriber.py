"""A transcriber: it learns to write what it hears, says how well, and refuses what cannot be learned."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transcriber_scenario import PLAIN, TINY, spoken, tones

import ostinato
from ostinato import OstinatoError, Transcriber
from ostinato.data import NgramModel, Recordings
from ostinato.tasks.transcription.decoder import found_in
from ostinato.tasks.transcription.heard import Heard
from ostinato.tasks.transcription.page import _compared
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.sureness import calibrated
from ostinato.tasks.transcription.tokens import encoded, learned_tokens, steps_needed, unknown_in
from ostinato.tasks.transcription.train import TranscriptionError
from ostinato.tasks.transcription.tuning import BONUSES, WEIGHTS
from ostinato.topologies import CTCSearch, Lexicon
from ostinato.training import TrainingLogger


@pytest.fixture(scope="module")
def fitted():
    return Transcriber(**TINY).fit(tones(24))


def test_it_learns_to_write_what_it_hears():
    chosen = TINY | PLAIN | {"hidden_size": 16, "channels": 8, "epochs": 10, "learning_rate": 0.01}
    transcriber = Transcriber(**chosen).fit(tones(120), validation=tones(30, seed=1))
    assert transcriber.settings.subsampling == 4
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
    fitted = Transcriber(**TINY | {"speed": 0.5, "epochs": 3}).fit(sounds, validation=sounds)
    assert fitted.settings.subsampling == 2  # with 4 there would be 5


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
    assert steps_needed(encoded(tokenizer, ["abc", "abc", "aab", ""]), TranscriberSettings()) == [3, 3, 4, 0]


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


@pytest.mark.parametrize("output", ["transducer", "both"])
def test_a_transducer_writes_what_it_hears_and_when(output, tmp_path):
    chosen = TINY | PLAIN | {"hidden_size": 32, "channels": 8, "epochs": 16, "learning_rate": 0.005, "output": output}
    transcriber = Transcriber(**chosen).fit(tones(120), validation=tones(16, seed=1))
    assert transcriber.evaluate(tones(20, seed=2)).rows["ostinato"]["cer"] < 0.15
    transcriber.save(tmp_path / "model")
    again, sounds = ostinato.load(tmp_path / "model"), tones(4, seed=3)
    assert again.transcribe(sounds, n_best=2) == transcriber.transcribe(sounds, n_best=2)
    for best, *_ in transcriber.transcribe(sounds):
        assert " ".join(word.text for word in best.words) == best.text
        assert all(one.end <= other.start for one, other in zip(best.words, best.words[1:], strict=False))


def test_words_have_times_and_confidences_and_others_come_behind_the_best(fitted):
    sounds = tones(3)
    for row, found in enumerate(fitted.transcribe(sounds, n_best=4)):
        assert 1 <= len(found) <= 4
        assert found[0].text == fitted.predict(sounds)["text"][row]
        assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)
        assert all(0 <= word.start < word.end <= 0.6 and 0 <= word.confidence <= 1 for word in found[0].words)
    with pytest.raises(OstinatoError, match="n_best must be at least 1"):
        fitted.transcribe(sounds, n_best=0)


def test_a_language_model_of_the_training_texts_is_weighed_on_the_validation_part_and_kept(tmp_path):
    told = Transcriber(**TINY, language_model="ngram", ngram_order=2).fit(tones(24))
    decoder = told.model.decoder
    assert decoder.lm_weight in WEIGHTS
    assert decoder.length_bonus in BONUSES
    told.save(tmp_path / "model")
    again = ostinato.load(tmp_path / "model")
    assert dict(again.model.decoder.language.entries) == dict(decoder.language.entries)
    pd.testing.assert_frame_equal(again.predict(tones(5)), told.predict(tones(5)))


def test_the_search_may_be_changed_without_training(fitted, tmp_path):
    sounds = tones(12)
    model = NgramModel.estimate([text.split() for text in sounds.texts], 2)
    model.write(tmp_path / "words.arpa")
    (tmp_path / "words.txt").write_text("ab\n\nca\ncb\n", encoding="utf-8")
    fitted.save(tmp_path / "model")
    transcriber = ostinato.load(tmp_path / "model")
    with pytest.raises(OstinatoError, match="lm_weight: give it"):
        transcriber.decode_with(language_model=str(tmp_path / "words.arpa"))
    transcriber.decode_with(sounds, language_model=str(tmp_path / "words.arpa"))
    assert transcriber.model.decoder.lm_weight in WEIGHTS
    transcriber.decode_with(lexicon=str(tmp_path / "words.txt"), language_model=None, hot_words=("ca",))
    assert transcriber.model.decoder.hot_words == ("ca",)
    words = {word for text in transcriber.predict(sounds)["text"] for word in text.split()}
    assert words <= {"ab", "ca", "cb"}
    with pytest.raises(OstinatoError, match="hidden_size: choose among"):
        transcriber.decode_with(hidden_size=3)


def test_words_that_can_never_be_written_are_refused(fitted, tmp_path):
    with pytest.raises(OstinatoError, match="hot_words: 'zoo' holds 'o', 'z'"):
        fitted.decode_with(hot_words=("zoo",))
    (tmp_path / "words.txt").write_text("ab\nabd\n", encoding="utf-8")
    with pytest.raises(OstinatoError, match=r"words.txt: 'abd' holds 'd'"):
        fitted.decode_with(lexicon=str(tmp_path / "words.txt"))
    NgramModel.estimate([["AB", "CA"]], 2).write(tmp_path / "capitals.arpa")
    with pytest.raises(OstinatoError, match="none of the words of the training texts: is it in capital letters"):
        fitted.decode_with(language_model=str(tmp_path / "capitals.arpa"), lm_weight=0.5)


@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_calibration_is_a_probability_that_rises(told):
    found = calibrated([each for each, _ in told], [right for _, right in told])
    chances = [found(each) for each in (-50.0, -2.0, 0.0, 3.0, 50.0)]
    assert all(0 <= each <= 1 for each in chances)
    assert chances == sorted(chances)


def test_a_calibration_finds_how_often_something_is_right():
    rng = np.random.default_rng(0)
    odds = rng.normal(size=4000) * 3
    right = rng.random(4000) < 1 / (1 + np.exp(-0.5 * odds + 1))
    found = calibrated(odds.tolist(), right.tolist())
    assert found.slope == pytest.approx(0.5, abs=0.05)
    assert found.offset == pytest.approx(-1, abs=0.15)


def test_a_picture_and_a_page_show_where_letters_are_heard(fitted, tmp_path):
    sounds = tones(4)
    fitted.plot(sounds, tmp_path / "heard.png")
    assert (tmp_path / "heard.png").read_bytes().startswith(b"\x89PNG")
    fitted.evaluate(sounds)
    fitted.write_page(fitted.worst(sounds, 2), tmp_path / "worst.html")
    page = (tmp_path / "worst.html").read_text(encoding="utf-8")
    assert page.count("<section>") == page.count("data:audio/wav;base64,") == page.count("data:image/png;base64,") == 2
    fitted.evaluate(tones(1))
    with pytest.raises(OstinatoError, match="evaluate on these first"):
        fitted.write_page(fitted.worst(sounds, 2), tmp_path / "worst.html")


def test_a_page_marks_what_differs_and_is_safe_from_texts():
    assert _compared("<b> turn left", "<b> turn") == "&lt;b&gt; turn <del>left</del>"
    assert _compared("left", "right") == "<del>left</del> <ins>right</ins>"
    assert _compared("", "<i>") == "<ins>&lt;i&gt;</ins>"


def test_training_says_that_only_blanks_are_written(capfd):
    Transcriber(**TINY).fit(tones(24), logger=TrainingLogger())
    assert "only blanks so far: usual in the first epochs" in capfd.readouterr().err


def test_a_verdict_tells_of_texts_in_another_script_and_of_blanks_that_stay():
    tokenizer, chosen = learned_tokens(["abc"], TranscriberSettings()), TranscriberSettings()

    def scored(texts, written, times=1):
        error = TranscriptionError(Nothing(len(texts)), texts, tokenizer, chosen)
        for _ in range(times):
            error(nn.Linear(1, 1))
        error._written = written
        return error.verdict()

    assert "among those of training" in scored(["\u0430\u0431"], [""])
    assert "usual in the first epochs" in scored(["ab"], [" "])
    assert "still only blanks after 16 epochs" in scored(["ab"], [""], 16)
    assert scored(["ab"], ["a"], 16) == ""


class Nothing:
    """A reader of recordings without a step."""

    def __init__(self, count):
        self.lengths = np.zeros(count, np.int64)


def test_where_no_text_may_end_the_whole_words_of_the_best_are_written():
    # classes: blank, a, b, space; the lexicon has the word ab alone, and the sound ends in the middle of the second
    search = CTCSearch(scorers=[(Lexicon([[1, 2]], 4, [3]), 1.0)])
    told = torch.eye(4)[[1, 2, 3, 1]].mul(20).log_softmax(-1)
    told[-1] = torch.tensor([-torch.inf, 0.0, -torch.inf, -torch.inf])
    (best,) = found_in(search, told, 1, [3])
    assert best.ids == (1, 2)
    assert found_in(search, told[:0], 1, [3])[0].ids == ()
