"""Several labels a text: it learns which, tells each on its own, and is saved as it is."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from classify_scenario import SKIES, TINY, skies, waves
from sklearn.metrics import f1_score

import ostinato
from ostinato import OstinatoError, SequenceClassifier
from ostinato.tasks.classification.linear_text import Cut, LinearText
from ostinato.tasks.classification.one_label import OneLabel
from ostinato.tasks.classification.several_labels import SeveralLabels, calibration_error

QUICK = TINY | {"epochs": 1}
SEVERAL = SeveralLabels()


@pytest.fixture(scope="module")
def fitted():
    """Fitted on `skies`; not to be changed."""
    return SequenceClassifier(**TINY).fit(*skies())


# It learns.


def test_it_beats_each_labels_share_and_is_scored_beside_a_linear_machine(fitted):
    scores = fitted.evaluate(skies(seed=1))
    assert set(scores.rows) == {"ostinato", "its linear part alone", "each label's share", "TF-IDF + linear SVM"}
    ours, share = scores.rows["ostinato"], scores.rows["each label's share"]
    assert list(ours) == ["f1_micro", "f1_macro", "exact", "auc"]
    assert all(ours[figure] > share[figure] + 0.2 for figure in ours)
    assert fitted.score(*skies(seed=1)) == ours["f1_micro"]
    assert any("training sequences have no label" in note for note in fitted.notes)


def test_sequences_of_numbers_have_several_labels_too():
    arrays, speed = waves()
    high = np.arange(len(arrays)) % 3 == 0
    labels = [{one, "high"} if up else {one} for one, up in zip(speed, high, strict=True)]
    data = [array + 3 * up for array, up in zip(arrays, high, strict=True)], labels
    classifier = SequenceClassifier(hidden_size=16, epochs=12, learning_rate=0.01, seed=1).fit(data)
    rows = classifier.evaluate(data).rows
    assert set(rows) == {"ostinato", "each label's share", "ridge on mean, spread"}
    assert rows["ostinato"]["f1_macro"] > rows["each label's share"]["f1_macro"] + 0.2


# What it gives.


def test_predictions_hold_all_labels_of_at_least_a_half(fitted):
    texts, _ = skies(40, seed=1)
    table = fitted.predict([*texts, " "])
    names = [f"p({label})" for label in SKIES]
    assert list(table) == ["text", "label", "confidence", *names]
    shares = table[names].to_numpy()[:-1]
    np.testing.assert_array_equal(shares, fitted.predict_proba(texts))
    for told, confidence, row in zip(table["label"], table["confidence"], shares, strict=False):
        assert told == "|".join(label for label, share in zip(SKIES, row, strict=True) if share >= 0.5)
        assert confidence == pytest.approx(math.prod(max(share, 1 - share) for share in row))
    assert table["label"].iloc[-1] == ""
    assert table[names].iloc[-1].isna().all()
    assert fitted.classes_.tolist() == list(SKIES)
    assert table["label"].str.contains("|", regex=False).any()


def test_the_report_counts_each_label(fitted):
    texts, labels = skies(seed=1)
    report = fitted.report((texts, labels))
    there = np.array([[label in own for label in SKIES] for own in labels])
    told = fitted.predict_proba(texts) >= 0.5
    np.testing.assert_allclose(report.table["f1"], f1_score(there, told, average=None))
    assert report.table["count"].tolist() == there.sum(axis=0).tolist()
    assert "Expected calibration error" in str(report)
    assert "is \\ told" not in str(report)


def test_the_likeliest_label_is_explained_or_one_that_is_asked_for(fitted):
    text = "a bright kite"
    likeliest = fitted.classes_[fitted.predict_proba([text])[0].argmax()]
    assert fitted.explain(text).label == likeliest
    wind = fitted.explain(text, "wind")
    assert (wind.label, wind.words) == ("wind", ("a", "bright", "kite"))
    assert wind.probability == pytest.approx(fitted.predict_proba([text])[0, 3])
    assert max(zip(wind.contributions, wind.words, strict=True))[1] == "kite"
    with pytest.raises(OstinatoError, match="label 'snow': the model tells frost, rain, sun, wind"):
        fitted.explain(text, "snow")


def test_a_loaded_model_is_the_saved_one_and_goes_on(fitted, tmp_path):
    scores = fitted.evaluate(skies(seed=1)).to_dict()
    fitted.save(tmp_path)
    loaded = ostinato.load(tmp_path)
    assert loaded.settings.label_separator == "|"
    assert loaded.predict(skies(seed=1)[0]).equals(fitted.predict(skies(seed=1)[0]))
    assert loaded.evaluate(skies(seed=1)).to_dict() == scores
    joined = ["|".join(own) for own in skies(seed=1)[1]]
    assert loaded.evaluate((skies(seed=1)[0], joined)).to_dict() == scores
    again = SequenceClassifier(epochs=1).fit(*skies(), warm_start=loaded)
    assert again.classes_.tolist() == list(SKIES)


def test_a_label_that_all_or_no_rows_have_is_learned_as_such():
    texts, labels = skies(60)
    frame = pd.DataFrame({"text": texts} | {label: [int(label in own) for own in labels] for label in SKIES})
    frame = frame.assign(frost=0, wind=1)
    classifier = SequenceClassifier(**QUICK, labels=tuple(SKIES)).fit(frame)
    table = classifier.predict(texts)
    assert not table["label"].str.contains("frost").any()
    assert table["label"].str.endswith("wind").all()
    assert "label 'frost' has no training example: it cannot be learned" in classifier.notes
    assert not math.isnan(classifier.evaluate(frame).rows["ostinato"]["auc"])


def test_one_column_of_0_and_1_is_enough():
    texts, labels = skies(60)
    frame = pd.DataFrame({"text": texts, "sun": [int("sun" in own) for own in labels]})
    classifier = SequenceClassifier(**QUICK, labels="sun").fit(frame)
    assert set(classifier.predict(texts)["label"]) <= {"", "sun"}
    assert classifier.explain("a warm day").label == "sun"


def test_folds_never_lose_a_label():
    texts, labels = skies(60)
    labels[0] = ["once", *labels[0]]
    scores = SequenceClassifier(**QUICK).cross_validate(texts, labels, folds=3)
    assert sum(table.count for table in scores.tables) == 60


def test_the_worst_rows_are_those_whose_labels_seemed_least_likely(fitted):
    texts, labels = skies(40, seed=1)
    labels[7] = [label for label in SKIES if label not in labels[7]]  # all of it wrong
    worst = fitted.worst((texts, labels), n=5)
    assert list(worst) == ["place", "text", "label", "told", "confidence", "loss"]
    assert (len(worst), worst["place"][0]) == (5, "item 7")
    assert worst["label"][0] == "|".join(labels[7])
    assert worst["loss"].is_monotonic_decreasing
    shares = fitted.predict_proba([texts[7]])[0]
    right = [share if label in labels[7] else 1 - share for label, share in zip(SKIES, shares, strict=True)]
    assert worst["loss"][0] == pytest.approx(-math.log(math.prod(right)))


# What is refused.


def test_labels_that_do_not_fit_are_refused(fitted):
    texts, labels = skies(30)
    with pytest.raises(OstinatoError, match="item 1: label 'hail' was not in the training data, which had frost, ra"):
        fitted.evaluate((["ice", "stones"], [["frost"], ["hail"]]))
    one = SequenceClassifier(**QUICK).fit(texts, ["a", "b"] * 15)
    with pytest.raises(OstinatoError, match="several labels each, where training had one"):
        one.evaluate((texts, labels))
    with pytest.raises(OstinatoError, match="class_weights: for sequences of one label each"):
        SequenceClassifier(**QUICK, class_weights="balanced").fit(texts, labels)
    with pytest.raises(OstinatoError, match="no sequence has a label"):
        SequenceClassifier(**QUICK).fit(texts, [[]] * 30)
    with pytest.raises(OstinatoError, match=r"the label 'sun\|rain' holds '\|': set label_separator to another"):
        SequenceClassifier(**QUICK).fit(texts, [["sun|rain"], []] * 15)
    records = SequenceClassifier().read((texts, ["a", "b"] * 15))
    with pytest.raises(OstinatoError, match="one label each, where label_separator or labels say"):
        SequenceClassifier(**QUICK, label_separator="|").fit(records)


def test_another_separator_is_read_and_told():
    texts, labels = skies(60)
    classifier = SequenceClassifier(**QUICK, label_separator=", ").fit(texts, [", ".join(own) for own in labels])
    assert classifier.classes_.tolist() == list(SKIES)
    everything = " ".join(word for words in SKIES.values() for word in words)
    assert classifier.model.labelling.told(np.ones((1, 4)), tuple(SKIES), ", ") == ["frost, rain, sun, wind"]
    assert len(classifier.predict([everything])) == 1


@pytest.mark.parametrize("mark", ["|", ";", ","])
def test_labels_that_look_like_several_are_hinted_at_and_never_taken_apart(mark):
    texts, labels = skies(200)
    joined = [mark.join(own) or "none" for own in labels]
    classifier = SequenceClassifier(**QUICK).fit(texts, joined)
    assert mark.join(["frost", "rain"]) in classifier.classes_
    assert any(f"if each is a label, give label_separator={mark!r}" in note for note in classifier.notes)
    with pytest.raises(OstinatoError, match="give label_separator="):
        classifier.evaluate((["x"], [mark.join(["wind", "frost"])]))


def test_labels_that_hold_a_mark_once_each_are_not_hinted_at():
    texts, _ = skies(60)
    towns = ["Bonn, Rhine", "Ulm, Danube", "Cologne"] * 20
    assert not any("label_separator" in note for note in SequenceClassifier(**QUICK).fit(texts, towns).notes)


# The parts, against their definitions.


def drawn(rows=400, labels=3, seed=0):
    """Scores that know the targets, and are far too sure."""
    random = np.random.default_rng(seed)
    targets = (random.random((rows, labels)) < (0.5, 0.3, 0.1)).astype(np.float32)
    return 4 * (random.normal(size=(rows, labels)) + 0.5 * (2 * targets - 1) - 0.3), targets


def test_the_loss_is_the_binary_cross_entropy_of_all_labels_of_a_row():
    scores = torch.randn(2, 4, 3, dtype=torch.float64)
    target = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 1, 1], [1, 0, 0.0]])
    shares = scores.sigmoid()
    goal = target * 0.9 + 0.05
    expected = -(goal * shares.log() + (1 - goal) * (1 - shares).log()).sum() / 4
    torch.testing.assert_close(SEVERAL.loss(scores, target, torch.ones(3), 0.1).mean, expected, check_dtype=False)


def test_the_mix_minimises_the_likelihood_of_all_labels():
    network, targets = drawn()
    linear = drawn(seed=1)[0] * 0.1 + targets - 0.5
    mix = SEVERAL.fitted_mix(network, linear, targets)
    goal = (targets * 400 + 0.5) / 401

    def loss(mix):
        shares = SEVERAL.probabilities(SEVERAL.logits(mix, network, linear))
        return -(goal * np.log(shares) + (1 - goal) * np.log(1 - shares)).sum()

    for temperature, slope, offset in product((0.95, 1, 1.05), (0.95, 1, 1.05), (-0.1, 0, 0.1)):
        other = mix._replace(
            temperature=mix.temperature * temperature, slope=mix.slope * slope, offset=mix.offset + offset
        )
        assert loss(mix) <= loss(other) + 1e-6
    assert SEVERAL.fitted_mix(network, linear, targets, temperature=False).temperature == 1
    after = SEVERAL.probabilities(SEVERAL.logits(mix, network, linear))
    assert calibration_error(after, targets) < 0.05 < calibration_error(SEVERAL.probabilities(network), targets)


def test_losses_are_those_of_the_rows():
    logits, targets = drawn(5)
    shares = SEVERAL.probabilities(logits)
    expected = [
        -sum(math.log(p if t else 1 - p) for p, t in zip(*row, strict=True))
        for row in zip(shares, targets, strict=True)
    ]
    np.testing.assert_allclose(SEVERAL.losses(logits, targets), expected)
    scores, numbers = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 0])
    np.testing.assert_allclose(OneLabel().losses(scores, numbers), [math.log1p(math.exp(-2)), math.log1p(math.exp(1))])


def test_figures_are_scikit_learns_and_leave_out_labels_that_are_nowhere():
    shares = np.array([[0.9, 0.2, 0.1], [0.6, 0.7, 0.1], [0.2, 0.6, 0.3]])
    targets = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]], np.float32)
    scores = SEVERAL.scores(shares, targets)
    assert scores["f1_micro"] == pytest.approx(6 / 7)
    assert scores["f1_macro"] == pytest.approx((2 / 3 + 1) / 2)  # the third is neither there nor told
    assert scores["exact"] == pytest.approx(2 / 3)
    assert scores["auc"] == 1


def test_the_linear_machine_tells_each_label_from_the_rest():
    texts, labels = skies(120)
    targets = np.array([[label in own for label in SKIES] for own in labels], np.float32)
    targets[:, 0], targets[:, 1] = 0, 1
    machine = LinearText.fit(texts, targets, Cut("punctuation", True), characters=False, cost=1.0)
    logits = machine.logits(texts)
    np.testing.assert_array_equal(logits[:, 0], -1)
    np.testing.assert_array_equal(logits[:, 1], 1)
    assert ((logits > 0) == (targets > 0)).mean() > 0.95
