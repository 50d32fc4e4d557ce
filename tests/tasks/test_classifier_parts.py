"""Scores, calibration and the linear model of texts against their definitions."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from ostinato.tasks.classification import linear_text
from ostinato.tasks.classification.calibration import (
    Mix,
    calibration_error,
    fitted_mix,
    log_loss,
    log_odds,
    probabilities,
    softened,
)
from ostinato.tasks.classification.linear_text import Cut, Grams, LinearText
from ostinato.tasks.classification.report import ClassReport
from ostinato.tasks.classification.scores import confusion, scores_of
from ostinato.tasks.classification.train import classifier_loss

CUT = Cut("punctuation", True)
TEXTS = ("Good film", "a good, good book", "bad film", "not good")
TARGETS = np.array([1, 1, 0, 0])


def drawn(rows=200, classes=3, seed=0):
    """Scores that know the target, and are far too sure."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, rows)
    scores = random.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[targets]
    return 4 * scores, targets


# Scores.


def test_scores_by_hand():
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.8, 0.2]])
    scores = scores_of(shares, np.array([0, 0, 1, 1]))
    assert scores["accuracy"] == 0.5
    assert scores["f1"] == pytest.approx(0.5)
    assert scores["auc"] == pytest.approx(3 / 4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=20))
def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(rows):
    score = np.array([float(value) for value, _ in rows])
    positive = np.array([flag for _, flag in rows])
    pairs = [(a > b) + (a == b) / 2 for a in score[positive] for b in score[~positive]]
    area = scores_of(np.stack([-score, score], axis=1), positive.astype(np.int64))["auc"]
    assert (math.isnan(area) and not pairs) or area == pytest.approx(np.mean(pairs))


def test_f1_is_the_mean_over_the_labels_that_are_there_or_told():
    told = np.eye(3)[[0, 1, 0]]
    assert scores_of(told, np.array([0, 1, 1]))["f1"] == pytest.approx(2 / 3)  # 2/3 and 2/3; the third is neither
    assert confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), 3).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_three_labels_have_the_mean_area_of_each_that_is_there_against_the_rest():
    scores, targets = drawn(classes=4)
    targets[targets == 3] = 0
    each = []
    for label in range(3):
        mine, others = scores[targets == label, label], scores[targets != label, label]
        each.append((mine[:, None] > others).mean())
    assert scores_of(scores, targets)["auc"] == pytest.approx(np.mean(each))


def test_a_report_gives_precision_and_recall_and_shows_no_matrix_too_wide():
    shares = probabilities(np.array([[2.0, 0], [2, 0], [0, 2], [2, 0]]))
    report = ClassReport.of(("n", "y"), np.array([0, 0, 1, 1]), shares, shares, 1.0)
    np.testing.assert_allclose(report.table.loc["n"], [2 / 3, 1, 0.8, 2])
    np.testing.assert_allclose(report.table.loc["y"], [1, 0.5, 2 / 3, 2])
    many = ClassReport(tuple(map(str, range(13))), np.eye(13, dtype=np.int64), 0.2, 0.1, 2.0)
    assert "is \\ told" not in str(many)
    assert "20.0 % before" in str(many)


# Calibration.


def test_the_temperature_minimises_the_validation_likelihood():
    scores, targets = drawn()
    mix = fitted_mix(scores, None, targets)
    goal = softened(targets, 3)

    def loss(temperature):
        return -(goal * np.log(probabilities(scores / temperature))).sum()

    assert mix.temperature > 1.5  # they were too sure
    assert all(loss(mix.temperature) <= loss(mix.temperature * factor) for factor in (0.9, 0.99, 1.01, 1.1))


