"""The Translator, from pairs of texts to translations, scores and pictures."""

import numpy as np
import pandas as pd
import pytest
from translate_scenario import NUMBERS, SMALL, TINY, numbers, trained, two_ways, unseen

from ostinato import OstinatoError, Translator
from ostinato.tasks.translation.plot import plot_attention


def test_it_learns_to_translate_and_beats_every_baseline_on_texts_it_has_not_seen():
    table = trained().evaluate(unseen())
    assert set(table.rows) == {"ostinato", "nearest source", "copy"}
    assert all(table.best(metric) == "ostinato" for metric in ("bleu", "chrf", "exact"))
    assert table.rows["ostinato"]["exact"] > 0.5
    assert table.rows["copy"]["exact"] == 0
    assert table.counted == "translations"
    assert "beats every baseline on BLEU" in table.verdict()


def test_one_text_gives_one_translation_several_give_a_list():
    text = "one two"
    one = trained().translate(text)
    assert one == "2 1"
    assert trained().translate([text, "three"]) == [one, "3"]
    best = trained().translate_n_best(text, 3)
    assert best[0] == one
    assert len(set(best)) == 3
    assert trained().translate_n_best([text], 3) == [best]
    assert trained().translate([]) == []


def test_a_wider_beam_never_finds_a_worse_best_without_a_length_penalty():
    model = Translator(**SMALL | {"epochs": 1, "length_penalty": 0.0}).fit(numbers(200))
    texts = [source for source, _ in unseen(20)]
    greedy, wide = (model.predict(texts, beam_size=beam) for beam in (1, 40))
    assert (wide["score"] >= greedy["score"] - 1e-5).all()


def test_predicting_gives_a_table_with_scores_and_ranks_and_reads_files(tmp_path):
    table = trained().predict(["one two", "nine"], n_best=2)
    assert list(table.columns) == ["source", "translation", "score", "rank"]
    assert table["rank"].tolist() == [1, 2, 1, 2]
    assert (table["score"][::2].to_numpy() > table["score"][1::2].to_numpy()).all()
    lines = tmp_path / "texts.txt"
    lines.write_text("one two\nnine\n")
    named = tmp_path / "pairs.tsv"
    named.write_text("source\ttarget\none two\t2 1\nnine\t9\n")
    best = table[table["rank"] == 1].reset_index(drop=True)
    for data in (lines, named, pd.DataFrame({"source": ["one two", "nine"]})):
        pd.testing.assert_frame_equal(trained().predict(data), best, rtol=1e-4)


def test_a_text_in_pieces_of_words_or_characters_can_be_learned_too():
    for unit in ("bpe", "char", "byte"):
        model = Translator(**TINY | {"tokenizer": unit, "shared_vocabulary": True, "epochs": 1}).fit(numbers(60))
        assert isinstance(model.translate("one two"), str)
        assert model.model.vocabularies.source is model.model.vocabularies.target


def test_one_model_writes_several_languages_as_it_is_told():
    model = Translator(**SMALL | {"epochs": 12, "schedule": "cosine"}).fit(two_ways(1200))
    assert model.languages == ("as it is", "backwards")
    assert model.translate("one two three", to="backwards") == "3 2 1"
    assert model.translate("one two three", to="as it is") == "1 2 3"
    unheard = two_ways(60, 2)
    table = model.evaluate(unheard)
    assert table.rows["ostinato"]["exact"] > 2 * table.rows["nearest source"]["exact"]
    named = pd.DataFrame(unheard, columns=["source", "target", "language"])
    told = model.predict(named)["translation"].tolist()
    assert told == [model.translate(source, to=language) for source, _, language in unheard]
    assert np.mean([text == target for text, (_, target, _) in zip(told, unheard, strict=True)]) > 0.5
    short = pd.DataFrame({"source": ["one two"] * 2, "language": ["as it is", "backwards"]})
    assert model.predict(short)["translation"].tolist() == ["1 2", "2 1"]
    targets = {(source, language): target for source, target, language in unheard}
    for text, (source, target, language) in zip(told, unheard, strict=True):
        turned = targets[source, "backwards" if language == "as it is" else "as it is"]
        assert turned == target or text != turned
    for asked, message in [
        ({}, "which language? This model translates to as it is, backwards"),
        ({"to": "French"}, "to 'French': this model translates to as it is, backwards"),
    ]:
        with pytest.raises(OstinatoError) as raised:
            model.translate("one", **asked)
        assert message in str(raised.value)
    with pytest.raises(OstinatoError, match="have a column 'language'"):
        model.predict(named, to="backwards")
    with pytest.raises(OstinatoError, match="was trained without names of languages"):
        trained().translate("one", to="backwards")


