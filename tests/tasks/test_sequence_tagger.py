"""A SequenceTagger from data to tags: what it learns, what it says about itself, what it refuses."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from tagger_scenario import STEMS, TINY, moves, sentences

from ostinato import OstinatoError, SequenceTagger
from ostinato.data.conll import write_conll
from ostinato.data.tagged import TaggedSequences
from ostinato.tasks.tagging.entities import entities, violations
from ostinato.tasks.tagging.settings import TaggerSettings

GOOD = TINY | {"hidden_size": 16, "epochs": 12, "learning_rate": 0.02, "dropout": 0.1}


@pytest.fixture(scope="module")
def tagger():
    return SequenceTagger(**GOOD).fit(sentences(150), validation=sentences(40, 1))


@pytest.fixture(scope="module")
def unseen():
    """Sentences in which every name is new, but made as the others are."""
    return sentences(60, 2, stems=[stem[::-1] for stem in STEMS])


# What it learns


def test_words_never_seen_are_tagged_by_their_characters_and_neighbours(tagger, unseen):
    scores = tagger.evaluate(unseen)
    assert list(scores.rows) == ["ostinato", "CRF, hand-made features", "each word's tag", "commonest tag"]
    assert scores.rows["ostinato"]["f1"] > 0.9
    assert scores.rows["each word's tag"]["f1"] == 0
    assert scores.rows["ostinato"]["unknown_words"] > 0.9
    assert scores.count == sum(len(words) for words, _ in unseen)
    assert scores.counted == "words"
    assert tagger.metrics is scores
    assert scores.rows["CRF, hand-made features"]["f1"] > 0.9  # endings and neighbours are what it looks at


def test_the_baseline_is_each_words_most_frequent_tag_in_training(tagger):
    words = {}
    for sentence, tags in sentences(150):
        for word, tag in zip(sentence, tags, strict=True):
            words.setdefault(word, []).append(tag)
    right = total = 0
    for sentence, tags in sentences(30, 5):
        for word, tag in zip(sentence, tags, strict=True):
            seen = words.get(word, ["O"])
            right += tag == min(set(seen), key=lambda own, seen=seen: (-seen.count(own), own))
            total += 1
    assert tagger.evaluate(sentences(30, 5)).rows["each word's tag"]["accuracy"] == right / total


def test_one_sentence_is_tagged_with_confidence(tagger):
    tags = tagger.tag(["mr", "baran", "solan", "to", "in", "baran"])
    assert [tag for tag, _ in tags] == ["O", "B-PER", "I-PER", "O", "O", "B-LOC"]
    assert all(0.5 < confidence <= 1 for _, confidence in tags)


def test_capitals_make_another_word(tagger):
    known = tagger.model.modality.words
    assert known.numbers(["mr"]) != known.numbers(["Mr"])


def test_a_table_has_one_row_a_word(tagger):
    given = [["in", "baran"], [], ["to"]]
    table = tagger.predict(given)
    assert list(table.columns) == ["sentence", "token", "tag", "confidence"]
    assert table["sentence"].tolist() == [1, 1, 3]
    assert table["token"].tolist() == ["in", "baran", "to"]
    assert table["tag"].tolist() == ["O", "B-LOC", "O"]


def test_the_report_has_a_row_for_each_kind(tagger, unseen):
    table = tagger.report(unseen).set_index("kind")
    assert list(table.index) == ["LOC", "PER", "all"]
    assert table.loc["all", "count"] == sum(len(entities(tags)) for _, tags in unseen) == table["count"][:2].sum()
    assert table.loc["all", "f1"] == tagger.evaluate(unseen).rows["ostinato"]["f1"]


def test_the_worst_sentences_are_those_whose_tags_seemed_least_likely(tagger, unseen):
    data = [*unseen, (["mr", "baran"], ["B-LOC", "B-LOC"]), (["mr", "baran"], ["O", "B-GOD"])]
    worst = tagger.worst(data, n=4)
    assert list(worst) == ["sentence", "tokens", "tags", "told", "wrong", "loss"]
    assert worst["sentence"].tolist()[:2] == [62, 61]
    assert worst["loss"][0] == np.inf  # no probability for a tag that training did not have
    assert worst.loc[1, ["tokens", "tags", "told", "wrong"]].tolist() == ["mr baran", "B-LOC B-LOC", "O B-PER", 2]
    loss = tagger.losses(data)["loss"]
    batch = tagger.model.losses(TaggedSequences.of_sentences(data[60:61]))
    assert loss[60] == pytest.approx(batch[0], rel=1e-5)
    assert (loss >= 0).all()


def test_without_characters_unknown_words_are_told_by_their_neighbours_alone(unseen):
    tagger = SequenceTagger(**GOOD | {"char_hidden_size": 0, "word_dropout": 0.3}).fit(
        sentences(150), validation=sentences(40, 1)
    )
    assert tagger.model.modality.characters is None
    assert tagger.evaluate(unseen).rows["ostinato"]["f1"] > 0.8


# A sentence of which each tag by itself is likeliest to make nonsense.
AMBIGUOUS = [(["q", "r"], tags.split()) for tags in 4 * ["B-X I-X"] + 3 * ["O O"] + 3 * ["O B-Y"]]


@pytest.fixture(scope="module")
def deciders():
    # One long epoch: the weights that are kept are the last, and not those of an epoch that was lucky.
    chosen = TINY | {"epochs": 1, "learning_rate": 0.03, "dropout": 0.0, "word_dropout": 0.0}
    both = {name: SequenceTagger(**chosen, decoder=name) for name in ("crf", "softmax")}
    return {name: tagger.fit(AMBIGUOUS * 200, validation=AMBIGUOUS) for name, tagger in both.items()}


def test_tags_chosen_together_beat_tags_chosen_alone_where_they_depend_on_each_other(deciders):
    f1 = {name: tagger.evaluate(AMBIGUOUS).rows["ostinato"]["f1"] for name, tagger in deciders.items()}
    assert f1["softmax"] == 0  # it says O I-X, of which no sentence has an entity
    assert f1["crf"] == pytest.approx(2 * 4 / (10 + 7))


def test_the_field_never_breaks_the_scheme_and_softmax_may(deciders):
    tags = {name: [tag for tag, _ in tagger.tag(["q", "r"])] for name, tagger in deciders.items()}
    assert tags == {"crf": ["B-X", "I-X"], "softmax": ["O", "I-X"]}
    assert violations([tags["softmax"]], "bio")


def test_confidence_is_the_share_of_sentences_that_have_the_tag(deciders):
    for tagger in deciders.values():
        confidence = dict(zip(["q", "r"], (sure for _, sure in tagger.tag(["q", "r"])), strict=True))
        assert confidence["r"] == pytest.approx(0.4, abs=0.05)


# Padding


@pytest.mark.parametrize("chosen", [{}, {"decoder": "softmax"}, {"char_hidden_size": 0}, {"num_layers": 2}], ids=str)
def test_padding_changes_no_prediction(chosen):
    tagger = SequenceTagger(**TINY | chosen, locked_dropout=True).fit(sentences(20))
    given = [words for words, _ in sentences(15, 3)] + [["mr"], ["in"] * 60]
    together = tagger.predict(given)
    alone = pd.concat([tagger.predict([words]) for words in given], ignore_index=True)
    assert together["tag"].tolist() == alone["tag"].tolist()
    np.testing.assert_allclose(together["confidence"], alone["confidence"], atol=1e-5)


def test_the_order_of_sentences_changes_nothing():
    tagger = SequenceTagger(**TINY).fit(sentences(20))
    given = [words for words, _ in sentences(15, 3)]
    forth, back = tagger.predict(given), tagger.predict(given[::-1])
    assert forth["tag"].tolist() == [
        tag for _, own in sorted(back.groupby("sentence"), reverse=True) for tag in own["tag"]
    ]


def test_a_word_of_any_length_and_script_is_tagged():
    tagger = SequenceTagger(**TINY).fit(sentences(20))
    words = ["x" * 100_000, "żółw", "😀", "<pad>", "<unk>", "a b"]
    assert len(tagger.tag(words)) == len(words)


# What it finds out


@pytest.mark.parametrize(
    ("tags", "scheme", "note"),
    [
        (["B-X", "I-X", "O"], "bio", "BIO"),
        (["I-X", "O", "O"], "iob1", "IOB1"),
        (["B-X", "E-X", "S-X"], "iobes", "IOBES"),
        (["N", "V", "N"], "none", None),
    ],
)
def test_the_scheme_is_found_and_told(tags, scheme, note):
    data = [([f"{word}{number}" for word in "abc"], tags) for number in range(12)]
    tagger = SequenceTagger(**TINY | {"epochs": 1}).fit(data)
    assert tagger.settings.scheme == scheme
    assert any(f"({note})" in told for told in tagger.notes) == (note is not None)
    assert ("f1" in tagger.evaluate(data).rows["ostinato"]) == (note is not None)
    kinds = tagger.report(data)["kind"].tolist()
    assert kinds == (["X", "all"] if note else ["N", "V", "all"])


def test_a_scheme_that_is_asked_for_is_kept():
    assert SequenceTagger(**TINY, scheme="none").fit(sentences(12)).settings.scheme == "none"


def test_training_data_that_break_the_scheme_are_told_of_and_its_rules_not_kept():
    data = [([f"a{n}", f"b{n}", f"c{n}"], tags) for n in range(9) for tags in (["O", "I-X", "O"], ["O", "B-X", "B-X"])]
    tagger = SequenceTagger(**TINY).fit(data, validation=data)
    assert any(note.startswith("9 steps break the rules of BIO") for note in tagger.notes)
    assert not tagger.model.constrained


def test_what_validation_has_and_training_not_is_told():
    tagger = SequenceTagger(**TINY).fit(sentences(20), validation=[(["mr", "new"], ["O", "B-NEW"])])
    assert "50.0% of the validation words are unknown from training" in tagger.notes
    assert "the validation data have tags that training has not: B-NEW" in tagger.notes


def test_nothing_is_learned_from_validation_data():
    tagger = SequenceTagger(**TINY).fit(sentences(20), validation=[(["mr", "newan"], ["O", "B-PER"])])
    assert "newan" not in tagger.model.modality.words.tokens
    assert "w" not in tagger.model.modality.characters.tokens


def test_words_seen_seldom_are_unknown():
    data = [(["a", "a", "b"], ["X", "Y", "X"]), (["c"], ["X"])] * 2 + [(["d"], ["Y"])]
    vocabulary = SequenceTagger(**TINY, min_count=2).fit(data, validation=data).model.modality.words
    assert vocabulary.tokens == ["<pad>", "<unk>", "a", "b", "c"]
    assert len(SequenceTagger(**TINY, vocabulary_size=3).fit(data, validation=data).model.modality.words) == 3


# Numbers


@pytest.fixture(scope="module")
def mover():
    chosen = GOOD | {"epochs": 60}
    for name in ("embedding_size", "char_hidden_size", "char_embedding_size"):
        del chosen[name]
    return SequenceTagger(**chosen).fit(moves(), validation=moves((20, 20), 1))


def test_steps_are_tagged_by_what_came_before_which_no_step_shows_by_itself(mover):
    scores = mover.evaluate(moves((40, 60, 1), 2))
    assert scores.rows["ostinato"]["accuracy"] > 0.85
    assert 0.3 < scores.rows["step alone"]["accuracy"] < 0.7
    assert (scores.count, scores.counted) == (101, "steps")
    assert mover.settings.features == ("x", "zero")


def test_a_step_that_tells_its_tag_is_tagged_by_the_baseline():
    table = moves()
    table["label"] = np.where(table["x"] > 100, "high", "low")
    scores = SequenceTagger(hidden_size=4, epochs=1).fit(table).evaluate(moves((50,), 3).assign(label="low"))
    high = (moves((50,), 3)["x"] > 100).mean()
    assert scores.rows["step alone"]["accuracy"] == pytest.approx(1 - high, abs=0.05)


def test_a_table_of_numbers_gives_one_row_a_step(mover):
    table = moves((3, 2), 4).drop(columns="label")
    given = mover.predict(table)
    assert list(given.columns) == ["sequence", "step", "tag", "confidence"]
    assert given["sequence"].tolist() == ["run 0"] * 3 + ["run 1"] * 2
    assert given["step"].tolist() == [1, 2, 3, 1, 2]


def test_the_scale_is_that_of_training(mover):
    encoding = mover.model.modality
    assert encoding.mean[0] == pytest.approx(moves()["x"].mean())
    assert encoding.spread.tolist() == [pytest.approx(moves()["x"].std(ddof=0)), 1.0]


# Files


def test_files_lists_and_records_are_the_same_data(tmp_path, tagger):
    record = TaggedSequences.of_sentences(sentences(12))
    write_conll(tmp_path / "a.conll", record)
    (tmp_path / "b.txt").write_text("".join("\n".join(words) + "\n\n" for words in record.items))
    tables = [tagger.predict(source) for source in (record, sentences(12), tmp_path / "a.conll", tmp_path / "b.txt")]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True)
    scores = tagger.evaluate(tmp_path / "a.conll")
    assert scores.to_dict() == tagger.evaluate(str(tmp_path / "a.conll")).to_dict()


REFUSED = {
    "an untagged list": (lambda t: t.evaluate([["mr"]]), "words without tags"),
    "a table": (lambda t: t.predict(moves()), "a table where sentences should be"),
    "numbers": (lambda t: t.predict(SequenceTagger().read(moves())), "sequences of numbers, where the model reads"),
    "a text": (lambda t: t.tag("mr baran"), "tag takes a list of words"),
    "a number": (lambda t: t.predict(3), "a int where sentences should be"),
    "no words": (lambda t: t.tag([]), "no words"),
    "no file": (lambda t: t.predict("no.conll"), "no such file"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_data_that_cannot_be_used_are_refused(call, message, tagger):
    with pytest.raises(OstinatoError, match=re.escape(message)):
        call(tagger)


def test_numbers_are_not_taken_from_lists_by_a_model_of_numbers(mover):
    with pytest.raises(OstinatoError, match="come in a long table"):
        mover.predict([["mr"]])
    with pytest.raises(OstinatoError, match="sentences, where the model reads sequences of numbers"):
        mover.predict(TaggedSequences.of_sentences(sentences(2)))


def test_too_few_sentences_to_part_some_from_are_refused():
    with pytest.raises(OstinatoError, match="1 sequences are too few to part 10% from"):
        SequenceTagger(**TINY).fit([(["a"], ["X"])])


def test_tags_may_come_apart_from_the_sentences():
    words, tags = zip(*sentences(20), strict=True)
    apart = SequenceTagger(**TINY).fit(list(words), list(tags))
    together = SequenceTagger(**TINY).fit(sentences(20))
    assert apart.score(list(words), list(tags)) == together.score(sentences(20))


@pytest.mark.parametrize(
    ("data", "y", "message"),
    [
        ([["a"], ["b"]], [["X"]], "y holds the tags of each sentence of a list"),
        ([["a"], ["b"]], 3, "y holds the tags of each sentence of a list"),
        ("a.conll", "b.conll", "other data to choose when to stop are given as validation="),
        (TaggedSequences.of_sentences([(["a"], ["X"])]), [["X"]], "y holds the tags of each sentence of a list"),
        (moves().drop(columns="label"), moves()["label"], "the tags of a table stand in a column of it"),
        ([["a", "b"]], [["X"]], "2 words and 1 tags"),
    ],
    ids=["fewer", "number", "files", "tagged", "table", "short"],
)
def test_tags_that_do_not_belong_to_the_sentences_are_refused(data, y, message):
    with pytest.raises(OstinatoError, match=message):
        SequenceTagger(**TINY).fit(data, y)


def test_a_validation_part_of_empty_sentences_is_refused():
    data = TaggedSequences.of_sentences([([], []), (["a"], ["X"])])
    with pytest.raises(OstinatoError, match="no words"):
        SequenceTagger(**TINY).fit(data, validation=data.take(np.array([0])))


# Settings

WRONG = [
    ({"decoder": "beam"}, "decoder = 'beam': .*'crf' or 'softmax'"),
    ({"scheme": "bilou"}, "scheme = 'bilou'"),
    ({"token_column": 0}, "token_column = 0"),
    ({"inputs": "words", "label": "y"}, "label has no meaning where the inputs are words: leave it out"),
    ({"inputs": "numbers", "min_count": 3}, "min_count has no meaning where the inputs are numbers"),
    ({"inputs": "numbers", "vectors": "v.txt"}, "vectors has no meaning where the inputs are numbers"),
    ({"freeze_vectors": True}, "freeze_vectors needs vectors, the file of them"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=str)
def test_a_wrong_setting_is_named(wrong, message):
    with pytest.raises(OstinatoError, match=f"SequenceTagger: .*{message}"):
        SequenceTagger(**wrong)


def test_a_setting_that_has_no_meaning_for_the_data_is_refused_before_training():
    with pytest.raises(OstinatoError, match="label has no meaning where the inputs are words"):
        SequenceTagger(label="y").fit(sentences(12))
    with pytest.raises(OstinatoError, match="tag_column has no meaning where the inputs are numbers"):
        SequenceTagger(tag_column=2).fit(moves())


def test_every_setting_is_described():
    for name, field in TaggerSettings.model_fields.items():
        assert field.description, name


def test_it_says_what_it_is(tagger, mover):
    assert tagger.summary().startswith("SequenceTagger: gru, 1 x 16 units in both directions, ")
    assert tagger.summary().endswith(" tags, chosen by a conditional random field.")
    assert "2 features" in mover.summary()
    with pytest.raises(OstinatoError, match="not fitted"):
        SequenceTagger().tag(["a"])


# Word vectors


def test_word_vectors_are_what_the_words_of_training_begin_with(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("mr 1 0 0\nin 0 2 0\nturtle 0 0 1\n")
    tagger = SequenceTagger(hidden_size=8, epochs=1, learning_rate=1e-9, vectors=str(path)).fit(sentences(20))
    fitted = tagger.model
    first, second = fitted.network.front_end.embedding.weight[fitted.modality.words.numbers(["mr", "in"])].detach()
    np.testing.assert_allclose(second[1], 2 * first[0], rtol=1e-4)
    assert first[1:].abs().max() < 1e-5
    assert tagger.settings.embedding_size == 3
    assert "turtle" not in fitted.modality.words.tokens
    assert any("has vectors for 2 of" in note for note in tagger.notes)


def test_frozen_word_vectors_stay_as_they_are_read_and_other_words_have_their_mean(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("mr 1 0 0\nin 0 2 0\n")
    chosen = {"hidden_size": 8, "epochs": 2, "learning_rate": 0.1, "vectors": str(path), "freeze_vectors": True}
    model = SequenceTagger(**chosen).fit(sentences(20)).model
    weight = model.network.front_end.embedding.weight.detach()
    mr, known = weight[model.modality.words.numbers(["mr", "in"])]
    np.testing.assert_allclose(known, [0, 2 * mr[0], 0], rtol=1e-6)
    assert mr[1:].tolist() == [0, 0]
    torch.testing.assert_close(weight[model.modality.words.numbers(["to"])[0]], (mr + known) / 2)
    assert weight[0].tolist() == [0, 0, 0]
    free = SequenceTagger(**chosen | {"freeze_vectors": False}).fit(sentences(20)).model.network.front_end
    assert not torch.equal(free.embedding.weight[model.modality.words.numbers(["mr"])[0]], mr)


def test_word_vectors_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("turtle 0 0 1\n")
    with pytest.raises(OstinatoError, match=r"none of the .* words of the training part is in it"):
        SequenceTagger(vectors=str(path)).fit(sentences(20))
    path.write_text("mr 0 0 1\n")
    with pytest.raises(OstinatoError, match="vectors of 3 values, but embedding_size=8: leave embedding_size out"):
        SequenceTagger(**TINY, vectors=str(path)).fit(sentences(20))
