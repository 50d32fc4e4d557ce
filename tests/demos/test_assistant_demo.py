"""The demonstration of the assistant: orders in voices that training has not heard."""

import numpy as np

from ostinato.data import Grammar
from ostinato.demos.assistant import DEMO, GRAMMAR, TEST
from ostinato.demos.voices import LEXICON
from ostinato.tasks import Assistant


def test_its_voices_can_say_every_word_of_its_grammar():
    assert set(Grammar(GRAMMAR).words) <= set(LEXICON)


def test_it_tells_a_reply_and_leaves_a_picture_and_recordings(tmp_path):
    materials = DEMO.materials()
    test = materials.test
    assert len(test) == TEST
    few = test.take(np.arange(24))
    model = Assistant(**DEMO.settings | {"epochs": 1, "hidden_size": 8}).fit(few, validation=test.take(np.arange(6)))
    told = list(DEMO.story(model, materials._replace(test=few), tmp_path))
    assert "reply" in told[0]
    assert (tmp_path / "heard.png").read_bytes().startswith(b"\x89PNG")
    assert Grammar.read(tmp_path / "grammar.yaml").count == 51
    assert told[-1].arguments == ("ask", tmp_path, tmp_path / "0.wav")
