import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import Panel, PanelSpec
from ostinato.errors import OstinatoError


def long(**columns):
    """Two daily series, of 6 and 4 days."""
    days = pd.date_range("2020-01-01", periods=6)
    frame = pd.DataFrame({"unique_id": ["a"] * 6 + ["b"] * 4, "ds": [*days, *days[:4]], "y": np.arange(10.0) ** 2})
    return frame.assign(**columns)


def refused(frame, spec, *parts):
    with pytest.raises(OstinatoError, match=".*".join(map(re.escape, parts))) as caught:
        Panel.from_table(frame, spec)
    assert "\n" not in str(caught.value)


class TestLayouts:
    def test_a_long_table_with_nixtla_names_needs_no_specification(self):
        panel = Panel.from_table(long())
        assert panel.ids.tolist() == ["a", "b"]
        assert panel.offsets.tolist() == [0, 6, 10]
        assert panel.lengths.tolist() == [6, 4]
        assert panel.frequency.alias == "D"
        np.testing.assert_array_equal(panel.target, np.arange(10.0) ** 2)
        np.testing.assert_array_equal(panel.times[6:], pd.date_range("2020-01-01", periods=4).to_numpy())
        assert panel.observed.all()
        assert panel.notes == ()
        assert (panel.past.shape, panel.future.shape, panel.static.shape) == ((10, 0), (10, 0), (2, 0))

    def test_named_columns_are_taken_and_rows_of_series_may_be_interleaved(self):
        frame = long().rename(columns={"unique_id": "shop", "ds": "day", "y": "sales"})
        spec = PanelSpec(id="shop", time="day", target="sales")
        panel = Panel.from_table(frame.sort_values(["day", "shop"]), spec)
        np.testing.assert_array_equal(panel.target, np.arange(10.0) ** 2)
        assert (panel.names.id, panel.names.time, panel.names.target) == ("shop", "day", "sales")

    def test_a_wide_table_is_one_series_for_each_column_of_numbers(self):
        frame = pd.DataFrame(
            {"when": pd.date_range("2020", periods=3), "a": [1, 2, 3], "word": "x", "b": [4.0, 5.0, 6.5]}
        )
        panel = Panel.from_table(frame)
        assert panel.ids.tolist() == ["a", "b"]
        assert panel.names.time == "when"
        np.testing.assert_array_equal(panel.target, [1, 2, 3, 4, 5, 6.5])
        assert panel.notes == ("columns without numbers are left out: word",)

    def test_a_column_of_numbers_with_one_wrong_text_is_not_left_out_in_silence(self):
        frame = pd.DataFrame({"date": pd.date_range("2020", periods=3), "a": ["1", "2", "three"]})
        refused(frame, None, "row 2, column 'a': 'three' is not a number")

    def test_one_series_is_a_wide_table_of_one_column(self):
        panel = Panel.from_table(pd.DataFrame({"year": [1700, 1701, 1702], "y": [5, 11, 16], "other": [1, 2, 3]}))
        assert (panel.ids.tolist(), panel.frequency.alias, panel.times.tolist()) == (["y"], "1", [1700, 1701, 1702])

    def test_covariates_of_a_wide_table_are_shared_by_its_series(self):
        frame = pd.DataFrame(
            {
                "date": pd.date_range("2020", periods=3),
                "a": [1, 2, 3],
                "b": [4, 5, 6],
                "heat": [7, 8, 9],
                "zone": "north",
            }
        )
        panel = Panel.from_table(frame, PanelSpec(past=("heat",), static=("zone",)))
        np.testing.assert_array_equal(panel.past[:, 0], [7, 8, 9, 7, 8, 9])
        np.testing.assert_array_equal(panel.static[:, 0], [0, 0])
        assert panel.names.categories == {"zone": ("north",)}

    def test_without_a_time_column_rows_are_steps_and_a_note_says_so(self):
        panel = Panel.from_table(pd.DataFrame({"unique_id": ["a", "a", "b", "b"], "y": [1.0, 2.0, 3.0, 4.0]}))
        assert panel.times.tolist() == [0, 1, 0, 1]
        assert panel.notes == ("the DataFrame has no time column: its rows are steps 0, 1, 2, ...",)

    def test_the_same_panel_comes_from_a_frame_a_csv_file_and_a_parquet_file(self, tmp_path):
        frame = long(price=np.arange(10) / 8, kind=["x"] * 6 + ["y"] * 4)
        frame.loc[3, "y"] = np.nan
        spec = PanelSpec(past=("price",), static=("kind",))
        frame.to_csv(tmp_path / "a.csv", index=False)
        frame.to_parquet(tmp_path / "a.parquet")
        first = Panel.from_table(frame, spec)
        for source in (tmp_path / "a.csv", str(tmp_path / "a.parquet")):
            other = Panel.from_table(source, spec)
            for name in ("ids", "offsets", "times", "target", "observed", "past", "past_observed", "static"):
                np.testing.assert_array_equal(getattr(first, name), getattr(other, name), err_msg=name)
            assert other.notes == first.notes

    @pytest.mark.parametrize(
        ("spec", "parts"),
        [
            (PanelSpec(target="sales"), ["no column 'sales'", "(columns: unique_id, ds, y, price)"]),
            (PanelSpec(past=("pric",)), ["no column 'pric'; did you mean 'price'?"]),
            (PanelSpec(target="y", future=("y",)), ["column 'y': named for two parts"]),
            (PanelSpec(target=("y", "price")), ["a table with an id column has one target, not 2"]),
            (PanelSpec(past=("y",), target="price", future=("ds",), time="ds"), ["column 'ds': named for two parts"]),
        ],
    )
    def test_a_specification_that_does_not_fit_the_table_is_refused(self, spec, parts):
        refused(long(price=1.0), spec, *parts)

    def test_nothing_to_forecast_is_refused(self):
        refused(pd.DataFrame({"ds": pd.date_range("2020", periods=3), "word": "x"}), None, "no column of numbers")
        refused(long(z=1.0).rename(columns={"y": "x"}), None, "several columns could be the target (x, z)")


