"""Cross-validation: every part is scored by a model that has not seen it."""

import numpy as np
import pytest
from classify_scenario import TINY, reviews
from forecast_scenario import TINY as TINY_FORECASTER
from forecast_scenario import wide

from ostinato import Forecaster, OstinatoError, SequenceClassifier


def test_every_text_is_scored_once_by_a_model_that_has_not_seen_it():
    texts, labels = reviews()
    classifier = SequenceClassifier(**TINY | {"epochs": 1})
    scores = classifier.cross_validate(texts, labels, folds=3)
    assert sum(table.count for table in scores.tables) == len(texts)
    accuracy = [table.rows["ostinato"]["accuracy"] for table in scores.tables]
    assert scores.mean.rows["ostinato"]["accuracy"] == pytest.approx(np.mean(accuracy))
    assert scores.mean.rows["ostinato"]["accuracy"] > scores.mean.rows["majority"]["accuracy"] + 0.02
    assert f"accuracy {100 * np.mean(accuracy):.4g} % ± {100 * np.std(accuracy, ddof=1):.2g}" in str(scores)
    with pytest.raises(OstinatoError, match="not fitted"):
        classifier.predict(texts)


def test_a_series_is_not_dealt_out():
    with pytest.raises(OstinatoError, match="the data of a Forecaster are one sequence, which is not dealt out"):
        Forecaster(**TINY_FORECASTER).cross_validate(wide())
