"""An estimator keeps scikit-learn's manners: parameters, clones, cross-validation, searches, pipelines, joblib."""

import joblib
import numpy as np
import pytest
from classify_scenario import reviews
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from ostinato import OstinatoError, SequenceClassifier

SMALL = {"hidden_size": 4, "embedding_size": 4, "epochs": 1, "linear": True}


@pytest.fixture(scope="module")
def fitted():
    return SequenceClassifier(**SMALL).fit(*reviews())


def test_labels_beside_the_data_are_labels(fitted):
    assert fitted.classes_.tolist() == ["negative", "positive"]
    shares = fitted.predict_proba(["not bad at all", "dull"])
    assert shares.shape == (2, 2)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert fitted.score(*reviews("test")) == fitted.metrics.rows["ostinato"]["accuracy"]


def test_y_that_is_no_labels_is_refused_with_a_hint():
    texts, labels = reviews()
    with pytest.raises(OstinatoError, match="other data to choose when to stop are given as validation="):
        SequenceClassifier(**SMALL).fit((texts, labels), (texts, labels))
    with pytest.raises(OstinatoError, match="other data to choose when to stop are given as validation="):
        SequenceClassifier(**SMALL).fit("reviews.csv", "more.csv")
    with pytest.raises(OstinatoError, match="other data to choose when to stop are given as validation="):
        SequenceClassifier(**SMALL).fit(texts, 3)


def test_parameters_are_read_and_set():
    classifier = SequenceClassifier(**SMALL)
    params = classifier.get_params()
    assert params["hidden_size"] == 4
    assert params["epochs"] == 1
    assert params["patience"] == SequenceClassifier().settings.patience
    assert classifier.set_params(hidden_size=8) is classifier
    assert classifier.settings.hidden_size == 8
    with pytest.raises(OstinatoError, match="no setting 'colour'"):
        classifier.set_params(colour="red")
    assert classifier.settings.hidden_size == 8
    assert SequenceClassifier(**SMALL).fit(*reviews()).set_params(features="a,b").settings.features == ("a", "b")
    assert repr(classifier) == "SequenceClassifier(hidden_size=8, embedding_size=4, epochs=1, linear=True)"


def test_a_clone_has_the_settings_and_is_not_fitted(fitted):
    copy = clone(fitted)
    assert copy.get_params() == SequenceClassifier(**SMALL).get_params()
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    with pytest.raises(OstinatoError, match="not fitted"):
        copy.predict(["x"])


def test_it_is_cross_validated_searched_and_put_into_a_pipeline():
    texts, labels = reviews()
    texts, labels = texts[:60] + texts[-60:], labels[:60] + labels[-60:]
    assert is_classifier(SequenceClassifier())
    assert len(cross_val_score(SequenceClassifier(**SMALL), texts, labels, cv=2)) == 2
    search = GridSearchCV(SequenceClassifier(**SMALL), {"hidden_size": [2, 4]}, cv=2).fit(texts, labels)
    assert search.best_params_["hidden_size"] in (2, 4)
    pipeline = Pipeline(
        [("loud", FunctionTransformer(lambda texts: [t.upper() for t in texts])), ("end", SequenceClassifier(**SMALL))]
    )
    assert len(pipeline.fit(texts, labels).predict(texts[:3])) == 3


def test_joblib_brings_back_an_equal_model(fitted, tmp_path):
    joblib.dump(fitted, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.predict_proba(["a fine film"]), fitted.predict_proba(["a fine film"]))


def test_fit_leaves_random_numbers_and_threads_as_they_were():
    import random

    import torch

    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state(), torch.get_num_threads()
    SequenceClassifier(**SMALL).fit(*reviews())
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state(), torch.get_num_threads()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert before[3] == after[3]