class TestTimes:
    def test_absent_times_become_missing_rows_and_a_note_names_the_first(self):
        panel = Panel.from_table(long().drop(index=[2, 7]))
        assert panel.lengths.tolist() == [6, 4]
        np.testing.assert_array_equal(np.flatnonzero(~panel.observed), [2, 7])
        np.testing.assert_array_equal(panel.target[[2, 7]], [1, 36])
        assert panel.notes == (
            "2 times are absent (first: 2020-01-03 of series 'a'): inserted as missing",
            "2 of 10 values of y are missing: imputed and flagged",
        )

    def test_the_frequency_of_the_specification_overrides_the_inferred_one(self):
        frame = pd.DataFrame({"ds": pd.date_range("2020-01-06", periods=5), "y": np.arange(5.0)})
        assert Panel.from_table(frame, PanelSpec(frequency="12h")).lengths.tolist() == [9]

    @pytest.mark.parametrize(
        ("order", "note"),
        [
            ([5, 4, 3, 2, 1, 0, 9, 8, 7, 6], "rows stand newest first"),
            ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "rows stand newest first"),
            ([0, 1, 3, 2, 4, 5, 6, 9, 7, 8], "2 rows stand after later ones"),
        ],
    )
    def test_rows_are_read_in_the_order_of_time_and_a_note_says_so(self, order, note):
        frame = long(price=np.arange(10.0) % 3)
        spec = PanelSpec(target="y", past=("price",))
        panel, sorted_ = Panel.from_table(frame.iloc[order], spec), Panel.from_table(frame, spec)
        pd.testing.assert_frame_equal(
            panel.to_frame().sort_values(["unique_id", "ds"], ignore_index=True), sorted_.to_frame()
        )
        assert panel.notes == (f"{note}: they are read in the order of ds",)

    def test_a_wide_table_and_one_with_offsets_are_read_newest_first_too(self):
        hours = pd.date_range("2024-10-26 12:00", periods=40, freq="h", tz="Europe/Berlin")
        wide = pd.DataFrame({"ds": hours, "a": np.arange(40.0), "b": np.arange(40.0) ** 2})
        panel = Panel.from_table(wide.iloc[::-1])
        np.testing.assert_array_equal(panel.target, Panel.from_table(wide).target)
        assert "rows stand newest first: they are read in the order of ds" in panel.notes

    def test_the_two_hours_of_a_clock_set_back_stay_in_their_order(self):
        hours = pd.date_range("2024-10-26 12:00", periods=40, freq="h", tz="Europe/Berlin").tz_localize(None)
        frame, spec = pd.DataFrame({"ds": hours, "y": np.arange(40.0)}), PanelSpec(zone="Europe/Berlin")
        panel = Panel.from_table(frame.iloc[::-1], spec)
        np.testing.assert_array_equal(panel.target, np.arange(40.0))
        assert panel.notes == ("rows stand newest first: they are read in the order of ds",)

    def test_repeated_times_are_refused_with_both_rows(self):
        frame = long()
        twice = pd.concat([frame.iloc[:3], frame.iloc[2:]])
        refused(twice, None, "row 3, column 'ds': 2020-01-03 was given before for series 'a' (row 2)", "keep one row")
        refused(twice.iloc[::-1], None, "row 8, column 'ds': 2020-01-03 was given before for series 'a' (row 7)")
        refused(frame.drop(columns="unique_id"), PanelSpec(target="y"), "row 6, column 'ds'", "was given before")
        both = pd.DataFrame({"ds": ["2020-01-01"] * 2, "y": [1, 2]})
        refused(both, None, "or name the id column if the table holds several series")

    def test_a_file_names_lines_and_not_rows(self, tmp_path):
        (tmp_path / "a.csv").write_text("ds,y\n2020-01-02,1\n2020-01-03,2\n2020-01-03,3\n")
        refused(tmp_path / "a.csv", None, "a.csv, line 4, column 'ds': 2020-01-03 was given before", "(line 3)")

    def test_a_time_off_the_grid_is_refused(self):
        frame = long()
        frame.loc[8, "ds"] = pd.Timestamp("2020-01-03 05:00")
        refused(
            frame, None, "row 8, column 'ds': 2020-01-03 05:00:00 of series 'b' is off the regular grid (frequency 'D'"
        )

    def test_a_time_so_far_away_that_nearly_all_rows_would_be_missing_is_refused(self):
        frame = long()
        frame.loc[5, "ds"] = pd.Timestamp("2200-01-01")
        refused(frame, None, "row 5, column 'ds'", "nearly all rows would be missing")

    def test_a_frequency_of_another_kind_than_the_times_is_refused(self):
        refused(long(), PanelSpec(frequency="1"), "column 'ds': frequency '1' does not fit times that are dates")
        numbers = pd.DataFrame({"year": [1, 2], "y": [1, 2]})
        refused(numbers, PanelSpec(frequency="D"), "does not fit times that are whole numbers")

    def test_a_row_without_an_id_is_refused(self):
        refused(long(unique_id=["a"] * 6 + ["b", " ", None, "b"]), None, "row 7, column 'unique_id': no id in this row")


