"""Every estimator lets the doctor look at it: after training on any data, and while it trains."""

import json

import pytest
import torch
from chat_scenario import parts
from classify_scenario import reviews, waves
from forecast_scenario import wide
from language_scenario import verses
from tagger_scenario import moves, sentences
from translate_scenario import numbers

from ostinato import (
    Chatbot,
    Forecaster,
    LanguageModel,
    OstinatoError,
    SequenceClassifier,
    SequenceTagger,
    Translator,
)
from ostinato.cells import GRU, LSTM, Chain, Elman, Zoneout
from ostinato.training import TrainingLogger

CASES = {
    "forecaster": (Forecaster, {"horizon": 5}, lambda: wide(90)),
    "classifier of texts": (SequenceClassifier, {"ensemble": 2, "bidirectional": True}, reviews),
    "classifier of numbers": (SequenceClassifier, {}, waves),
    "tagger of words": (SequenceTagger, {"decoder": "crf"}, lambda: sentences(60)),
    "tagger of numbers": (SequenceTagger, {}, moves),
    "language model": (LanguageModel, {"bptt_steps": 10}, lambda: [verses(60)]),
    "translator": (Translator, {}, lambda: numbers(80)),
    "translator, input feeding": (Translator, {"input_feeding": True, "tokenizer": "char"}, lambda: numbers(20)),
    "chatbot": (Chatbot, {}, lambda: parts()[0]),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_examined_while_it_trains_and_after(case, tmp_path):
    kind, settings, data = CASES[case]
    quick = {"hidden_size": 6, "epochs": 1, "max_seconds": 1e-9, "doctor": "watch"}
    model = kind(**quick | settings).fit(data(), logger=TrainingLogger(tmp_path, progress=False))
    (look,) = [line for line in map(json.loads, (tmp_path / "metrics.jsonl").open()) if line["kind"] == "doctor"]
    found, again = model.examine(data()), model.examine(data())
    assert set(look["layers"]) == {str(flow.layer) for flow in found.quick_check.flows}
    assert found.to_dict() == again.to_dict()
    assert all(flow.reach >= 1 for flow in found.quick_check.flows)
    assert found.verdict in str(found)


def test_scores_that_beat_no_baseline_are_part_of_the_verdict():
    model = LanguageModel(hidden_size=4, embedding_size=4, epochs=1, max_seconds=1e-9).fit([verses(60)])
    assert model.examine([verses(20)]).verdict != "not learning"
    assert not model.evaluate([verses(20)]).beats
    assert model.examine([verses(20)]).verdict == "not learning"


def test_who_is_not_fitted_cannot_be_examined():
    with pytest.raises(OstinatoError, match="not fitted"):
        LanguageModel().examine(["a text"])


@pytest.mark.parametrize(
    "make", [LSTM, GRU, lambda i, h: Zoneout(LSTM(i, h)), lambda i, h: Chain(Elman(i, h), GRU(h, h))]
)
def test_gates_that_keep_the_state_can_begin_open(make):
    torch.manual_seed(0)
    cell = make(3, 5)
    assert cell.set_forget_bias(6.0)
    state = type(cell.initial_state(2))(*(torch.ones_like(tensor) for tensor in cell.initial_state(2)))
    keeping = cell(torch.zeros(2, cell.input_size), state)[1][-1]
    cell.set_forget_bias(-6.0)
    assert (keeping - 1).abs().max() < 1.1
    assert (cell(torch.zeros(2, cell.input_size), state)[1][-1] - keeping).abs().max() > 0.1


def test_a_setting_opens_them_and_refuses_a_cell_without_such_a_gate():
    network = LanguageModel(cell="lstm", hidden_size=4, forget_bias=2, epochs=1, max_seconds=1e-9, learning_rate=1e-9)
    (cell,) = network.fit([verses(60)]).model.network.recurrent.cells
    torch.testing.assert_close(cell.bias_ih[4:8], torch.full((4,), 2.0), rtol=0, atol=1e-4)
    with pytest.raises(OstinatoError, match="forget_bias: Elman has no gate that keeps the state; leave it out"):
        LanguageModel(cell="elman", forget_bias=1).fit([verses(60)])
