"""Training goes on from a fitted estimator, on other data too, without losing what its weights were made for."""

import pytest
import torch
from classify_scenario import TINY, reviews
from forecast_scenario import TINY as TINY_FORECASTER
from forecast_scenario import long, wide
from models_scenario import MODELS
from tagger_scenario import TINY as TINY_TAGGER
from tagger_scenario import sentences
from translate_scenario import TINY as TINY_TRANSLATOR
from translate_scenario import numbers, trained, two_ways

from ostinato import Forecaster, OstinatoError, SequenceClassifier, SequenceTagger, Translator

STILL = {"epochs": 1, "optimizer": "sgd", "momentum": 0.0, "learning_rate": 1e-12, "ema_decay": None}


@pytest.mark.parametrize("name", MODELS)
def test_it_begins_with_the_weights_vocabulary_and_settings_of_the_other(name):
    small = MODELS[name]
    first = small.fit()
    again = type(first)(**STILL).fit(small.data(), warm_start=first)
    before, after = (estimator.model.network.state_dict() for estimator in (first, again))
    for weight in (name for name in before if before[name].is_floating_point()):
        torch.testing.assert_close(after[weight], before[weight], rtol=1e-5, atol=1e-8)
    changed = {field: value for field, value in again.settings if getattr(first.settings, field) != value}
    assert changed.keys() <= {*STILL, "batch_size"}  # of which few data leave less, where none was asked for


def test_a_little_more_of_other_data_is_better_than_that_alone():
    more = numbers(80, seed=5)
    alone = Translator(**trained().settings.model_dump() | {"epochs": 1}).fit(more)
    onwards = Translator(epochs=1).fit(more, warm_start=trained())
    test = numbers(40, seed=6)
    assert onwards.evaluate(test).rows["ostinato"]["exact"] > alone.evaluate(test).rows["ostinato"]["exact"] + 0.3


def test_a_forecaster_goes_on_with_a_new_series_in_its_own_units():
    first = Forecaster(**TINY_FORECASTER).fit(wide(120))
    other = wide(90, "new", seed=3)
    other["new"] = 1e6 + 1e5 * other["new"]
    onwards = Forecaster(epochs=1).fit(other, warm_start=first)
    far = (onwards.predict(other)["forecast"] - other["new"].mean()).abs() / other["new"].std()
    assert (far < 4).all()


@pytest.mark.parametrize(
    ("start", "other", "data", "message"),
    [
        (trained, SequenceClassifier(), reviews, "a Translator, where a SequenceClassifier is trained"),
        (trained, Translator(hidden_size=7), numbers, "the weights to go on from do not fit"),
        (trained, Translator(tokenizer="char"), numbers, "was trained with 'word': leave it out"),
        (Translator, Translator(), numbers, "not fitted"),
    ],
    ids=["another verb", "another size", "another tokenizer", "not fitted"],
)
def test_what_cannot_be_gone_on_from_is_refused_before_training(start, other, data, message):
    with pytest.raises(OstinatoError, match=message):
        other.fit(data(), warm_start=start())


def test_labels_and_tags_that_the_weights_do_not_know_are_named():
    texts, labels = reviews()
    first = SequenceClassifier(**TINY | {"epochs": 1}).fit(texts, labels)
    with pytest.raises(OstinatoError, match="label 'mixed' was not in the training data, which had"):
        SequenceClassifier().fit([*texts, "so so"], [*labels, "mixed"], validation=(texts, labels), warm_start=first)
    tagger = SequenceTagger(**TINY_TAGGER).fit(sentences(20))
    data = [*sentences(20), (["acme"], ["B-ORG"])] * 2
    with pytest.raises(OstinatoError, match="tags that the model to go on from does not know: B-ORG"):
        SequenceTagger().fit(data, validation=sentences(5), warm_start=tagger)


def test_a_vector_for_each_series_is_only_for_the_same_series():
    first = Forecaster(**TINY_FORECASTER, series_embedding=2).fit(wide(90, "a", "b"))
    with pytest.raises(OstinatoError, match="a vector for each of 2 series, and these are others"):
        Forecaster().fit(wide(90, "a", "c"), warm_start=first)


@pytest.mark.parametrize("gone", ["bad", "fair", "good"])
def test_labels_that_only_the_model_to_go_on_from_knows_are_never_told_but_may_be_scored(gone):
    labels = ["bad", "fair", "good"] * 30
    texts = [f"{label} thing {number}" for number, label in enumerate(labels)]
    first = SequenceClassifier(**TINY | {"epochs": 1}).fit(texts, labels)
    some = [row for row, label in enumerate(labels) if label != gone]
    fewer = ([texts[row] for row in some], [labels[row] for row in some])
    onwards = SequenceClassifier(epochs=1, class_weights="balanced").fit(fewer, warm_start=first)
    assert gone not in set(onwards.predict(fewer[0])["label"])
    assert onwards.evaluate((texts, labels)).rows["TF-IDF + linear SVM"]["accuracy"] == pytest.approx(2 / 3)
    training = onwards.read(fewer)
    assert len(onwards.read_test((texts, labels), training, first.model)) == len(texts)
    with pytest.raises(OstinatoError, match=f"label '{gone}' was not in the training data"):
        onwards.read_test((texts, labels), training)
    with pytest.raises(OstinatoError, match="all labels are 'so': a classifier needs at least two"):
        SequenceClassifier().fit((texts, ["so"] * len(texts)), warm_start=first)


def test_languages_of_test_data_are_those_of_the_model_to_go_on_from():
    first = Translator(**TINY_TRANSLATOR | {"epochs": 1}).fit(two_ways(60))
    training = first.read([pair for pair in two_ways(60) if pair[2] == "backwards"])
    assert len(first.read_test(two_ways(20), training, first.model)) == 20
    with pytest.raises(OstinatoError, match="to 'as it is'"):
        first.read_test(two_ways(20), training)


def test_categories_keep_the_codes_that_the_weights_know():
    table = long()
    first = Forecaster(**TINY_FORECASTER, static=("region",)).fit(table)
    south = table[table["region"] == "south"]
    onwards = Forecaster(epochs=1)
    onwards.adopt_settings(first)
    training = onwards.read(south.head(40))
    assert training.panel.static.tolist() == [[1.0]]
    assert onwards.read_test(table, training, first.model).panel.static.ravel().tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(OstinatoError, match=r"'west' was not there in training \(known: north, south\)"):
        onwards.fit(table.assign(region="west"), warm_start=first)
    alone = onwards.fit(south.assign(region="west"))  # begins anew
    assert alone.model.spec.categories == {"region": ("west",)}