class TestTheTimeColumn:
    """Is found by its name, its dates and distinct values."""

    HOURS = pd.date_range("2016-10-02 09:00", periods=60, freq="h").strftime("%Y-%m-%d %H:%M:%S")

    def test_a_month_beside_a_date_and_time_is_none(self):
        frame = pd.DataFrame({"month": [10] * 60, "date_time": self.HOURS, "traffic": np.arange(60.0)})
        panel = Panel.from_table(frame, PanelSpec(target="traffic"))
        assert panel.names.time == "date_time"
        assert "times are those of date_time, not of month: time='month' says otherwise" in panel.notes

    def test_dates_under_any_name_come_before_parts_of_the_year(self):
        frame = pd.DataFrame({"week": range(60), "messung": self.HOURS, "y": np.arange(60.0)})
        assert Panel.from_table(frame).names.time == "messung"

    def test_a_usual_name_comes_first_where_its_values_are_distinct(self):
        frame = pd.DataFrame({"born": self.HOURS, "Time": range(60), "y": np.arange(60.0)})
        assert Panel.from_table(frame).names.time == "Time"
        assert Panel.from_table(frame.assign(Time=[*range(30)] * 2)).names.time == "born"

    @pytest.mark.parametrize("part", ["month", "quarter", "day"])
    def test_an_error_of_times_says_which_column_was_taken_for_them(self, part):
        frame = pd.DataFrame({part: [1] * 5 + [2] * 5, "y": np.arange(10.0)})
        refused(
            frame, None, "row 1", "was given before", f"({part} was taken for the time column; --time names another)"
        )
        with pytest.raises(OstinatoError) as caught:
            Panel.from_table(frame, PanelSpec(time=part))
        assert "was taken" not in str(caught.value)

    def test_where_no_values_are_distinct_dates_are_taken(self):
        frame = pd.DataFrame({"time": [*range(30)] * 2, "when": [*self.HOURS[:30]] * 2, "y": np.arange(60.0)})
        refused(frame, None, "row 30, column 'when'", "was given before", "when was taken for the time column")

    def test_values_need_only_be_distinct_within_a_series(self):
        panel = Panel.from_table(long(created=pd.Timestamp("2024-01-01"), month=1))
        assert panel.names.time == "ds"
        frame = long(month=1).rename(columns={"ds": "tag"})
        assert Panel.from_table(frame, PanelSpec(target="y")).names.time == "tag"

    def test_calendar_codes_are_dates_without_a_usual_name(self):
        codes = [202011, 202012, 202101, 202102]
        panel = Panel.from_table(pd.DataFrame({"monat": codes, "y": [1.0, 2, 3, 4]}))
        assert panel.names.time == "monat"
        assert str(panel.times[2])[:7] == "2021-01"
        counted = Panel.from_table(pd.DataFrame({"sold": [200123, 312009, 250013, 199999], "y": [1.0, 2, 3, 4]}))
        assert counted.names.time is None

    def test_series_below_each_other_are_told_apart_by_a_column_that_the_message_names(self):
        frame = long(place=["a"] * 6 + ["b"] * 4, level=np.arange(10.0) % 2).drop(columns="unique_id")
        spec = PanelSpec(target="y")
        refused(frame, spec, "row 6, column 'ds'", "which place tells apart: say id='place' (--id place)")
        days = frame.sort_values("ds", kind="stable")
        refused(days, spec, "row 1, column 'ds'", "was given before", "say id='place' (--id place)")
        refused(days.iloc[::-1], spec, "row 1, column 'ds'", "say id='place' (--id place)")
        refused(frame.drop(columns="place"), spec, "keep one row, or name the id column", "(--id)")
        twice = frame[:6].iloc[[0, 1, 2, 2, 3]].assign(level=0)
        refused(twice, spec, "row 3", "was given before", "keep one row, or name the id column")

    def test_dates_and_times_of_day_in_two_columns_are_to_be_joined(self):
        hours = pd.date_range("2024-01-01", periods=40, freq="6h")
        frame = pd.DataFrame({"Date": hours.date, "Time": hours.strftime("%H:%M"), "y": np.arange(40.0)})
        refused(frame, None, "row 1, column 'Date'", "join Date and Time into one column of dates and times")
        days = pd.date_range("2024-01-01", periods=60)
        parts = pd.DataFrame({"year": 2024, "month": days.month, "day": days.day, "y": np.arange(60.0)})
        refused(parts, None, "row 31, column 'day'", "join day and month into one column")

    def test_an_hour_given_twice_may_be_one_of_a_clock_that_was_set_back(self):
        hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin").tz_localize(None)
        refused(
            pd.DataFrame({"ds": hours, "y": np.arange(60.0)}), None, "row 27", "or the zone if a clock was set back"
        )


