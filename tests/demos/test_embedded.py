import numpy as np
import pytest

from ostinato.data import Panel
from ostinato.demos.data import EMBEDDED, load_embedded
from ostinato.errors import OstinatoError


def test_co2_is_weekly_with_59_weeks_missing():
    panel = Panel.from_table(load_embedded("co2"))
    assert (len(panel.times), panel.frequency.alias, panel.frequency.season_length) == (2284, "W-SAT", 52)
    assert panel.notes == ("59 of 2284 values of co2 are missing: imputed and flagged",)
    assert (~panel.observed).sum() == 59
    assert panel.target[[0, -1]].tolist() == [316.1, 371.5]


def test_sunspots_are_yearly_whole_numbers():
    panel = Panel.from_table(load_embedded("sunspots"))
    np.testing.assert_array_equal(panel.times, np.arange(1700, 2009))
    assert panel.notes == ()


def test_every_embedded_series_names_its_source_and_others_are_refused():
    assert all(entry.description and entry.source for entry in EMBEDDED.values())
    with pytest.raises(OstinatoError, match="choose one of co2, sunspots"):
        load_embedded("airline")