def test_an_unknown_word_is_copied_from_where_attention_looks():
    deeds = [("sleeps", "schläft"), ("sings", "singt"), ("runs", "rennt"), ("laughs", "lacht")]
    names = [*map("name{}".format, range(40)), *("eva", "otto", "ida") * 10]  # rare, and known: which must be looked at
    pairs = [(f"{name} {deed}", f"nun {tat} {name}") for name in names for deed, tat in deeds]
    settings = SMALL | {"min_count": 5, "epochs": 6, "max_length": 5}
    model = Translator(**settings).fit(pairs)
    assert model.translate("anna sings") == "nun singt anna"
    plain = Translator(**settings | {"copy_unknown": False}).fit(pairs)
    assert plain.translate("anna sings") == "nun singt <unk>"


def test_with_lowercase_all_texts_are_and_references_too():
    pairs = [(source.title(), f"N {target}") for source, target in numbers(200)]
    model = Translator(**TINY | {"lowercase": True}).fit(pairs)
    assert model.translate("ONE Two") == model.translate("one two") == model.translate("one two").lower()
    scores = model.evaluate(pairs[:20]).rows["ostinato"]
    assert scores["bleu"] == scores["bleu_lowercase"]


def test_attention_is_a_share_of_each_unit_that_was_read(tmp_path):
    looked = trained().attention("one two three")
    assert looked.source == ["one", "two", "three", "</s>"]
    assert looked.target == ["3", "2", "1", "</s>"]
    assert looked.weights.shape == (4, 4)
    assert looked.weights.sum(1) == pytest.approx(1)
    axes = plot_attention(looked).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == looked.source
    assert [label.get_text() for label in axes.get_yticklabels()] == looked.target
    trained().plot_attention("one two three", tmp_path / "attention.png")
    assert (tmp_path / "attention.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OstinatoError, match=r"must end in \.png"):
        trained().plot_attention("one", tmp_path / "attention.pdf")


def test_a_translation_that_is_there_is_not_written_again_to_be_looked_at(monkeypatch):
    text = "one two three"
    ((best, second),) = trained().translations([text], 2)
    looked = trained().attention(text)
    monkeypatch.setattr(type(trained().model.network), "step", None)
    again = trained().attention(best)
    assert (again.source, again.target) == (looked.source, looked.target)
    np.testing.assert_allclose(again.weights, looked.weights, atol=1e-6)
    assert trained().attention(second).target == [*second.text.split(), "</s>"]
    with pytest.raises(OstinatoError, match="do not say to='French'"):
        trained().attention(best, to="French")


def test_sources_and_their_translations_may_come_apart():
    sources, targets = zip(*numbers(100), strict=True)
    model = Translator(**TINY).fit(sources, list(targets))
    assert model.translate(sources[:5]) == Translator(**TINY).fit(numbers(100)).translate(sources[:5])
    assert model.score(list(sources), list(targets)) == model.evaluate(numbers(100)).rows["ostinato"]["bleu"]
    with pytest.raises(OstinatoError, match="given as validation="):
        Translator(**TINY).fit(numbers(100), numbers(10))


def test_without_attention_there_is_nothing_to_look_at():
    model = Translator(**TINY | {"attention": None}).fit(numbers(50))
    with pytest.raises(OstinatoError, match="trained with attention=None"):
        model.attention("one")


def test_vocabularies_come_from_the_training_pairs_alone():
    pairs = numbers(100)
    model = Translator(**TINY).fit(pairs, validation=[("one hundred", "100")])
    assert "hundred" not in model.model.vocabularies.source.tokenizer.tokens
    assert "100" not in model.model.vocabularies.target.tokenizer.tokens


def test_what_was_left_out_or_is_not_as_it_should_be_is_noted():
    pairs = [*numbers(80), ("", "empty"), (" ".join(NUMBERS), "long")]
    model = Translator(**TINY | {"max_length": 8}).fit(pairs, validation=numbers(10))
    assert model.notes == (
        "the pairs: pairs with an empty side left out: 1 (row 80 first)",
        "the pairs: pairs of more than 8 units (max_length) left out: 1",
        "the pairs: 10 of 10 sources stand in the training data too",
    )


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Translator(beams=3), "Translator: no setting 'beams'"),
        (lambda: Translator(attention=None, input_feeding=True), "choose an attention"),
        (lambda: Translator(sampling_ramp=5), "give that a probability above 0"),
        (lambda: Translator().fit([("one", "1")]), "fewer than two different sources"),
        (lambda: Translator(**TINY | {"max_length": 1}).fit([("a b", "c d")] * 9 + [("e f", "g h")]), "larger max_len"),
        (lambda: Translator().translate("one"), "this Translator is not fitted"),
        (
            lambda: trained().translate("one", beam_size=0),
            "beam_size and n_best must be between 1 and 1000, got 0 and 1",
        ),
        (lambda: trained().translate("one", beam_size=10**6), "must be between 1 and 1000, got 1000000 and 1"),
        (lambda: trained().evaluate([]), "holds no pair of texts"),
    ],
)
def test_what_cannot_be_is_refused(act, message):
    with pytest.raises(OstinatoError, match=message):
        act()


def test_the_summary_says_what_it_is():
    assert trained().summary() == (
        "Translator: gru, 1 x 32 units, scaled multiplicative attention, 27,150 weights; 14 to 14 units (word)."
    )
