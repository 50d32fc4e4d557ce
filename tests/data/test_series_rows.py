"""Tables with one series a row, as the M competitions give them."""

import re

import numpy as np
import pandas as pd
import pytest

from ostinato.data import Panel, PanelSpec
from ostinato.errors import OstinatoError

LENGTHS = [12, 7, 9]


def of_m4(lengths=LENGTHS):
    """As M4's files: V1 is the name, the values start in V2 and end where the series does."""
    values = np.full((len(lengths), max(lengths)), np.nan)
    for row, length in enumerate(lengths):
        values[row, :length] = 10.0 * row + np.arange(length) ** 1.5
    table = pd.DataFrame(values, columns=[f"V{number + 2}" for number in range(max(lengths))])
    table.insert(0, "V1", [f"W{row + 1}" for row in range(len(lengths))])
    return table


def of_m5():
    """As M5's sales: names and places first, then the days."""
    days = {f"d_{day}": [day % 3, day % 4, day % 5] for day in range(1, 15)}
    return pd.DataFrame({"id": ["a_1", "a_2", "b_1"], "item_id": ["1", "2", "1"], "store_id": [*"aab"], **days})


def of_years():
    years = {str(year): [year * 1.0, year**0.5] for year in range(1990, 2003)}
    return pd.DataFrame({"Country Name": ["Chile", "Mali"], "Country Code": ["CHL", "MLI"], **years})


def refused(table, spec, *parts):
    with pytest.raises(OstinatoError, match=".*".join(map(re.escape, parts))) as caught:
        Panel.from_table(table, spec)
    assert "\n" not in str(caught.value)


def test_m4_is_one_series_a_row_and_a_note_says_so(tmp_path):
    of_m4().to_csv(tmp_path / "m4.csv", index=False)
    panel = Panel.from_table(tmp_path / "m4.csv")
    assert panel.ids.tolist() == ["W1", "W2", "W3"]
    assert panel.lengths.tolist() == LENGTHS
    assert panel.times[:12].tolist() == [*range(1, 13)]
    np.testing.assert_allclose(panel.target[12:19], 10 + np.arange(7) ** 1.5)
    note = "m4.csv holds one series a row: V1 names it, its values stand in V2 to V13 (layout='columns'"
    assert note in panel.notes[0]
    assert len(panel.notes) == 1


def test_m5_has_more_columns_of_names_which_static_takes():
    panel = Panel.from_table(of_m5(), PanelSpec(static=("store_id",)))
    assert panel.ids.tolist() == ["a_1", "a_2", "b_1"]
    assert panel.static[:, 0].tolist() == [0, 0, 1]
    assert panel.lengths.tolist() == [14] * 3
    assert "columns that are left out: item_id (static= takes them)" in panel.notes


def test_columns_called_as_years_are_times():
    panel = Panel.from_table(of_years())
    assert panel.ids.tolist() == ["Chile", "Mali"]
    assert panel.times[:3].tolist() == [1990, 1991, 1992]
    assert Panel.from_table(of_years(), PanelSpec(id="Country Code")).ids.tolist() == ["CHL", "MLI"]


@pytest.mark.parametrize(("spelling", "alias"), [("%Y-%m-%d", "MS"), ("%Y%m", "MS"), ("%d.%m.%Y", "MS")])
def test_columns_called_as_dates_are_times(spelling, alias):
    months = pd.date_range("2020-03-01", periods=18, freq="MS")
    table = pd.DataFrame(np.arange(36.0).reshape(2, 18) ** 2, columns=months.strftime(spelling))
    table.insert(0, "shop", ["north", "south"])
    panel = Panel.from_table(table)
    assert panel.frequency.alias == alias
    assert (panel.times[:18] == months.to_numpy()).all()
    backwards = Panel.from_table(table[["shop", *table.columns[:0:-1]]])
    np.testing.assert_array_equal(backwards.target, panel.target)


def test_series_begin_with_their_first_value_and_holes_are_imputed():
    table = of_m4([10, 10]).astype({"V2": object})
    table.loc[0, ["V2", "V3", "V6"]] = None
    panel = Panel.from_table(table)
    assert panel.lengths.tolist() == [8, 10]
    assert panel.times[:2].tolist() == [3, 4]
    assert np.flatnonzero(~panel.observed).tolist() == [2]


@pytest.mark.parametrize("table", [of_m4(), of_m5(), of_years()], ids=["M4", "M5", "years"])
def test_new_data_are_read_as_the_first_were(table):
    panel = Panel.from_table(table)
    assert panel.spec.layout == "rows"
    fewer = table.drop(columns=table.columns[-1]).iloc[:2]
    again = Panel.from_table(fewer, panel.spec)
    assert again.spec.layout == "rows"
    assert not any("one series a row" in note for note in again.notes)
    assert again.lengths[0] == panel.lengths[0] - 1


def test_what_may_be_something_else_is_read_in_columns_unless_told():
    days = pd.date_range("2024-01-01", periods=20)
    wide = pd.DataFrame({"day": days.astype(str), **{f"s{number}": np.arange(20.0) for number in range(8)}})
    assert len(Panel.from_table(wide)) == 8
    clock = wide.assign(day=[f"{hour:02}:00" for hour in range(20)]).rename(columns={"day": "time"})
    refused(clock, None, "column 'time'")
    few = of_m4([4, 4])
    assert len(Panel.from_table(few)) == 4
    assert Panel.from_table(few, PanelSpec(layout="rows")).lengths.tolist() == [4, 4]
    assert len(Panel.from_table(of_m4(), PanelSpec(layout="columns"))) == 12
    numbered = of_m4().assign(V1=[3, 5, 9])
    assert len(Panel.from_table(numbered)) == 13
    assert Panel.from_table(numbered, PanelSpec(layout="rows")).ids.tolist() == ["3", "5", "9"]
    named = pd.DataFrame({"unique_id": [1, 2], "a": [1.0, 2], "c": [2.0, 5], "b": [3.0, 7]})
    assert Panel.from_table(named, PanelSpec(layout="rows")).target.tolist() == [1, 2, 3, 2, 5, 7]


def test_damaged_rows_are_refused_with_their_place():
    rows = PanelSpec(layout="rows")
    twice = of_m4().assign(V1=["a", "b", "a"])
    refused(twice, rows, "row 2, column 'V1': 'a' was given before (row 0), and each series has one row: keep one")
    refused(of_m4().assign(V1=["a", None, "c"]), rows, "row 1, column 'V1': no id in this row")
    empty = of_m4()
    empty.iloc[1, 1:] = np.nan
    refused(empty, None, "row 1: no values in this row: remove it or fill it in")
    refused(of_m4().assign(V5=["1", "two", "3"]), None, "row 1, column 'V5': 'two' is not a number")
    refused(pd.DataFrame({"a": ["x"], "b": ["y"]}), rows, "no columns of numbers beside the names of the series")
    covariates = PanelSpec(layout="rows", past=("V3",))
    refused(of_m4(), covariates, "past is for tables of one row a time; one series a row (layout='rows') has none")