def test_the_temperature_and_what_the_linear_part_tells_minimise_it_together():
    network, targets = drawn(seed=1)
    linear = drawn(seed=2)[0] * 0.1 + np.eye(3)[targets] - 0.5
    goal = softened(targets, 3)
    mix = fitted_mix(network, linear, targets)

    def loss(*parts):
        return -(goal * np.log(probabilities(Mix(*parts).logits(network, linear)))).sum()

    best = loss(*mix)
    for temperature, slope, offset in product((0.95, 1, 1.05), (0.95, 1, 1.05), (-0.1, 0, 0.1)):
        assert best <= loss(mix.temperature * temperature, mix.slope * slope, mix.offset + offset) + 1e-6
    fixed = fitted_mix(network, linear, targets, temperature=False)
    assert fixed.temperature == 1
    assert fixed.slope > 0


def test_a_linear_part_adds_the_logarithm_of_its_sigmoid():
    logits = Mix(2.0, 3.0, 0.5).logits(np.array([[4.0, 0.0]]), np.array([[1.0, -1.0]]))
    expected = [4 / 2 + math.log(1 / (1 + math.exp(-3.5))), math.log(1 / (1 + math.exp(2.5)))]
    np.testing.assert_allclose(logits, [expected])


def test_calibration_keeps_the_order_and_betters_the_error():
    scores, targets = drawn(2000)
    mix = fitted_mix(scores, None, targets)
    before, after = probabilities(scores), probabilities(mix.logits(scores, None))
    np.testing.assert_array_equal(before.argmax(1), after.argmax(1))
    assert calibration_error(after, targets) < 0.05 < calibration_error(before, targets)


def test_a_part_told_all_right_does_not_make_the_model_sure_beyond_what_its_rows_can_say():
    targets = np.array([0, 1] * 5)
    mix = fitted_mix(np.eye(2)[targets], None, targets)
    assert probabilities(mix.logits(np.eye(2), None)).max() == pytest.approx(10.5 / 11, abs=1e-3)


@pytest.mark.parametrize("classes", [2, 20, 50])
def test_many_labels_with_few_rows_each_are_as_sure_as_they_are_right(classes):
    targets = np.tile(np.arange(classes), 4)
    mix = fitted_mix(np.eye(classes)[targets], None, targets)
    confidence = probabilities(mix.logits(np.eye(classes), None)).max()
    assert confidence == pytest.approx((len(targets) + 1 / classes) / (len(targets) + 1), abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 3, 40]), st.floats(0.1, 20))
def test_no_temperature_fits_the_validation_part_worse_than_none(seed, classes, size):
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, 60)
    scores = size * (random.normal(size=(60, classes)) + 3 * np.eye(classes)[targets])
    mix = fitted_mix(scores, None, targets)
    before, after = probabilities(scores), probabilities(mix.logits(scores, None))
    assert log_loss(after, targets) <= log_loss(before, targets)
    assert calibration_error(after, targets) <= calibration_error(before, targets)


def test_the_calibration_error_by_hand():
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.45, 0.55], [1.0, 0.0]])
    assert calibration_error(shares, np.array([0, 1, 1, 0])) == pytest.approx((0.8 + 0.45 + 0) / 4)


def test_log_odds_are_those_of_the_probabilities():
    scores, _ = drawn(20)
    shares = probabilities(scores)
    np.testing.assert_allclose(log_odds(scores, 1), np.log(shares[:, 1] / (shares[:, 0] + shares[:, 2])), rtol=1e-9)


# The linear model.


def test_words_and_pairs_and_runs_of_characters_are_read():
    words, _ = Grams.learn(TEXTS[:2], "words", CUT)
    assert set(words.listed) == {
        "good", "film", "a", "book", ",", "good film", "a good", "good ,", ", good", "good book",
    }  # fmt: skip
    runs, _ = Grams.learn(["Abc d"], "characters", CUT)
    assert set(runs.listed) == {" a", "ab", "bc", "c ", " ab", "abc", "bc ", " abc", "abc ", " abc ", " d", "d ", " d "}
    cased, _ = Grams.learn(["Abc d"], "characters", Cut("whitespace", False))
    assert " Ab" in cased.listed


