"""Voices that say a few words, from formants."""

import numpy as np
import pytest

from ostinato.demos.voices import COMMANDS, DIGITS, LEXICON, PHONEMES, RATE, Voice, speak
from ostinato.errors import OstinatoError

MAN, CHILD = Voice(110, 1.0, 1.0, 0.1), Voice(240, 0.8, 1.0, 0.1)


def said(words, voice=MAN, seed=0):
    return speak(words, voice, np.random.default_rng(seed))


def loudest_pitch(wave, low=60, high=400):
    """The pitch at which a wave is most like itself."""
    middle, lags = wave[len(wave) // 3 :][:900], range(RATE // high, RATE // low)
    likeness = [np.corrcoef(middle[lag:], middle[:-lag])[0, 1] for lag in lags]
    return RATE / lags[int(np.argmax(likeness))]


def power(wave, low, high):
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    at = np.fft.rfftfreq(len(wave), 1 / RATE)
    return spectrum[(at >= low) & (at < high)].sum() / spectrum.sum()


def test_the_same_words_voice_and_seed_are_the_same_samples():
    np.testing.assert_array_equal(said("seven"), said("seven"))
    assert not np.array_equal(said("seven"), said("seven", seed=1)[: len(said("seven"))])


@pytest.mark.parametrize("word", LEXICON)
def test_every_word_is_spoken_by_many_voices_in_range_and_in_a_second(word):
    for seed in range(5):
        wave = said(word, Voice.drawn(seed), seed)
        assert wave.dtype == np.float32
        assert 0.3 <= np.abs(wave).max() <= 0.9
        assert 0.25 < len(wave) / RATE < 1.2


def test_the_lexicon_has_ten_digits_and_ten_commands_of_known_phonemes():
    assert len(DIGITS) == len(COMMANDS) == 10
    assert all(phoneme in PHONEMES for sounds in LEXICON.values() for phoneme in sounds.split())


def test_voices_of_seeds_differ_and_stay_human():
    voices = [Voice.drawn(seed) for seed in range(200)]
    assert len(set(voices)) == 200
    assert all(60 < voice.pitch < 330 and 0.7 < voice.tract < 1.2 for voice in voices)


def test_pitch_is_the_voices():
    assert loudest_pitch(said("on", MAN)) == pytest.approx(110, rel=0.25)
    assert loudest_pitch(said("on", CHILD)) == pytest.approx(240, rel=0.25)


def test_an_s_hisses_and_a_vowel_does_not():
    six, no = said("six"), said("no")
    assert power(six[: len(six) // 4], 4000, 8000) > 0.5 > 0.05 > power(no, 4000, 8000)


def test_the_first_formant_tells_vowels_apart():
    """That of "two" lies near 300 Hz, that of "on" near 730."""
    assert power(said("on")[2000:], 550, 950) > 3 * power(said("two")[3500:], 550, 950)


def test_several_words_last_about_as_long_as_each_alone():
    alone = len(said("one")) + len(said("two")) + len(said("three"))
    assert 0.7 * alone < len(said("one two three")) < 1.1 * alone


@pytest.mark.parametrize(("words", "complaint"), [("", "no word"), ("one eleven", "no phonemes for 'eleven'")])
def test_words_that_nobody_can_say_are_refused(words, complaint):
    with pytest.raises(OstinatoError, match=complaint):
        said(words)
