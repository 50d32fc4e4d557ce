"""Settings that are wrong are told in one line that names the setting and what it may be."""

import pytest
from forecast_scenario import Leaky

from ostinato import (
    Chatbot,
    Forecaster,
    LanguageModel,
    OstinatoError,
    SequenceClassifier,
    Translator,
)
from ostinato.cells import CELLS, GRU
from ostinato.tasks import Estimator
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.registry import kinds

WRONG = [
    ({"horizn": 3}, r"no setting 'horizn' \(did you mean 'horizon'\?\)"),
    ({"zzz": 3}, r"no setting 'zzz' \(there are: .*horizon.*window.*\)"),
    ({"horizon": 0}, r"horizon = 0: .*greater than or equal to 1"),
    ({"horizon": "many"}, r"horizon = 'many': .*integer"),
    ({"window": 1}, r"window = 1: .*greater than or equal to 2"),
    ({"scaling": "robust"}, r"scaling = 'robust': .*'last', 'level', 'trend', 'standard', .* or 'none'"),
    ({"wiring": "transformer"}, r"wiring = 'transformer': .*'encoder_decoder' or 'many_to_one'"),
    ({"cell": "grux"}, rf"cell = 'grux': no cell 'grux'; choose one of {', '.join(CELLS)}, or give a Cell class"),
    ({"cell": int}, r"cell = <class 'int'>: .*subclass of Cell"),
    ({"quantiles": (0.1, 0.9)}, r"quantiles = \(0.1, 0.9\): .*contain 0.5"),
    ({"quantiles": (0.9, 0.5)}, r"quantiles .*rise strictly"),
    ({"quantiles": ()}, r"quantiles .*rise strictly"),
    ({"quantiles": (0.0, 0.5)}, r"quantiles .*between 0 and 1"),
    ({"quantiles": (0.5, float("nan"))}, r"quantiles .*finite"),
    ({"window": 10, "segment": 3}, r"window \(10\) must be a multiple of segment \(3\)"),
    ({"returns": "log", "scaling": "last"}, r"returns='log' models returns: .*scaling='difference'"),
    ({"wiring": "many_to_one", "decoding": "recurrent"}, r"decoding='recurrent' belongs to .*'encoder_decoder'"),
    ({"dropout": 1.0}, r"dropout = 1.0: .*less than 1"),
    ({"learning_rate": float("inf")}, r"learning_rate = inf: .*finite"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_setting_is_named_with_its_choices_in_one_line(wrong, message):
    with pytest.raises(OstinatoError, match=message) as caught:
        Forecaster(**wrong)
    assert str(caught.value).startswith("Forecaster: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("estimator", [LanguageModel, SequenceClassifier, Translator, Chatbot])
@pytest.mark.parametrize("choosing", [{"vocabulary_size": 300}, {"min_count": 2}], ids=str)
def test_what_would_choose_among_bytes_is_refused(estimator, choosing):
    with pytest.raises(OstinatoError, match=r"tokenizer='byte' always has all 256 bytes: leave .*min_count out"):
        estimator(tokenizer="byte", **choosing)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(OstinatoError, match=r"horizon = 0: .*; .*no setting 'colour'"):
        Forecaster(horizon=0, colour="red")


def test_settings_are_frozen_and_every_one_is_described():
    with pytest.raises(ValueError, match="frozen"):
        Forecaster().settings.horizon = 3
    for name, field in ForecasterSettings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"returns": "log"},
        {"wiring": "many_to_one"},
        {"target": "a,b", "past": ("wind",), "quantiles": [0.2, 0.5]},
        {"window": 24, "segment": 4, "season_length": 7, "frequency": "h", "cell": "lstm_gru"},
    ],
    ids=str,
)
def test_settings_survive_json(chosen):
    before = Forecaster(**chosen).settings
    assert Forecaster(**before.model_dump(mode="json")).settings == before


def test_log_returns_are_differences():
    assert Forecaster(season_length="24,168").settings.seasons == (24, 168)
    assert Forecaster(returns="log").settings.scaling == "difference"
    assert Forecaster().settings.scaling == "level"


def test_columns_may_be_given_as_one_text_with_commas():
    assert Forecaster(past="wind,rain").settings.past == ("wind", "rain")
    assert Forecaster(past="").settings.past == ()


def test_a_cell_class_is_taken_and_named_in_json():
    assert Forecaster(cell=Leaky).settings.cell is Leaky
    assert Forecaster(cell=GRU).settings.model_dump(mode="json")["cell"] == "GRU (your own)"


def test_every_estimator_keeps_the_contract_and_is_found_by_its_name():
    for name, entry in kinds().items():
        kind = entry.load()
        assert kind.__name__ == name
        assert issubclass(kind, Estimator)
        assert not kind.__abstractmethods__


@pytest.mark.parametrize("method", ["predict", "evaluate", "save"])
def test_an_estimator_that_is_not_fitted_says_so(method, tmp_path):
    with pytest.raises(OstinatoError, match="not fitted: call fit"):
        getattr(Forecaster(), method)(tmp_path)
    with pytest.raises(OstinatoError, match="not fitted: call fit"):
        Forecaster().stream()
