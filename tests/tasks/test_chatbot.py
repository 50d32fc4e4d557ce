"""The Chatbot: it learns to reply, refuses what it makes no sense of, and says the same again from the same seed."""

import math
import re

import pandas as pd
import pytest
import torch
from chat_scenario import SMALL, parts, trained

from ostinato import Chatbot, OstinatoError, load
from ostinato.data import Dialogues
from ostinato.tasks.dialogue import scores as dialogue_scores
from ostinato.tasks.dialogue.confidence import Confidence
from ostinato.tasks.dialogue.writing import log_likelihoods
from ostinato.training import Interrupted, TrainingLogger

HISTORY = ["Hello.", "Hello, how can I help you?", "How much is a cello?"]
TINY = SMALL | {"hidden_size": 4, "embedding_size": 4, "epochs": 2}
FEW = [["Hello.", f"Hi number {number}."] for number in range(30)]


def test_it_beats_the_unigram_model_and_retrieval():
    *_, test = parts()
    table = trained().evaluate(test)
    rows = table.rows
    assert rows["ostinato"]["perplexity"] < rows["unigram"]["perplexity"] / 10
    assert rows["ostinato"]["recall_1_of_10"] > 0.5
    assert set(rows) == {"ostinato", "unigram", "retrieval", "most frequent", "people"}
    assert rows["most frequent"]["distinct_2"] < rows["ostinato"]["distinct_2"] <= 1
    assert table.count == len(test.examples(3, "shop"))
    assert trained().metrics is table


def test_perplexity_is_that_of_the_true_replies(monkeypatch):
    monkeypatch.setattr(dialogue_scores, "REPLIES", 2)
    *_, test = parts()
    bot = trained()
    pairs = bot.model.tokenizer.encoded(test.examples(3, "shop"), 60).pairs
    sums, counts = log_likelihoods(bot.model.network, pairs)
    assert bot.evaluate(test).rows["ostinato"]["perplexity"] == pytest.approx(float((-sums.sum() / counts.sum()).exp()))


def test_recall_needs_ten_different_replies():
    scores = (
        trained()
        .evaluate(
            [
                {"turns": [{"speaker": "me", "text": "Hello."}, {"speaker": "shop", "text": f"Number {n}."}]}
                for n in range(9)
            ]
        )
        .rows
    )
    assert all(math.isnan(scores[name]["recall_1_of_10"]) for name in ("ostinato", "retrieval"))


def test_the_threshold_refuses_its_share_of_true_replies():
    _, validation, _ = parts()
    bot = trained()
    model = bot.model
    examples = validation.examples(3, "shop")
    confidences = [
        model.confidence.of_reply(
            model.network,
            model.tokenizer.context(example.context),
            model.tokenizer.written.encode(example.reply),
            model.known.unknown_share(example.context[-1]),
        )
        for example in examples
    ]
    for threshold in (0.05, 0.2, 0.5):
        refused = sum(confidence < threshold for confidence in confidences) / len(confidences)
        assert abs(refused - threshold) <= 4 / len(confidences)


def test_it_replies_to_what_it_knows_and_declines_what_it_has_never_heard_of():
    known, strange = trained().reply(["Hello."]), trained().reply(["Which planet has most moons?"])
    assert not known.refused
    assert known.confidence >= trained().settings.threshold > strange.confidence
    assert (strange.refused, strange.text) == (True, trained().settings.refusal)


def test_the_sentence_of_refusal_is_chosen_and_a_threshold_of_zero_never_refuses():
    assert trained().reply(["Moons?"], refusal="Pardon?").text == "Pardon?"
    assert not trained().reply(["Moons?"], threshold=0).refused


def test_one_seed_replies_alike():
    def said(seed):
        return [trained().reply(HISTORY, seed, temperature=4.0, top_p=1.0, threshold=0).text for _ in range(2)]

    assert len({*said(1)}) == len({*said(2)}) == 1
    assert said(1) != said(2)
    assert trained().reply(HISTORY) == trained().reply(HISTORY, seed=trained().settings.seed)


