"""SequenceClassifier: it learns what word order says, and reads numbers; nothing of other parts leaks into it."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from classify_scenario import TINY, reviews, waves
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import Forecaster, OstinatoError, SequenceClassifier
from ostinato.demos.sentiment import DEMO
from ostinato.tasks.classification.calibration import probabilities


@pytest.fixture(scope="module")
def quick():
    """Fitted on the reviews, barely trained; not to be changed."""
    return SequenceClassifier(**TINY, word_dropout=0.2, embedding_dropout=0.1).fit(reviews())


# It learns.


def test_the_demo_beats_both_baselines_on_patterns_not_seen():
    classifier = SequenceClassifier(**DEMO.settings).fit(reviews())
    scores = classifier.evaluate(reviews("test"))
    assert set(scores.rows) == {"ostinato", "its linear part alone", "majority", "TF-IDF + linear SVM"}
    ours = scores.rows["ostinato"]
    assert ours["accuracy"] > 0.8 > 0.7 > scores.rows["TF-IDF + linear SVM"]["accuracy"]
    assert all(scores.best(metric) == "ostinato" for metric in ("accuracy", "f1", "auc"))
    assert classifier.report(reviews("test")).error_after < 0.15


def test_which_of_two_frequencies_is_learned_from_numbers():
    classifier = SequenceClassifier(hidden_size=16, epochs=25, learning_rate=0.01, seed=1).fit(waves())
    rows = classifier.evaluate(waves(seed=1)).rows
    assert set(rows) == {"ostinato", "majority", "ridge on mean, spread"}
    assert rows["ostinato"]["accuracy"] > 0.9
    assert rows["ostinato"]["accuracy"] > rows["ridge on mean, spread"]["accuracy"] + 0.2


# What it gives.


def test_predictions_are_a_row_a_text_with_probabilities_that_sum_to_one(quick):
    texts, _ = reviews("test")
    table = quick.predict(texts)
    assert list(table) == ["text", "label", "confidence", "p(negative)", "p(positive)"]
    assert list(table["text"]) == texts
    shares = table[["p(negative)", "p(positive)"]].to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(table["confidence"], shares.max(axis=1))
    assert list(table["label"]) == [("negative", "positive")[number] for number in shares.argmax(axis=1)]


def test_predictions_of_a_long_table_are_a_row_an_id():
    frame = pd.DataFrame({"id": np.repeat(range(20), 5), "x": np.arange(100.0), "label": np.repeat(["u", "v"] * 10, 5)})
    classifier = SequenceClassifier(**{name: TINY[name] for name in ("hidden_size", "epochs")}).fit(frame)
    table = classifier.predict(frame.drop(columns="label"))
    assert list(table) == ["id", "label", "confidence", "p(u)", "p(v)"]
    assert list(table["id"]) == [str(number) for number in range(20)]
    with pytest.raises(OstinatoError, match="no column 'x'"):
        classifier.predict(frame.rename(columns={"x": "y"}))
    with pytest.raises(OstinatoError, match="texts where sequences of numbers are needed"):
        classifier.predict(["a text"])


def test_labels_that_are_numbers_come_in_their_order():
    data = [f"text {number}" for number in range(60)], [(2, 10, 1)[number % 3] for number in range(60)]
    assert list(SequenceClassifier(**TINY).fit(data).predict(["x"]))[3:] == ["p(1)", "p(2)", "p(10)"]


def test_the_report_counts_what_was_told(quick):
    texts, labels = reviews("test")
    report = quick.report((texts, labels))
    told = quick.predict(texts)["label"]
    pairs = Counter(zip(labels, told, strict=True))
    for row, label in enumerate(report.labels):
        assert [pairs[label, other] for other in report.labels] == report.confusion[row].tolist()
    assert "is \\ told" in str(report)
    assert "negative" in str(report)


def test_the_worst_rows_are_those_whose_label_seemed_least_likely(quick):
    texts, labels = reviews("test")
    told = quick.predict(texts)
    true = np.array(labels) == "positive"
    loss = -np.log(np.where(true, told["p(positive)"], told["p(negative)"]))
    worst = quick.worst((texts, labels), n=3)
    np.testing.assert_allclose(worst["loss"], np.sort(loss)[::-1][:3], rtol=1e-6)
    for place, text, label in zip(worst["place"], worst["text"], worst["label"], strict=True):
        row = int(place.removeprefix("item "))
        assert (texts[row], labels[row]) == (text, label)
    assert worst["told"].tolist() != worst["label"].tolist()
    assert len(quick.worst((texts, labels), n=10**6)) == len(texts)
    with pytest.raises(OstinatoError, match="n must be at least 1, got 0"):
        quick.worst((texts, labels), n=0)


def test_a_verb_without_rows_of_its_own_has_no_worst_ones():
    with pytest.raises(OstinatoError, match="worst is for classifiers and taggers; this is a Forecaster"):
        Forecaster().worst("sales.csv")


# Nothing else has a say.


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(1, 12), min_size=2, max_size=6), data=st.data())
def test_padding_never_changes_a_prediction(double, lengths, data):
    fitted, kind = double
    if kind == "numbers":
        random = np.random.default_rng(data.draw(st.integers(0, 99)))
        items = [random.normal(size=(length, 1)) for length in lengths]
    else:
        words = reviews()[0][data.draw(st.integers(0, 99))].split()
        items = [" ".join((words * 3)[:length]) for length in lengths]
    together = fitted.logits(items)
    apart = np.concatenate([fitted.logits([item]) for item in items])
    np.testing.assert_allclose(together, apart, rtol=0, atol=1e-12)


@pytest.fixture(
    scope="module",
    params=[("numbers", "last"), ("texts", "last"), ("texts", "mean"), ("texts", "max"), ("texts", "attention")],
    ids=" ".join,
)
def double(request):
    """A fitted classifier in float64."""
    kind, pooling = request.param
    chosen = {name: TINY[name] for name in ("hidden_size", "epochs")} | {"epochs": 1, "pooling": pooling}
    if kind == "numbers":
        return in_double(SequenceClassifier(**chosen, num_layers=2).fit(waves(40))), kind
    return in_double(SequenceClassifier(**chosen, embedding_size=8, ensemble=2).fit(reviews())), kind


def in_double(classifier):
    """What was fitted, computing in float64."""
    classifier.model.network.double()
    return classifier.model


def test_the_vocabulary_is_of_the_training_rows_alone():
    texts, labels = reviews()
    other = (["zebra " + text for text in texts[:40]], labels[:40])
    classifier = SequenceClassifier(**TINY | {"epochs": 1}).fit((texts, labels), validation=other)
    fitted = classifier.model
    assert set(fitted.modality.tokenizer.tokens[2:]) == {word for text in texts for word in text.split()}
    assert not any("zebra" in gram for gram in (*fitted.linear.words.listed, *fitted.linear.characters.listed))
    assert not any("zebra" in gram for gram in fitted.baselines.machine.words.listed)
    share = SequenceClassifier(**TINY | {"epochs": 1}).fit(
        ([f"{text} only{n}" for n, text in enumerate(texts)], labels)
    )
    known = [token for token in share.model.modality.tokenizer.tokens if token.startswith("only")]
    assert len(known) == len(texts) - len(_validation(texts, labels))


def _validation(texts, labels):
    from ostinato.data import LabelledSequences

    return LabelledSequences.of_texts(texts, labels).split(0.1, 0)[1]


def test_the_means_and_spreads_are_of_the_training_rows_alone():
    arrays, labels = waves(60)
    classifier = SequenceClassifier(hidden_size=4, epochs=1).fit(
        (arrays, labels), validation=([array + 100 for array in arrays], labels)
    )
    values = np.concatenate(arrays)
    assert classifier.model.modality.mean[0] == pytest.approx(values.mean())
    assert classifier.model.modality.spread[0] == pytest.approx(values.std())


def test_the_same_seed_gives_the_same_model_and_another_another():
    first, again, other = (
        SequenceClassifier(**TINY, seed=seed).fit(reviews()).predict(["not bad at all"]) for seed in (3, 3, 4)
    )
    assert first.equals(again)
    assert not first.equals(other)


@pytest.mark.parametrize("tokenizer", ["char", "byte", "bpe"])
def test_texts_may_be_cut_into_other_units(tokenizer):
    size = {"vocabulary_size": 300} if tokenizer == "bpe" else {}
    classifier = SequenceClassifier(**TINY | {"epochs": 1}, tokenizer=tokenizer, **size, word_dropout=0.2).fit(
        reviews()
    )
    assert len(classifier.predict(["not bad", "日本"])) == 2
    assert f"{tokenizer} tokens in" in classifier.summary()


# Settings do what they say.


def test_class_weights_pull_towards_the_heavier_label():
    texts, labels = reviews()
    shares = {}
    for weight in (0.2, 5.0):
        chosen = {"class_weights": {"positive": weight, "negative": 1.0}}
        table = SequenceClassifier(**TINY, **chosen).fit((texts, labels)).predict(texts)
        shares[weight] = (table["label"] == "positive").mean()
    assert shares[5.0] > shares[0.2] + 0.2


def test_balanced_weights_make_every_label_count_alike():
    from ostinato.tasks.classification.labels import weights_of

    targets = np.array([0] * 30 + [1] * 10)
    weights = weights_of(SequenceClassifier(class_weights="balanced").settings, ("a", "b"), targets)
    np.testing.assert_allclose(weights * np.bincount(targets), 20)


def test_max_length_cuts_and_says_so():
    classifier = SequenceClassifier(**TINY | {"epochs": 1}, max_length=3, linear=False).fit(reviews())
    assert any("longer than max_length=3" in note for note in classifier.notes)
    first, second = classifier.model.logits(["the film was good", "the film was bad"])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_copies_and_contradictions_are_noted():
    texts, labels = reviews()
    contrary = "negative" if labels[0] == "positive" else "positive"
    torn = (texts + texts[:3] + texts[:1], [*labels, *labels[:3], contrary])
    notes = " ".join(SequenceClassifier(**TINY | {"epochs": 1}).fit(torn, validation=(texts[:30], labels[:30])).notes)
    assert "4 training texts are copies of others" in notes
    assert "1 training texts stand under more than one label" in notes
    assert "30 validation texts stand in the training data too" in notes


def test_word_vectors_are_where_training_begins(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("film 1 2 3\nzebra 4 5 6\ngood 7 8 9\n")
    chosen = TINY | {"epochs": 1, "vectors": str(path), "freeze_vectors": True}
    del chosen["embedding_size"]
    classifier = SequenceClassifier(**chosen).fit(reviews())
    fitted = classifier.model
    weight = fitted.network.readers[0].front_end.embedding.weight
    tokens = fitted.modality.tokenizer.tokens
    assert weight[tokens.index("film")].tolist() == [1, 2, 3]
    assert weight[tokens.index("the")].tolist() == [4, 5, 6]  # the mean of those found
    assert weight[0].tolist() == [0, 0, 0]
    assert classifier.settings.embedding_size == 3
    assert any(f"{path} has vectors for 2 of" in note for note in classifier.notes)
    trained = SequenceClassifier(**chosen | {"freeze_vectors": False}).fit(reviews()).model.network
    assert trained.readers[0].front_end.embedding.weight[tokens.index("film")].tolist() != [1, 2, 3]
    with pytest.raises(OstinatoError, match="vectors of 3 values, but embedding_size=8"):
        SequenceClassifier(**chosen, embedding_size=8).fit(reviews())
    path.write_text("zebra 1 2 3\n")
    with pytest.raises(OstinatoError, match=r"none of the .* words of the training part is in it"):
        SequenceClassifier(**chosen).fit(reviews())


def test_without_calibration_the_temperature_is_one():
    texts, labels = reviews()
    classifier = SequenceClassifier(**TINY, calibration="none", linear=False).fit((texts, labels))
    assert classifier.model.mix.temperature == 1
    network, _ = classifier.model.parts(texts[:5])
    np.testing.assert_array_equal(probabilities(network)[:, 1], classifier.predict(texts[:5])["p(positive)"])


# What is refused.


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"tokenizer": "syllable"}, "tokenizer = 'syllable'"),
        ({"freeze_vectors": True}, "freeze_vectors needs vectors"),
        ({"vectors": "x", "tokenizer": "char"}, "vectors are of words"),
        ({"class_weights": {"a": -1}}, "every weight must be above 0"),
        ({"pool": "max"}, "did you mean 'pooling'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(chosen, message):
    with pytest.raises(OstinatoError, match=message):
        SequenceClassifier(**chosen)


def test_data_that_do_not_fit_are_refused(quick):
    texts, labels = reviews()
    with pytest.raises(OstinatoError, match="all labels are 'x': a classifier needs at least two"):
        SequenceClassifier().fit((texts, ["x"] * len(texts)))
    with pytest.raises(OstinatoError, match="label 'mixed' was not in the training data, which had negative, pos"):
        quick.evaluate((["good", "fair"], ["positive", "mixed"]))
    with pytest.raises(OstinatoError, match="item 0: label 'mixed' was not"):
        SequenceClassifier().fit((texts, labels), validation=(["fair"], ["mixed"]))
    with pytest.raises(OstinatoError, match="linear: a setting for texts, and the sequences holds seq"):
        SequenceClassifier(linear=True).fit(waves(20))
    with pytest.raises(OstinatoError, match=r"class_weights: give one for each label .* 'negative' is missing"):
        SequenceClassifier(class_weights={"positive": 2.0}).fit((texts, labels))
    with pytest.raises(OstinatoError, match="no token is seen 500 times"):
        SequenceClassifier(min_count=500).fit((texts[:100] + texts[-100:], labels[:100] + labels[-100:]))
    with pytest.raises(OstinatoError, match="sequences of numbers where texts are needed"):
        quick.predict([np.zeros(3)])
    with pytest.raises(OstinatoError, match="not fitted"):
        SequenceClassifier().predict(["x"])


def test_columns_found_in_training_are_used_for_other_data():
    texts, labels = reviews()
    frame = pd.DataFrame({"headline": texts, "label": labels})
    classifier = SequenceClassifier(**TINY | {"epochs": 1})
    rest, part = classifier.read(frame).split(0.2)
    classifier.fit(rest)
    assert (classifier.settings.text, classifier.settings.label) == ("headline", "label")
    assert len(classifier.predict(frame.assign(label="?", more=1)[["more", "headline"]])) == len(frame)
    assert classifier.evaluate(part).count == len(part)


def test_a_layout_that_was_given_is_kept_with_texts_from_memory(tmp_path):
    classifier = SequenceClassifier(**TINY | {"epochs": 1}, layout="lines").fit(reviews())
    (tmp_path / "new.txt").write_text("a good film\nnot bad\n")
    assert list(classifier.predict(tmp_path / "new.txt")["text"]) == ["a good film", "not bad"]


@pytest.mark.parametrize(("labels", "rows"), [(2, 40), (20, 10), (40, 10)])
def test_many_labels_that_are_all_told_right_are_told_surely(labels, rows):
    random = np.random.default_rng(0)
    rest = ["find", "show", "give", "tell", "please", "now", "again", "today", "here", "there"]
    told = [f"topic{number}" for number in range(labels) for _ in range(rows)]
    texts = [" ".join([f"thing{label.removeprefix('topic')}", *random.choice(rest, 3)]) for label in told]
    classifier = SequenceClassifier(hidden_size=8, embedding_size=8, epochs=1).fit((texts, told))
    answers = classifier.predict(texts)
    right, sure = (answers["label"] == told).mean(), answers["confidence"].mean()
    assert right > 0.95
    assert abs(right - sure) < 0.05
