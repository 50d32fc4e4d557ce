"""The demonstration of speech: digits in voices that training has not heard."""

import numpy as np

from ostinato.demos.speech import DEMO, LENGTHS, TEST, TRAINING, VALIDATION
from ostinato.demos.voices import DIGITS
from ostinato.tasks import Transcriber


def test_its_parts_are_strings_of_digits():
    materials = DEMO.materials()
    parts = (materials.data, materials.validation, materials.test)
    assert [len(part) for part in parts] == [TRAINING, VALIDATION, TEST]
    for part in parts:
        for text in part.require_texts():
            assert LENGTHS[0] <= len(text.split()) <= LENGTHS[1]
            assert set(text.split()) <= set(DIGITS)


def test_it_tells_what_is_written_meanwhile_and_leaves_a_picture_and_recordings(tmp_path):
    materials = DEMO.materials()
    few = materials.test.take(np.arange(16))
    model = Transcriber(**DEMO.settings | {"epochs": 1, "hidden_size": 8}).fit(few, validation=few)
    told = list(DEMO.story(model, materials._replace(test=few), tmp_path))
    assert "As it is spoken" in told[0]
    assert (tmp_path / "heard.png").read_bytes().startswith(b"\x89PNG")
    assert told[-1].arguments == ("transcribe", tmp_path, tmp_path / "0.wav", tmp_path / "1.wav")
