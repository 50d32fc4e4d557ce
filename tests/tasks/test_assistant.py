"""An assistant: it learns what is asked for from sound, says how well and how sure, and refuses what is no request."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

import ostinato
from ostinato import Assistant, OstinatoError
from ostinato.data import Grammar, Recordings, Request
from ostinato.tasks.assisting.confidence import Confidence
from ostinato.tasks.assisting.scores import figures
from ostinato.tasks.assisting.understanding import Understanding
from ostinato.tasks.assisting.utterances import utterances

LIGHTS = """
expressions:
  on: ["(now) light $colour:colour", "$colour:colour (and $place:place) light"]
  off: ["dark (now) $place:place", "dark"]
slots:
  colour: [red, blue]
  place: [hall, attic]
replies:
  on: "[In the {place}: ]{colour} light."
"""
GRAMMAR = Grammar(LIGHTS)
TINY = {"hidden_size": 8, "num_layers": 1, "epochs": 1, "channels": 4, "mels": 16, "grammar": GRAMMAR}
PLAIN = {"dropout": 0.0, "speed": 0.0, "noise": None, "specaugment": False, "subsampling": 2}


def said(text, rng, length=800):
    """Each word as a tone of its own."""
    tones = (0.15 + 0.11 * GRAMMAR.words.index(word) for word in text.split())
    parts = [np.sin(np.arange(length) * tone) * np.hanning(length) / 2 for tone in tones]
    return np.concatenate(parts) + rng.normal(size=length * len(parts)) * 0.005


def orders(count, seed=0, rate=8000):
    rng = np.random.default_rng(seed)
    drawn = [GRAMMAR.sample(rng) for _ in range(count)]
    waves = [said(sentence.text, rng) for sentence in drawn]
    return Recordings.of_waves(waves, rate, [str(sentence.request) for sentence in drawn])


def manifest(folder, rows, name="orders.csv"):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for audio, _, _ in rows:
        soundfile.write(folder / audio, said("dark now hall", rng), 8000)
    pd.DataFrame(rows, columns=["audio", "intent", "slots"]).to_csv(folder / name, index=False)
    return folder / name


@pytest.fixture(scope="module")
def fitted():
    return Assistant(**TINY).fit(orders(30))


@pytest.fixture(scope="module")
def able():
    """One that has learned, from intents and slots alone, what the words sound like."""
    chosen = TINY | PLAIN | {"hidden_size": 24, "channels": 8, "epochs": 25, "learning_rate": 0.01, "batch_size": 8}
    return Assistant(**chosen).fit(orders(200), validation=orders(30, seed=1))


def test_it_learns_what_is_asked_for_without_being_told_the_words(able):
    scores = able.evaluate(orders(40, seed=2)).rows
    assert scores["ostinato"]["slot_f1"] > 0.9
    assert scores["ostinato"]["intent"] > 0.9
    assert scores["ostinato"]["request"] > 0.8
    assert scores["commonest of each"]["request"] < 0.5
    assert "requests are taken" in str(able.details(None))


def test_it_replies_where_it_is_sure_and_says_why_where_it_is_not(able):
    heard = orders(40, seed=2)
    answers = able.answers(heard)
    right = [str(answer.request) == text for answer, text in zip(answers, heard.texts, strict=True)]
    taken = np.array([not answer.unsure for answer in answers])
    assert taken.mean() > 0.6
    assert np.mean(np.array(right)[taken]) > 0.9
    assert all(answer.reply == GRAMMAR.reply(answer.request) for answer in answers if not answer.unsure)
    (noise,) = able.answers(Recordings.of_waves([np.random.default_rng(5).normal(size=3000) * 0.1], 8000))
    assert noise.confidence < able.settings.threshold
    assert noise.unsure.partition(" sure: ")[0] == f"{noise.confidence:.0%}"
    assert noise.reply == f"I did not understand: {noise.unsure}."


def test_the_threshold_can_be_changed_afterwards(able):
    sounds = orders(10, seed=3)
    able.set_params(threshold=0.0)
    assert able.predict(sounds)["taken"].all()
    able.set_params(threshold=0.5)


def test_doubts_are_the_shares_of_all_that_may_be_said():
    understanding = Understanding(GRAMMAR, GRAMMAR.words)
    heard = np.random.default_rng(0).normal(size=(12, 1 + len(GRAMMAR.words)))
    heard -= np.log(np.exp(heard).sum(1, keepdims=True))
    every = {str(each.request): each.request for each in GRAMMAR.sentences()}.values()
    shares = {str(each): np.exp(-understanding.nats(heard, each)) for each in every}
    asked = Request("on", {"colour": "red"})
    doubts = {doubt.part: doubt for doubt in understanding.doubts(heard, asked)}
    for part, matches in {
        "colour": lambda each: each.slots.get("colour") == "red",
        "place": lambda each: "place" not in each.slots,
        "intent": lambda each: each.intent == "on",
    }.items():
        by_hand = sum(shares[str(each)] for each in every if matches(each)) / sum(shares.values())
        assert doubts[part].probability == pytest.approx(by_hand)
    least = [doubt.probability for doubt in understanding.doubts(heard, asked)]
    assert least == sorted(least)


def test_a_table_has_a_row_for_each_recording_and_is_the_same_when_loaded(fitted, tmp_path):
    table = fitted.predict(orders(5))
    assert table.columns.tolist() == ["audio", "intent", "slots", "confidence", "taken", "reply", "heard"]
    assert table["confidence"].between(0, 1).all()
    assert all(set(json.loads(slots)) <= {"colour", "place"} for slots in table["slots"])
    fitted.save(tmp_path / "model")
    again = ostinato.load(tmp_path / "model")
    assert isinstance(again, Assistant)
    pd.testing.assert_frame_equal(again.predict(orders(5)), table)
    assert again.evaluate(orders(8)).rows == fitted.evaluate(orders(8)).rows


def test_training_goes_on_from_another_and_takes_its_grammar(fitted):
    settings = {name: value for name, value in TINY.items() if name != "grammar"}
    again = Assistant(**settings).fit(orders(20, seed=4), warm_start=fitted)
    assert again.model.grammar.text == LIGHTS
    more = Grammar(LIGHTS.replace("[red, blue]", "[red, green]"))
    darkness = ["off" in text for text in orders(20).texts]
    with pytest.raises(OstinatoError, match="knows no word 'green'"):
        Assistant(**settings | {"grammar": more}).fit(orders(20).take(np.flatnonzero(darkness)), warm_start=fitted)


def test_a_grammar_alone_is_spoken_and_learned(tmp_path):
    pytest.importorskip("espeakng_loader")
    (tmp_path / "lights.yaml").write_text(LIGHTS)
    settings = {name: value for name, value in TINY.items() if name != "grammar"} | {"sentences": 20}
    assistant = Assistant(**settings).fit(tmp_path / "lights.yaml")
    assert assistant.notes[0].startswith("20 sentences of the grammar are spoken by")
    assert assistant.evaluate(tmp_path / "lights.yaml").count == 20
    heard = Assistant(**settings).read(tmp_path / "lights.yaml")
    again = Assistant(**settings).read(tmp_path / "lights.yaml")
    assert all((one.held == other.held).all() for one, other in zip(heard.clips, again.clips, strict=True))


def test_a_manifest_has_an_intent_and_slots_in_each_row(tmp_path):
    rows = [(f"{n}.wav", "off", '{"place": "hall"}') for n in range(9)] + [("9.wav", "off", "")]
    read = Assistant(grammar=GRAMMAR).read(manifest(tmp_path / "o", rows))
    assert read.texts[0] == '{"intent": "off", "slots": {"place": "hall"}}'
    assert read.texts[9] == '{"intent": "off", "slots": {}}'


def test_slots_in_json_lines_may_be_an_object(tmp_path):
    manifest(tmp_path, [("a.wav", "off", "")])
    (tmp_path / "o.jsonl").write_text(json.dumps({"audio": "a.wav", "intent": "off", "slots": {"place": "hall"}}))
    assert Request.of_text(Assistant(grammar=GRAMMAR).read(tmp_path / "o.jsonl").texts[0]).slots == {"place": "hall"}


@pytest.mark.parametrize(
    ("intent", "slots", "fault"),
    [
        ("dim", "{}", "no intent 'dim' (there are: 'on', 'off')"),
        ("off", '{"room": "hall"}', "no slot 'room'"),
        ("off", '{"place": "cellar"}', "no value of 'place' 'cellar'"),
        ("off", '{"place": ', "are not JSON"),
        ("off", '["hall"]', "are no JSON object of texts"),
        ("off", '{"place": 3}', "are no JSON object of texts"),
        ("on", "{}", "no sentence of 'on' fills no slot"),
        ("off", '{"colour": "red"}', "no sentence of 'off' fills colour"),
    ],
)
def test_a_row_that_is_no_request_is_named_or_left_out(tmp_path, intent, slots, fault):
    path = manifest(tmp_path, [("a.wav", "off", ""), ("b.wav", intent, slots)])
    with pytest.raises(OstinatoError) as caught:
        Assistant(grammar=GRAMMAR).read(path)
    assert f"{path}, line 3: " in str(caught.value)
    assert fault in str(caught.value)
    assert "skip_bad=True" in str(caught.value)
    kept = Assistant(grammar=GRAMMAR, skip_bad=True).read(path)
    assert len(kept) == 1
    assert fault in kept.notes[0]


def test_without_a_grammar_it_is_asked_for(tmp_path):
    with pytest.raises(OstinatoError, match="what may be said"):
        Assistant().fit(orders(10))
    with pytest.raises(OstinatoError, match="grammar = 3"):
        Assistant(grammar=3)
    with pytest.raises(OstinatoError, match="no such file"):
        Assistant(grammar=tmp_path / "none.yaml").fit(orders(10))


def test_recordings_too_short_for_their_sentence_are_refused():
    sounds = Recordings.of_waves([np.ones(300) / 9] * 12, 8000, ['{"intent": "on", "slots": {"colour": "red"}}'] * 12)
    with pytest.raises(OstinatoError, match="steps for a sentence of at least 2 words"):
        Assistant(**TINY).fit(sounds)


def test_texts_that_are_no_requests_are_refused():
    with pytest.raises(OstinatoError, match="item 0: 'red' is no request"):
        Assistant(**TINY).fit(Recordings.of_waves([np.ones(3000) / 9] * 12, 8000, ["red"] * 12))


def test_a_sentence_that_is_told_is_learned_as_it_is():
    sentences = list(GRAMMAR.sentences())
    for each in sentences:
        graph = GRAMMAR.sentence(each.text)
        assert [arcs[0].word for arcs in graph.arcs[:-1]] == each.text.split()
        assert graph.count() == 1
    wave = said("dark now hall", np.random.default_rng(0))
    heard = Recordings.of_waves([wave] * 12, 8000, [str(GRAMMAR.sample(np.random.default_rng(0)))] * 12)
    assert Assistant(**TINY).fit(heard).model.words == GRAMMAR.words
    wrong = '{"intent": "off", "slots": {}, "text": "dark blue"}'
    with pytest.raises(OstinatoError, match="the grammar has no sentence 'dark blue'"):
        Assistant(**TINY).fit(Recordings.of_waves([wave] * 12, 8000, [wrong] * 12))


def test_confidence_is_higher_where_less_is_doubted():
    nats = np.linspace(0.1, 30, 60)
    confidence = Confidence.fit(nats, nats < 10)
    assert confidence.of(0.1) > 0.9 > 0.1 > confidence.of(25)
    assert Confidence.fit(nats, [True] * 60).of(1.0) < 1
    assert 0 <= Confidence.fit(nats, [False] * 60).of(1.0) < 0.1
    assert confidence.of(np.inf) == pytest.approx(0)


def test_a_wrong_value_is_a_miss_and_a_false_alarm():
    asked = [Request("a", {"x": "1", "y": "2"}), Request("b", {})]
    told = [Request("a", {"x": "1", "y": "3"}), Request("a", {})]
    assert figures(asked, told, intents=True) == {"intent": 0.5, "slot_f1": 0.5, "request": 0.0}
    assert "intent" not in figures(asked, told, intents=False)


def test_orders_are_cut_from_sound_that_does_not_end():
    rng, rate = np.random.default_rng(0), 8000
    quiet, loud = (rng.normal(size=rate) * level for level in (0.001, 0.2))
    sound = np.concatenate([quiet, loud, quiet, quiet, quiet[:400], loud[:400], quiet, loud, loud]).astype(np.float32)
    found = list(utterances(np.split(sound, len(sound) // 400), rate))
    assert [round(len(wave) / rate, 1) for wave in found] == [pytest.approx(2.1, abs=0.2), pytest.approx(2.3, abs=0.3)]
