"""LanguageModel: fitted on a text, it beats what merely counts, and scores every unit of another."""

import math
import random

import numpy as np
import pytest
import torch
from language_scenario import TINY, TOKENIZERS, model, untrained, verses

from ostinato import LanguageModel, OstinatoError
from ostinato.data import Passage, Text
from ostinato.tasks.language.reading import Reader, in_chunks

TEST = [verses(40, seed=1)]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_it_stands_beside_runs_of_units_and_beats_the_unigram_model(tokenizer):
    scores = model(tokenizer).evaluate(TEST)
    longest = {"char": 7, "byte": 7, "word": 5, "bpe": 5}[tokenizer]
    assert list(scores.rows) == ["ostinato", f"{longest}-gram Kneser-Ney", "unigram"]
    ours, runs, unigram = (scores.rows[name]["bits_per_char"] for name in scores.rows)
    assert ours < 0.25 * unigram
    assert 0.4 * unigram > runs


def test_it_sees_further_than_runs_of_units_do():
    draw = random.Random(0)
    text = "".join(f"{word} one two three four {word}\n" for word in draw.choices("abcd", k=600))
    settings = {"tokenizer": "word", "hidden_size": 24, "embedding_size": 12, "bptt_steps": 28, "batch_size": 8}
    trained = LanguageModel(**settings, epochs=20, learning_rate=0.02).fit([text])
    rows = trained.evaluate([text[-2000:]]).rows
    lines = 7 * rows["5-gram Kneser-Ney"]["nats_per_unit"]  # units of a line
    assert lines == pytest.approx(2 * math.log(4), rel=0.1)  # it guesses the word at both ends
    assert 7 * rows["ostinato"]["nats_per_unit"] < 0.8 * lines  # it remembers the first, and guesses only that
    assert trained.metrics.best("perplexity") == "ostinato"


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_bits_of_a_character_are_those_of_all_units_over_all_characters(tokenizer):
    trained = model(tokenizer)
    text = "the sailor sings to the harbour.\nzö follows.\n"
    rows, corpus = trained.evaluate([text]).rows, trained.model.read([text])
    for scores in rows.values():
        assert scores["perplexity"] == pytest.approx(math.exp(scores["nats_per_unit"]))
        bits = scores["nats_per_unit"] * len(corpus) / math.log(2) + 8 * corpus.counted.unknown_bytes
        assert scores["bits_per_char"] == pytest.approx(bits / len(text))
    assert rows["ostinato"]["perplexity"] == pytest.approx(trained.perplexity([text]))
    assert corpus.counted.unknown_bytes == {"char": 2 + 3, "byte": 0, "word": 4, "bpe": 0}[tokenizer]


def test_the_unigram_model_is_what_one_would_count_by_hand():
    fitted = untrained(tokenizer="word", validation_share=0.5).model
    ids = fitted.read([verses(10)]).ids.long()
    single = torch.zeros(len(fitted.tokenizer))
    for unit in fitted.read(Passage(Text.of([verses(20)]), 0, fitted.trained.characters)).ids.tolist():
        single[unit] += 1
    unigram = (single + 1) / (single + 1).sum()
    torch.testing.assert_close(fitted.ngrams.unigram(ids[:-1], ids[1:]).float(), -unigram[ids[1:]].log())


def test_runs_of_units_are_counted_over_chunks_as_over_the_whole():
    fitted = untrained(tokenizer="char").model
    ids = fitted.read([verses(10)]).ids
    nats = [
        torch.cat([read(*chunk) for chunk in in_chunks(ids, fitted.first, steps)])
        for read, steps in ((fitted.ngrams.runs(), 3), (fitted.ngrams.runs(), 10**6))
    ]
    torch.testing.assert_close(*nats)


@pytest.mark.parametrize("softmax", ["full", "tied"])
def test_an_untrained_model_begins_as_the_unigram_model(softmax):
    rows = untrained(tokenizer="byte", softmax=softmax, learning_rate=1e-9).evaluate(TEST).rows
    assert rows["ostinato"]["perplexity"] == pytest.approx(rows["unigram"]["perplexity"], rel=0.1)