@pytest.mark.parametrize("changes", [{}, {"candidates": 1, "threshold": 0}, {"decoding": "beam"}])
@pytest.mark.parametrize("said", ["Hello.", "Where are you?", "Moons?"])
def test_the_pieces_of_a_streamed_reply_make_up_the_reply(changes, said):
    pieces = list(trained().stream_reply([said], seed=3, **changes))
    reply = trained().reply([said], seed=3, **changes)
    assert "".join(pieces) == reply.text
    assert len(pieces) >= len(reply.text.split()) - 1


def test_words_are_streamed_before_the_reply_is_whole(monkeypatch):
    steps = []
    network = trained().model.network
    step = network.step
    monkeypatch.setattr(network, "step", lambda *given: (steps.append(1), step(*given))[1])
    pieces = trained().stream_reply(["Where are you?"], candidates=1, threshold=0)
    next(pieces)
    assert len(steps) <= 3
    list(pieces)
    assert len(steps) > 5


def test_no_more_than_the_last_turns_are_read():
    long = ["Are you a robot?", "I am."] * 3 + HISTORY
    assert trained().reply(long, threshold=0) == trained().reply(long[-3:], threshold=0)
    about_a_harp, about_a_cello = (
        [
            trained().reply([f"How much is a {name}?", "Thank you.", "Can I rent one?"], seed, threshold=0)
            for seed in range(9)
        ]
        for name in ("harp", "cello")
    )
    assert about_a_harp != about_a_cello


@pytest.mark.parametrize(
    ("history", "what"),
    [([], "no turns"), (["Hello.", "  "], "turn 2: nothing is said"), ([3], "3 where a text"), ("Hi", "no turns")],
)
def test_a_history_without_words_is_refused(history, what):
    with pytest.raises(OstinatoError, match=what):
        trained().reply(history)


def test_only_settings_of_writing_change_after_training():
    with pytest.raises(OstinatoError, match="hidden_size: not to be changed after training"):
        trained().reply(HISTORY, hidden_size=3)
    with pytest.raises(OstinatoError, match="temperature = 0"):
        trained().conversation(temperature=0)


def test_a_conversation_goes_on_where_it_was():
    conversation = trained().conversation(seed=4)
    replies = [conversation.say(text).text for text in ("Hello.", "How much is a cello?")]
    assert replies[0] == trained().reply(["Hello."], seed=4).text
    assert replies[1] == trained().reply(["Hello.", replies[0], "How much is a cello?"], seed=5).text


def test_predict_replies_to_the_last_turn_of_each_dialogue(tmp_path):
    table = trained().predict([["Hello."], HISTORY])
    assert list(table.columns) == ["context", "reply", "confidence"]
    assert list(table["context"]) == ["Hello.", " / ".join(HISTORY)]
    assert table["reply"][1] == trained().reply(HISTORY, seed=1).text
    path = tmp_path / "said.txt"
    path.write_text("Hello.\n\n" + "\n".join(HISTORY))
    pd.testing.assert_frame_equal(trained().predict(path), table)


def test_a_saved_model_replies_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr(dialogue_scores, "REPLIES", 20)
    *_, test = parts()
    trained().save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, Chatbot)
    assert again.settings == trained().settings
    assert (again.summary(), again.notes) == (trained().summary(), trained().notes)
    assert again.reply(HISTORY, seed=2) == trained().reply(HISTORY, seed=2)
    assert again.evaluate(test).rows == trained().evaluate(test).rows
    pd.testing.assert_frame_equal(again.predict([HISTORY]), trained().predict([HISTORY]))