class TestMissingValues:
    def test_missing_targets_take_the_last_value_before_them_and_leading_ones_the_first_after(self):
        nan = np.nan
        panel = Panel.from_table(long(y=[nan, nan, 3, nan, nan, 6, nan, 8, nan, 9]))
        np.testing.assert_array_equal(panel.target, [3, 3, 3, 3, 3, 6, 8, 8, 8, 9])
        np.testing.assert_array_equal(panel.observed, [0, 0, 1, 0, 0, 1, 0, 1, 0, 1])
        assert "6 of 10 values of y are missing: imputed and flagged" in panel.notes

    def test_past_covariates_are_imputed_alike_and_are_nought_where_a_series_has_none(self):
        nan = np.nan
        panel = Panel.from_table(long(heat=[nan, 1, nan, 3, nan, nan] + [nan] * 4), PanelSpec(past=("heat",)))
        np.testing.assert_array_equal(panel.past[:, 0], [1, 1, 1, 3, 3, 3, 0, 0, 0, 0])
        np.testing.assert_array_equal(panel.past_observed[:, 0], [0, 1, 0, 1, 0, 0, 0, 0, 0, 0])

    def test_a_series_without_any_target_is_refused(self):
        refused(long(y=[1.0] * 6 + [np.nan] * 4), None, "series 'b' has no value of its target")
        refused(
            long(y=[1.0] * 6 + [np.nan] * 4, p=1.0), PanelSpec(future=("p",)), "series 'b' has no value of its target"
        )

    def test_future_covariates_must_be_complete_and_on_every_step(self):
        spec = PanelSpec(future=("price",))
        refused(long(price=[1.0, np.nan] * 5), spec, "row 1, column 'price': a covariate that is known into the future")
        gap = long(price=1.0).drop(index=7)
        refused(gap, spec, "no row for 2020-01-02 of series 'b', and the covariate 'price' must be known at every step")

    @pytest.mark.parametrize("future", [(), ("price",)])
    def test_rows_after_the_last_target_of_a_series_are_the_future(self, future):
        frame = long(price=np.arange(10.0))
        frame.loc[[4, 5, 9], "y"] = np.nan
        panel = Panel.from_table(frame, PanelSpec(target="y", future=future))
        assert panel.lengths.tolist() == [4, 3]
        assert panel.notes == ("3 rows after the end of y are the future: set aside",)

    def test_rows_after_the_last_target_of_all_series_are_the_future_of_a_wide_table(self):
        nan = np.nan
        frame = pd.DataFrame(
            {"ds": pd.date_range("2024", periods=5), "a": [1, 2, 3, nan, nan], "b": [1, nan, 2, 4, nan]}
        )
        panel = Panel.from_table(frame)
        assert panel.lengths.tolist() == [4, 4]
        np.testing.assert_array_equal(panel.target, [1, 2, 3, 3, 1, 1, 2, 4])
        assert str(panel.ahead(1).times[0])[:10] == "2024-01-05"

    def test_a_gap_before_the_last_target_is_no_future(self):
        frame = long()
        frame.loc[[2, 3, 4], "y"] = np.nan
        assert Panel.from_table(frame).lengths.tolist() == [6, 4]

    def test_constant_series_are_noted(self):
        assert Panel.from_table(long(y=[2.0] * 6 + [1.0, 2, 3, 4])).notes == (
            "1 of 2 series are constant (first: 'a'): nothing to learn",
        )

    @settings(max_examples=60, deadline=None)
    @given(
        lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
        data=st.data(),
    )
    def test_imputation_is_the_plain_loop_over_each_series(self, lengths, data):
        rows = [
            (f"s{i}", t, data.draw(st.none() | st.floats(-9, 9)) if t else 1.0)
            for i, n in enumerate(lengths)
            for t in range(n)
        ]
        frame = pd.DataFrame(rows, columns=["unique_id", "step", "y"]).astype({"y": float})
        panel = Panel.from_table(frame, PanelSpec(frequency="1"))
        frame = frame[frame.groupby("unique_id", sort=False)["y"].bfill().notna()]  # what comes after is the future
        expected = frame.groupby("unique_id", sort=False)["y"].ffill()
        np.testing.assert_array_equal(panel.target, expected)
        np.testing.assert_array_equal(panel.observed, frame["y"].notna())