def test_a_row_is_tf_idf_by_hand():
    grams, rows = Grams.learn(["b b a", "a"], "words", CUT)
    assert grams.listed == ("a", "b", "b a", "b b")
    rare = math.log(3 / 2) + 1  # of two texts one has it
    counted = np.array([1, (1 + math.log(2)) * rare, rare, rare])
    np.testing.assert_allclose(rows.toarray(), [counted / np.linalg.norm(counted), [1, 0, 0, 0]])
    again = Grams.restored(*grams.saved())
    np.testing.assert_array_equal(again.rows(["b b a", "a zebra"]).toarray(), rows.toarray())
    assert again.rows(["zebra"]).nnz == 0


def test_grams_whose_weights_are_missing_are_refused():
    tensors, content = Grams.learn(TEXTS, "words", CUT)[0].saved()
    with pytest.raises(ValueError, match="grams have weights of shape"):
        Grams.restored(tensors | {"rarity": tensors["rarity"][1:]}, content)
    with pytest.raises(ValueError, match="no way to cut"):
        Grams.restored(tensors, content | {"kind": "syllables"})


def test_very_many_grams_are_not_kept(monkeypatch):
    monkeypatch.setattr(linear_text, "MOST", 3)
    model = LinearText.fit(TEXTS, TARGETS, CUT, characters=True, cost=1.0)
    assert (len(model.words.listed), len(model.characters.listed), len(model)) == (3, 3, 6)
    assert "good" in model.words.listed


@pytest.mark.parametrize("classes", [2, 3, 40])
@pytest.mark.parametrize("characters", [False, True])
def test_the_linear_model_tells_as_scikit_learn_does(classes, characters):
    texts = [f"thing{label} {rest}" for label in range(classes) for rest in ("now", "here please", "again")]
    targets = np.repeat(np.arange(classes), 3)
    model = LinearText.fit(texts, targets, CUT, characters=characters, cost=1.0)
    theirs = [TfidfVectorizer(analyzer=CUT.grams, sublinear_tf=True)]
    if characters:
        theirs.append(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True))
    pipeline = make_pipeline(make_union(*theirs), LinearSVC(C=1.0, random_state=0)).fit(texts, targets)
    new = [f"thing{label} today" for label in range(classes)]
    expected = pipeline.decision_function(new)
    logits = model.logits(new)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0] if classes == 2 else logits, expected, atol=1e-6)
    np.testing.assert_array_equal(logits.argmax(1), np.arange(classes))


def test_the_linear_model_tells_pairs_that_words_cannot():
    texts = [f"{first} {second} {third}" for first in "ab" for second in "ab" for third in "xyz"]
    targets = np.array([int(text[0] != text[2]) for text in texts])
    model = LinearText.fit(texts, targets, CUT, characters=False, cost=1.0)
    np.testing.assert_array_equal(model.logits(texts).argmax(1), targets)


def test_class_weights_move_the_linear_model():
    models = [
        LinearText.fit(TEXTS, TARGETS, CUT, characters=True, cost=1.0, weights=[1.0, weight]) for weight in (0.1, 10.0)
    ]
    shares = [probabilities(model.logits(["film"]))[0, 1] for model in models]
    assert shares[0] < 0.5 < shares[1]


# The loss.


def test_the_loss_is_the_weighted_smoothed_cross_entropy_of_each_network():
    scores = torch.randn(2, 4, 3, dtype=torch.float64)
    target, weights = torch.tensor([0, 2, 1, 2]), torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    logs = scores.log_softmax(-1)
    own = -logs[:, torch.arange(4), target] * weights[target]
    spread = -(logs * weights).sum(-1)
    expected = (0.9 * own.sum(1) + 0.1 / 3 * spread.sum(1)) / weights[target].sum()
    torch.testing.assert_close(classifier_loss(scores, target, weights, 0.1).mean, expected.sum())