def test_validation_dialogues_are_whole_and_no_copy_of_training_ones(monkeypatch):
    seen = {}

    def calibrate(network, held, known, penalty, real=Confidence.calibrate):
        seen["held"] = held.examples
        seen["known"] = known
        return real(network, held, known, penalty)

    monkeypatch.setattr(Confidence, "calibrate", calibrate)
    dialogues = [[f"say{number}", f"reply{number}", f"again{number}", "yes"] for number in range(20)]
    Chatbot(**TINY | {"speaker": None, "validation_share": 0.2}).fit(dialogues)
    held = {int(re.sub(r"\D", "", example.context[0])) for example in seen["held"]}
    assert len(held) == 4
    assert len(seen["held"]) == 12
    assert not {f"{word}{number}" for word in ("say", "reply", "again") for number in held} & set(seen["known"].listed)


def test_the_notes_count_what_is_learned_and_left_out():
    bot = Chatbot(**TINY | {"speaker": None, "max_length": 4})
    bot.fit([*FEW, ["Alone."], *[["Well?", f"one two three four {number}"] for number in range(40)]])
    learned, long, silent = bot.notes
    assert learned.endswith("of 71 dialogues")
    assert 20 < int(learned.split()[0]) < 30
    assert long == "40 replies of more than max_length=4 units are left out"
    assert silent == "1 dialogues have a single turn, and so no reply to learn"


def test_no_more_examples_are_learned_than_asked_for():
    bot = Chatbot(**TINY | {"speaker": None, "max_examples": 10, "validation_share": 0.2}).fit(FEW)
    assert bot.notes == ("10 replies to learn and 2 to validate, of 30 dialogues",)


@pytest.mark.parametrize(
    ("data", "changes", "what"),
    [
        ([["Hello.", "Hi."]], {}, "cannot be split"),
        ([["Hello."], ["Bye."]], {}, "no reply in the training part"),
        (FEW, {"speaker": "shop"}, "names? no speakers"),
        ([["a", "b c d"]] * 2 + [["e", "f g h"]], {"max_length": 2}, "longer than max_length=2"),
    ],
)
def test_data_that_hold_nothing_to_learn_are_refused(data, changes, what):
    with pytest.raises(OstinatoError, match=what):
        Chatbot(**TINY | {"speaker": None} | changes).fit(data)


def test_an_unfitted_chatbot_says_so():
    for call in (lambda bot: bot.conversation(), lambda bot: bot.reply(HISTORY), lambda bot: bot.evaluate(FEW)):
        with pytest.raises(OstinatoError, match="not fitted"):
            call(Chatbot())


@pytest.mark.parametrize(
    "other", [{"tokenizer": "bpe", "cell": "lstm"}, {"tokenizer": "char", "cell": "lstm"}, {"ensemble": 2}]
)
def test_other_units_cells_and_ensembles_train_and_reply(other):
    bot = Chatbot(**TINY | {"speaker": None, "threshold": 0.0} | other).fit(Dialogues.of(FEW))
    assert isinstance(bot.reply(["Hello."]).text, str)


class Stopping(TrainingLogger):
    """Interrupts after some steps, as Ctrl-C would."""

    def record(self, record):
        super().record(record)
        if record.step == 3:
            raise KeyboardInterrupt


def test_a_training_that_was_interrupted_goes_on_to_the_same_model(tmp_path):
    settings = TINY | {"speaker": None, "batch_size": 8, "checkpoint_every": 2, "dropout": 0.3}
    whole = Chatbot(**settings).fit(FEW, folder=tmp_path / "whole")
    with pytest.raises((Interrupted, KeyboardInterrupt)):
        Chatbot(**settings).fit(FEW, folder=tmp_path / "model", logger=Stopping(progress=False))
    resumed = Chatbot(**settings).fit(FEW, folder=tmp_path / "model", resume=True)
    (ours, content), (theirs, other) = (bot.model.saved() for bot in (resumed, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert content == other
    assert not list((tmp_path / "model" / "checkpoints").glob("*.safetensors"))