class TestHolidays:
    """Weekdays without a row in any series."""

    DAYS = pd.bdate_range("2024-01-01", periods=120)
    OFF = (20, 41, 42, 100)

    def prices(self, *names, off=OFF):
        frames = [pd.DataFrame({"unique_id": name, "ds": self.DAYS, "y": np.arange(120.0) ** 2}) for name in names]
        return pd.concat([frame.drop(index=list(off)) for frame in frames], ignore_index=True)

    @pytest.mark.parametrize("names", [["a"], ["a", "b"]])
    def test_are_flagged_and_a_note_of_their_own_counts_them(self, names):
        panel = Panel.from_table(self.prices(*names))
        assert panel.frequency.alias == "B"
        assert np.flatnonzero(~panel.observed[:120]).tolist() == list(self.OFF)
        assert panel.notes == (
            "4 weekdays have no row (holidays? first: 2024-01-29): they are flagged, and neither learned from nor "
            "scored",
        )

    def test_are_told_from_days_that_one_series_lacks_and_from_values_that_are_missing(self):
        frame = self.prices("a", "b").drop(index=7)
        frame.loc[[50, 60], "y"] = np.nan
        assert [note.split(" (")[0] for note in Panel.from_table(frame).notes] == [
            "4 weekdays have no row",
            "1 times are absent",
            "3 of 240 values of y are missing: imputed and flagged",
        ]

    def test_are_few(self):
        notes = Panel.from_table(self.prices("a", off=range(10, 100, 11))).notes
        assert notes[0].startswith("9 times are absent")

    def test_need_no_covariates_that_are_known_into_the_future(self):
        frame = self.prices("a").assign(price=lambda table: np.arange(len(table)) // 7)
        panel = Panel.from_table(frame, PanelSpec(target="y", future=("price",)))
        assert (panel.future[list(self.OFF)] == panel.future[[19, 40, 40, 99]]).all()
        gap = pd.concat([frame, frame.assign(unique_id="b").drop(index=50)])
        refused(
            gap, PanelSpec(target="y", future=("price",)), "no row for 2024-03-", "'b'", "must be known at every step"
        )


class TestStaticColumns:
    def test_text_becomes_codes_of_sorted_categories_and_numbers_stay_numbers(self):
        frame = long(kind=["shop"] * 6 + ["kiosk"] * 4, area=[3.5] * 6 + [7.0] * 4)
        panel = Panel.from_table(frame, PanelSpec(static=("kind", "area")))
        np.testing.assert_array_equal(panel.static, [[1, 3.5], [0, 7]])
        assert panel.names.categories == {"kind": ("kiosk", "shop")}

    def test_new_data_get_the_same_codes_and_an_unseen_category_is_refused(self):
        panel = Panel.from_table(long(kind=["shop"] * 6 + ["kiosk"] * 4), PanelSpec(static=("kind",)))
        shops = Panel.from_table(long(kind="shop"), panel.spec)
        np.testing.assert_array_equal(shops.static, [[1], [1]])
        new = long(kind=["shop"] * 6 + ["stall"] * 4)
        refused(new, panel.spec, "row 6, column 'kind': 'stall' was not there in training (known: kiosk, shop)")

    def test_a_static_column_that_changes_or_lacks_a_value_is_refused(self):
        spec = PanelSpec(static=("kind",))
        refused(
            long(kind=["x"] * 8 + ["z"] * 2), spec, "row 8, column 'kind': a static column changes within series 'b'"
        )
        refused(long(kind=["x"] * 6 + [None] * 4), spec, "row 6, column 'kind': a static value is missing")
        refused(long(kind=[1.0] * 6 + [np.nan] * 4), spec, "row 6, column 'kind': a static value is missing")


class TestMethods:
    def test_a_series_is_a_view(self):
        panel = Panel.from_table(long(p=1.0, s=[1] * 6 + [2] * 4), PanelSpec(past=("p",), static=("s",)))
        second = panel.series(1)
        assert (len(panel), len(second), second.ids.tolist(), second.offsets.tolist()) == (2, 1, ["b"], [0, 4])
        np.testing.assert_array_equal(second.target, [36, 49, 64, 81])
        np.testing.assert_array_equal(second.static, [[2]])
        assert np.shares_memory(second.target, panel.target)
        with pytest.raises(IndexError):
            panel.series(2)

    def test_split_by_rows_holds_out_the_last_rows_of_each_series(self):
        before, rest = Panel.from_table(long()).split(rows=3)
        assert (before.lengths.tolist(), rest.lengths.tolist()) == ([3, 1], [3, 3])
        np.testing.assert_array_equal(rest.target, [9, 16, 25, 49, 64, 81])
        with pytest.raises(OstinatoError, match="series 'b' has 4 rows, and holding out its last 4 needs 5"):
            Panel.from_table(long()).split(rows=4)

    def test_split_by_time_may_leave_a_series_empty(self):
        panel = Panel.from_table(long())
        assert (
            panel.split(at="2020-01-05T00:00+01:00")[0].lengths.tolist()
            == panel.split(at="2020-01-05")[0].lengths.tolist()
        )
        before, rest = Panel.from_table(long()).split(at="2020-01-05")
        assert (before.lengths.tolist(), rest.lengths.tolist()) == ([4, 4], [2, 0])
        with pytest.raises(OstinatoError, match="is not a date or time"):
            before.split(at="soon")
        numbers = Panel.from_table(pd.DataFrame({"year": [1, 2, 3], "y": [1.0, 2.0, 4.0]}))
        assert numbers.split(at=3)[0].lengths.tolist() == [2]
        with pytest.raises(OstinatoError, match="is not a whole number"):
            numbers.split(at="2020-01-01")
        with pytest.raises(ValueError, match="either rows or at"):
            numbers.split()

    def test_tail_and_extend_undo_a_split(self):
        panel = Panel.from_table(long())
        before, rest = panel.split(rows=2)
        joined = before.extend(rest)
        for name in ("offsets", "times", "target", "observed", "past", "future"):
            np.testing.assert_array_equal(getattr(joined, name), getattr(panel, name), err_msg=name)
        assert panel.tail(5).lengths.tolist() == [5, 4]
        np.testing.assert_array_equal(panel.tail(2).target, rest.target)

    def test_require_names_the_shortest_series_and_both_numbers(self):
        panel = Panel.from_table(long())
        panel.require(4, "this")
        message = "series 'b' has 4 rows, and a window of 3 and a horizon of 2 needs 5"
        with pytest.raises(OstinatoError, match=message):
            panel.require(5, "a window of 3 and a horizon of 2")

    def test_to_frame_and_back_is_the_same_panel(self):
        frame = long(p=np.arange(10.0), f=1.0 * np.arange(10), s=["u"] * 6 + ["v"] * 4)
        frame.loc[[2, 7], ["y", "p"]] = np.nan
        spec = PanelSpec(past=("p",), future=("f",), static=("s",))
        panel = Panel.from_table(frame, spec)
        pd.testing.assert_frame_equal(panel.to_frame(), frame, check_dtype=False)
        again = Panel.from_table(panel.to_frame(), panel.spec)
        np.testing.assert_array_equal(again.target, panel.target)
        np.testing.assert_array_equal(again.observed, panel.observed)

    def test_the_specification_survives_json(self):
        panel = Panel.from_table(long(s=["u"] * 6 + ["v"] * 4), PanelSpec(static=("s",)))
        assert PanelSpec.model_validate_json(panel.spec.model_dump_json()) == panel.spec
        wide = Panel.from_table(pd.DataFrame({"year": [1, 2, 3], "a": [1.0, 2, 4], "b": [2.0, 1, 0]}))
        assert wide.spec.target == ("a", "b")
        assert wide.spec.frequency == "1"


class TestAhead:
    def test_the_rows_ahead_follow_each_series_and_hold_no_target(self):
        ahead = Panel.from_table(long()).ahead(2)
        assert ahead.offsets.tolist() == [0, 2, 4]
        assert [str(t)[:10] for t in ahead.times] == ["2020-01-07", "2020-01-08", "2020-01-05", "2020-01-06"]
        assert np.isnan(ahead.target).all()
        assert not ahead.observed.any()

    def test_future_covariates_come_from_the_same_table_or_another_one_in_any_order(self):
        frame = long(price=np.arange(10.0))
        frame.loc[[4, 5, 9], "y"] = np.nan
        spec = PanelSpec(future=("price",))
        panel = Panel.from_table(frame, spec)
        np.testing.assert_array_equal(panel.ahead(1, frame).future[:, 0], [4, 9])
        np.testing.assert_array_equal(panel.ahead(1, frame.iloc[::-1].drop(columns="y")).future[:, 0], [4, 9])

    def test_a_wide_table_gives_its_covariates_to_every_series(self):
        frame = pd.DataFrame(
            {
                "date": pd.date_range("2020", periods=5),
                "a": [1, 2, 3, None, None],
                "b": [4, 5, 7, None, None],
                "f": range(5),
            }
        )
        panel = Panel.from_table(frame, PanelSpec(future=("f",)))
        np.testing.assert_array_equal(panel.ahead(2, frame).future[:, 0], [3, 4, 3, 4])

    def test_steps_without_their_covariates_are_refused(self):
        frame = long(price=np.arange(10.0))
        panel = Panel.from_table(frame, PanelSpec(future=("price",)))
        later = pd.DataFrame(
            {"unique_id": ["a", "b", "b"], "ds": ["2020-01-07", "2020-01-05", "2020-01-05"], "price": 1.0}
        )
        with pytest.raises(OstinatoError, match="the covariates price are known into the future: give a table"):
            panel.ahead(1)
        with pytest.raises(OstinatoError, match="row 2, column 'ds': 2020-01-05 appears twice"):
            panel.ahead(1, later)
        with pytest.raises(OstinatoError, match="no row for 2020-01-08 of series 'a'"):
            panel.ahead(2, later.iloc[:2])
        with pytest.raises(OstinatoError, match=r"row 1, column 'price'.*has no value"):
            panel.ahead(1, later.iloc[:2].assign(price=[1.0, np.nan]))
        with pytest.raises(OstinatoError, match="no column 'price'"):
            panel.ahead(1, later.drop(columns="price"))
        with pytest.raises(OstinatoError, match="another kind"):
            panel.ahead(1, later.iloc[:2].assign(ds=[7, 5]))


class TestZones:
    def panel(self, times, **spec):
        return Panel.from_table(pd.DataFrame({"ds": times, "y": np.arange(float(len(times)))}), PanelSpec(**spec))

    @pytest.mark.parametrize(
        ("zone", "frequency", "start"),
        [
            ("America/New_York", "D", "2024-03-01"),
            ("Europe/Berlin", "D", "2024-10-01"),
            ("Asia/Tokyo", "B", "2024-01-01"),
            ("America/New_York", "B", "2024-03-01 16:00"),
            ("Europe/Berlin", "MS", "2024-01-01"),
            ("Europe/Berlin", "W-SUN", "2024-02-01"),
            ("Europe/Berlin", "h", "2024-10-26"),
            ("America/New_York", "30min", "2024-03-09"),
        ],
    )
    def test_the_grid_is_the_one_of_the_clock_on_the_wall_and_keeps_its_zone(self, zone, frequency, start):
        times = pd.date_range(start, periods=80, freq=frequency, tz=zone)
        panel = self.panel(times[:60])
        assert panel.frequency.alias == frequency
        assert panel.observed.all()
        later = panel.ahead(20)
        assert list(later.clock.written(later.times)) == list(times[60:])
        assert list(panel.to_frame()["ds"]) == list(times[:60])
        again = Panel.from_table(panel.to_frame(), panel.spec)
        np.testing.assert_array_equal(again.times, panel.times)
        assert str(again.ahead(1).times[0]) == str(later.times[0])

    @pytest.mark.parametrize("frequency", ["D", "B", "MS", "h"])
    def test_text_with_the_offsets_of_a_zone_is_read_as_its_times_are(self, frequency):
        times = pd.date_range("2024-03-01", periods=900 if frequency == "h" else 60, freq=frequency, tz="Europe/Berlin")
        texts = times.map(str)
        assert self.panel(texts).frequency.alias == frequency
        named = self.panel(texts, zone="Europe/Berlin")
        np.testing.assert_array_equal(named.times, self.panel(times).times)
        bare = times.tz_localize(None)
        np.testing.assert_array_equal(self.panel(bare, zone="Europe/Berlin").times, named.times)

    def test_hours_of_several_offsets_are_those_of_utc_and_written_so(self):
        panel = self.panel(pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin").map(str))
        assert panel.spec.zone == "UTC"
        assert str(panel.to_frame()["ds"][0]) == "2024-03-29 23:00:00+00:00"

    def test_a_time_to_split_at_is_one_of_the_zone(self):
        panel = self.panel(pd.date_range("2024-03-30", periods=60, freq="h", tz="Europe/Berlin"))
        for at in ("2024-03-31 03:00", "2024-03-31T01:00Z", pd.Timestamp("2024-03-31 03:00", tz="Europe/Berlin")):
            assert panel.split(at=at)[0].lengths.tolist() == [26]
        with pytest.raises(OstinatoError, match="is not a date or time"):
            panel.split(at="2024-03-31 02:30")  # an hour that was left out

    def test_covariates_to_come_are_found_by_their_local_time(self):
        times = pd.date_range("2024-03-20", periods=20, tz="Europe/Berlin")
        frame = pd.DataFrame({"ds": times, "y": [1.0] * 15 + [np.nan] * 5, "plan": np.arange(20.0)})
        panel = Panel.from_table(frame, PanelSpec(target="y", future=("plan",)))
        naive = frame.assign(ds=times.tz_localize(None))
        utc = frame.assign(ds=times.tz_convert("UTC").map(str))
        for table in (frame, naive, utc):
            assert panel.ahead(3, table).future.ravel().tolist() == [15, 16, 17]

    def test_midnight_that_a_clock_leaves_out_is_on_the_grid(self):
        days = pd.date_range("2018-10-20", periods=30)
        panel = self.panel(days.tz_localize("America/Sao_Paulo", nonexistent="shift_forward"))
        assert panel.frequency.alias == "D"
        np.testing.assert_array_equal(panel.times, days.to_numpy())

    def test_an_hour_that_is_given_twice_is_that_before_and_after_the_change(self):
        hours = pd.date_range("2024-10-26", periods=60, freq="h", tz="Europe/Berlin")
        panel = self.panel(hours.tz_localize(None), zone="Europe/Berlin")
        np.testing.assert_array_equal(panel.times, self.panel(hours).times)

    def test_a_time_given_twice_on_the_clock_is_refused(self):
        days = pd.date_range("2024-10-20 02:30", periods=8).map(lambda day: f"{day}+02:00")
        refused(pd.DataFrame({"ds": [*days, "2024-10-27 02:30:00+01:00"], "y": 1.0}), None, "row 8", "given before")


class TestDaysOfMonths:
    TRADED = pd.to_datetime(["2024-01-31", "2024-02-29", "2024-03-28", "2024-04-30", "2024-05-31", "2024-06-28"])

    def test_days_of_no_rule_stand_for_their_months_and_a_note_says_so(self):
        panel = Panel.from_table(pd.DataFrame({"ds": self.TRADED, "y": np.arange(6.0)}))
        assert panel.frequency.alias == "BME"
        assert panel.observed.all()
        assert panel.notes == (
            "1 times of ds are other days than frequency 'BME' has: each stands for its month (first: 2024-03-28 for "
            "2024-03-29)",
        )

    def test_a_frequency_that_is_named_says_which_day_stands_for_a_month(self):
        frame = pd.DataFrame({"ds": self.TRADED, "y": [0, 1, 2, 3, 4, None], "plan": np.arange(6.0)})
        panel = Panel.from_table(frame, PanelSpec(target="y", future=("plan",), frequency="MS"))
        assert panel.times.astype("datetime64[D]").astype(str).tolist()[-1] == "2024-05-01"
        assert panel.ahead(1, frame).future.tolist() == [[5]]

    @pytest.mark.parametrize(("day", "frequency"), [(15, "M-15"), (30, "M-30"), (5, "M-5")])
    @pytest.mark.parametrize("months", [1, 3])
    def test_any_day_is_a_grid(self, day, frequency, months):
        firsts = pd.date_range("2020-01-01", periods=30 * months, freq="MS")[::months]
        times = firsts + pd.to_timedelta(np.minimum(firsts.days_in_month, day) - 1, unit="D")
        panel = Panel.from_table(pd.DataFrame({"ds": times[:24], "y": np.arange(24.0)}))
        assert panel.frequency.alias == (frequency if months == 1 else f"{months}{frequency}")
        assert panel.notes == ()
        assert list(panel.ahead(6).times) == list(times[24:])

    def test_two_days_of_one_month_are_refused(self):
        frame = pd.DataFrame({"ds": [*self.TRADED, "2024-07-01", "2024-07-31"], "y": 1.0})
        refused(frame, PanelSpec(frequency="ME"), "row 7", "2024-07-31 was given before")