# The exact perplexity.


@pytest.mark.parametrize("softmax", ["full", "tied", "adaptive"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_text_read_in_chunks_costs_what_it_costs_when_read_whole(softmax, cell):
    fitted = untrained(softmax=softmax, cell=cell, num_layers=2).model
    network, ids = fitted.network.double(), fitted.read(TEST).ids[:300]
    whole, chunks = Reader(network), Reader(network)
    expected = torch.cat([whole(*chunk) for chunk in in_chunks(ids, fitted.first, 10**6)])
    found = torch.cat([chunks(*chunk) for chunk in in_chunks(ids, fitted.first, 7)])
    assert len(expected) == len(ids)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    for one, other in zip(whole.state, chunks.state, strict=True):
        torch.testing.assert_close(tuple(one), tuple(other), rtol=0, atol=1e-12)


def test_the_perplexity_counts_every_unit_from_the_first_to_the_last():
    trained = model()
    fitted, text = trained.model, "the sea sings."
    nats, state = 0.0, None
    for before, after in zip([fitted.first, *fitted.read([text]).ids.tolist()], fitted.read([text]).ids, strict=False):
        scores, state = fitted.network.following(torch.tensor([[before]]), state)
        nats -= scores[0, int(after)].item()
    assert trained.perplexity([text]) == pytest.approx(math.exp(nats / (len(text) + 1)), rel=1e-5)


def test_dynamic_evaluation_learns_from_what_it_has_read_and_leaves_the_weights_as_they_were():
    trained = model()
    other = ["NEVER mind! zebras quarrel; zebras QUARREL?\n" * 12]
    before = {name: tensor.clone() for name, tensor in trained.model.saved()[0].items()}
    static = trained.perplexity(other)
    assert trained.perplexity(other, dynamic=True, rate=3e-3) < 0.8 * static
    assert trained.perplexity(other, dynamic=True, rate=0.0) == pytest.approx(static, rel=1e-5)
    assert all(torch.equal(before[name], tensor) for name, tensor in trained.model.saved()[0].items())
    assert trained.perplexity(["the sea"], dynamic=True) == pytest.approx(trained.perplexity(["the sea"]), rel=1e-5)


# Lines.


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("reverse", [False, True])
def test_predict_tells_what_each_line_costs(tokenizer, reverse):
    trained = model(tokenizer) if not reverse else untrained(tokenizer=tokenizer, reverse=True)
    text = "the sailor sings to the harbour.\n\nthe harbour eats the umbrella.\n"
    table = trained.predict([text])
    assert table["text"].tolist() == text.split("\n")[:-1]
    assert table["units"].sum() == len(trained.model.read([text]))
    whole = (table["bits_per_char"] * (table["text"].str.len() + 1)).sum() / len(text)
    assert whole == pytest.approx(trained.evaluate([text]).rows["ostinato"]["bits_per_char"], rel=1e-5)
    assert reverse or table["bits_per_char"][2] > 1.5 * table["bits_per_char"][0]


# What is learned, and from what.


@pytest.mark.parametrize("tokenizer", ["char", "word"])
def test_nothing_is_learned_from_the_validation_text_but_when_to_stop(tokenizer):
    settings = {"tokenizer": tokenizer, "hidden_size": 8, "bptt_steps": 8, "epochs": 1}
    text = verses(20)
    given = LanguageModel(**settings).fit([text], validation=["Ω zebra\n" * 20])
    shared = LanguageModel(**settings).fit([text + "Ω zebra\n" * 8])
    for trained in (given, shared):
        assert not {"Ω", "z", "zebra"} & set(trained.model.tokenizer.tokens)
        assert "of the validation text" in trained.notes[0]
    assert given.model.trained.characters == len(text)


def test_the_vocabulary_can_be_limited_and_made_small_letters():
    tokens = untrained(tokenizer="word", vocabulary_size=6).model.tokenizer.tokens
    assert (len(tokens), tokens[0]) == (6, "<unk>")
    assert "harbour" not in untrained(tokenizer="word", min_count=40).model.tokenizer.tokens
    loud = LanguageModel(hidden_size=8, bptt_steps=8, epochs=1, lowercase=True).fit([verses(20).upper()])
    assert "T" not in loud.model.tokenizer.tokens
    assert loud.perplexity(["THE SEA"]) == loud.perplexity(["the sea"])


def test_a_model_that_reads_backward_is_one_of_the_text_reversed():
    text = verses(20)
    backward = LanguageModel(hidden_size=8, bptt_steps=8, epochs=1, reverse=True).fit([text], validation=[text])
    fitted = backward.model
    corpus = fitted.read(["the sea\n"])
    assert fitted.tokenizer.decode(corpus.ids.tolist()) == "\naes eht"
    read = Reader(fitted.network)
    nats = float(sum(read(*chunk).sum() for chunk in in_chunks(corpus.ids, fitted.first)))
    assert backward.perplexity(["the sea\n"]) == pytest.approx(math.exp(nats / 8))


def test_streams_are_not_shorter_than_a_chunk_unless_asked_for():
    fewer = untrained(bptt_steps=100)
    assert fewer.settings.batch_size == (fewer.model.trained.units - 1) // 100 > 1
    assert untrained(bptt_steps=100, batch_size=20).settings.batch_size == 20


def test_a_long_text_trains_from_a_file_as_from_memory(monkeypatch, tmp_path):
    from ostinato.data import corpus

    settings = {"hidden_size": 8, "bptt_steps": 8, "epochs": 1}
    path = tmp_path / "song.txt"
    path.write_text(verses(30))
    held = LanguageModel(**settings).fit(path)
    encode = corpus.Corpus.encode
    monkeypatch.setattr(corpus.Corpus, "encode", lambda *a, **k: encode(*a, **k, in_memory=10))
    mapped = LanguageModel(**settings).fit(path, folder=tmp_path / "model")
    assert held.perplexity(TEST) == mapped.perplexity(TEST)


def test_a_cell_of_ones_own_and_other_cells_by_name():
    for cell in ("min_gru", "lru", "lstm_gru", "elman"):
        assert np.isfinite(untrained(cell=cell).perplexity(TEST))


def test_the_summary_says_what_it_is():
    assert model("word").summary().startswith("LanguageModel: lstm, 1 x 24 units, ")
    assert "words known; trained on " in model("word").summary()


# Errors.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokenizer": "sentence"}, "tokenizer = 'sentence'"),
        ({"bptt_steps": 10, "bptt_jitter": 3}, r"bptt_jitter \(3\) must be at most a quarter of bptt_steps \(10\)"),
        ({"dropout": 0.2}, "dropout acts between recurrent layers"),
        ({"split": "whitespace"}, "split='whitespace' is for tokenizer='word', and tokenizer is 'char'"),
        ({"ema_decay": 0.9, "averaging_trigger": 3}, "two kinds of average"),
        ({"hiden_size": 3}, "did you mean 'hidden_size'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(OstinatoError, match=message):
        LanguageModel(**settings)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([""], "the texts: the text is empty"),
        (["a"], "too short|one unit long"),
        ("nowhere.txt", "nowhere.txt: no such file or folder"),
        (["ab\n" * 3], "9 units to train on in 20 streams|units to train on"),
    ],
)
def test_a_text_that_cannot_be_learned_from_is_refused(data, message):
    with pytest.raises(OstinatoError, match=message):
        LanguageModel(hidden_size=4, batch_size=20).fit(data)


def test_an_adaptive_softmax_needs_units_to_tell_apart():
    with pytest.raises(OstinatoError, match="softmax='adaptive' needs at least 20 units"):
        LanguageModel(softmax="adaptive", hidden_size=4).fit(["abab\n" * 40])


def test_what_is_empty_cannot_be_scored():
    for score in (model().perplexity, model().evaluate, model().predict):
        with pytest.raises(OstinatoError, match="the texts: the text is empty"):
            score([""])
    with pytest.raises(OstinatoError, match="not fitted"):
        LanguageModel(**TINY).perplexity(TEST)
