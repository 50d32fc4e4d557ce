"""The demonstration of keywords: commands in a stream, from voices that training has not heard."""

import numpy as np
import pytest

from ostinato.demos.keywords import DEMO, SAID, VOICES, _verdict
from ostinato.demos.voices import COMMANDS, DIGITS
from ostinato.tasks import SequenceClassifier
from ostinato.tasks.classification.keyword_stream import Detection
from ostinato.tasks.classification.spotting import Spoken, Spotting


@pytest.fixture(scope="module")
def materials():
    return DEMO.materials()


def test_no_voice_speaks_in_two_parts(materials):
    heard = [{clip.speaker for clip in part.clips} for part in materials]
    assert [len(voices) for voices in heard] == [len(VOICES[part]) for part in ("training", "test", "validation")]
    assert len(set.union(*heard)) == sum(map(len, heard))


def test_its_stream_holds_commands_and_digits_to_pass_over():
    said = set(SAID.split())
    assert said & set(COMMANDS)
    assert said & set(DIGITS)
    assert said <= {*COMMANDS, *DIGITS}


def test_it_tells_what_it_hears_and_leaves_pictures_and_the_sound(materials, tmp_path):
    few = materials.test.take(np.arange(40))
    checked = materials.validation.take(np.arange(20))
    model = SequenceClassifier(**DEMO.settings | {"epochs": 1, "hidden_size": 8}).fit(few, validation=checked)
    told = list(DEMO.story(model, materials._replace(test=few), tmp_path))
    text = "\n".join(each for each in told if isinstance(each, str))
    assert "It misses" in text
    assert "Heard wrongly: " in text
    for picture in ("stream.png", "trade_off.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert told[-1].arguments == ("listen", tmp_path, tmp_path / "stream.wav")
    assert (tmp_path / "stream.wav").exists()


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([0.3], "misses 50% of the commands, and takes a digit for one 0 times in 36 seconds."),
        ([0.9, 0.8, 0.3], "takes a digit for one 2 times in 36 seconds: far too often to leave it listening."),
    ],
)
def test_its_verdict_says_plainly_what_is_missed_and_what_is_told_wrongly(alarms, expected):
    sure = Detection("go", 1.0, 0.9)
    spoken = (Spoken("go", sure, sure, 0.9), Spoken("stop", None, None, 2.0))
    assert expected in _verdict(Spotting(spoken, np.array(alarms), 0.01, 0.5, 0.3))
