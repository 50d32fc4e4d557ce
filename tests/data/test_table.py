import csv as standard
import io
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import FileFormat, Panel, PanelSpec, read_table
from ostinato.data.delimited import parse_delimited
from ostinato.errors import OstinatoError


def csv(folder, text, name="sales.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def says(*parts):
    """A pattern for messages that hold these parts in this order, on one line."""
    return ".*".join(re.escape(part) for part in parts)


class TestDelimitedText:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_the_delimiter_is_found(self, tmp_path, delimiter):
        table = read_table(csv(tmp_path, f"ds{delimiter}y\n2020-01-01{delimiter}1.5\n2020-01-02{delimiter}2\n"))
        assert table.columns == ["ds", "y"]
        np.testing.assert_array_equal(table.numbers(["y"])[:, 0], [1.5, 2])

    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    def test_line_endings_and_a_byte_order_mark_make_no_difference(self, tmp_path, newline, mark):
        table = read_table(csv(tmp_path, mark + newline.join(["ds,y", "1,2", "3,4"]).encode()))
        assert table.columns == ["ds", "y"]
        np.testing.assert_array_equal(table.numbers(["ds", "y"]), [[1, 2], [3, 4]])

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_a_decimal_comma_is_read_where_commas_do_not_separate(self, tmp_path, delimiter):
        table = read_table(csv(tmp_path, f"a{delimiter}b\n1,5{delimiter}2\n-0,25{delimiter}3e1\n"))
        np.testing.assert_array_equal(table.numbers(["a", "b"]), [[1.5, 2], [-0.25, 30]])

    def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks_and_lines_are_counted_as_an_editor_does(
        self, tmp_path
    ):
        table = read_table(csv(tmp_path, 'name,y\n"a, ""b""\nc",1\n"d",x\n'))
        assert list(table.texts("name")) == ['a, "b"\nc', "d"]
        with pytest.raises(OstinatoError, match=says("sales.csv, line 4, column 'y': 'x' is not a number")):
            table.numbers(["y"])

    def test_blank_lines_are_skipped_but_counted(self, tmp_path):
        table = read_table(csv(tmp_path, "\n\na,b\n1,2\n\n  \n3,oops\n"))
        assert len(table) == 2
        with pytest.raises(OstinatoError, match="line 7"):
            table.numbers(["b"])

    def test_a_blank_line_of_a_file_with_one_column_is_a_missing_value(self, tmp_path):
        values = read_table(csv(tmp_path, "y\n1\n\n3\n\n")).numbers(["y"])[:, 0]
        np.testing.assert_array_equal(values, [1, np.nan, 3])

    def test_every_spelling_of_a_missing_value_is_nan(self, tmp_path):
        table = read_table(csv(tmp_path, "y,z\n,1\nNA,1\nnan,1\nNULL,1\n None ,1\nn/a,1\n"))
        assert np.isnan(table.numbers(["y"])).all()

    def test_true_and_false_are_one_and_nought(self, tmp_path):
        table = read_table(csv(tmp_path, "y,z\nTrue,1\nfalse,1\n"))
        np.testing.assert_array_equal(table.numbers(["y"])[:, 0], [1, 0])

    def test_an_unnamed_first_column_that_counts_rows_is_dropped_and_any_other_is_the_index(self, tmp_path):
        frame = pd.DataFrame({"y": [1.0, 2.0]})
        assert read_table(csv(tmp_path, frame.to_csv())).columns == ["y"]
        frame.index = pd.date_range("2020-01-01", periods=2)
        assert read_table(csv(tmp_path, frame.to_csv())).columns == ["index", "y"]

    def test_numbers_are_read_in_double_precision(self, tmp_path):
        values = np.random.default_rng(0).standard_normal(2000) * 10.0 ** np.arange(-10, 10).repeat(100)
        table = read_table(csv(tmp_path, "y\n" + "\n".join(map(repr, values.tolist()))))
        np.testing.assert_allclose(table.numbers(["y"])[:, 0], values, rtol=1e-12)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "sales.csv: the file is empty"),
            ("\n \n", "sales.csv: the file is empty"),
            ("ds,y\n", "sales.csv: a header and no rows"),
            ("ds,y\n1,2\n3\n", "sales.csv, line 3: 1 fields where the header has 2"),
            ("ds,y\n1,2\n\n3,4,5\n", "sales.csv, line 4: 3 fields where the header has 2"),
            (
                "2020-01-01,5\n2020-01-02,6\n",
                "sales.csv, line 1: 2020-01-01, 5 look like data: the first line must name",
            ),
            ("a,a\n1,2\n", "sales.csv, line 1: two columns are named 'a'"),
            ("a,,b\n1,2,3\n", "sales.csv, line 1: column 2 has no name"),
            (b"ds,y\n1,2\n3,\xe9\n", "sales.csv, line 3: byte 0xE9 is not UTF-8"),
            ("ds,y\n1,2\n".encode("utf-16"), "sales.csv, line 1: byte 0xFF is not UTF-8"),
            (b"ds,y\n1,2\n3,\x00\n", "sales.csv, line 3: a NUL byte"),
            ('a,b\n"x,1\ny,2\n', "sales.csv, line 2: a quotation mark"),
            ('a,b\n1,2\n5" pipe,1\n', "sales.csv, line 3: a quotation mark"),
            ('a,b\n"x"y,2\n', "sales.csv, line 2: a quotation mark"),
        ],
    )
    def test_a_damaged_file_is_named_with_the_line(self, tmp_path, text, message):
        with pytest.raises(OstinatoError, match=says(message)) as caught:
            read_table(csv(tmp_path, text))
        assert "\n" not in str(caught.value)

    COLA = "gj04\t1\t\tOur friends won't buy this.\ngj04\t0\t*\tOne more and I'm giving up.\nad03\t1\t\tHe left.\n"

    @pytest.mark.parametrize(
        "text",
        [
            COLA,
            "ham\tAre you there in a bit?\nspam\tWin now\nham\tOk\n",
            "I liked it a lot,1\nbad,0\nfine,1\n",
            "Mon,2024-01-01,5\nTue,2024-01-02,6\nMon,2024-01-08,7\n",
            "shop 1;2024-01-01;1,5\nshop 1;2024-01-02;2,5\n",
            "3.5,4.5\n1.5,2.5\n",
        ],
    )
    def test_a_first_line_of_data_is_no_header(self, tmp_path, text):
        with pytest.raises(OstinatoError, match=says("sales.csv, line 1: ")) as caught:
            read_table(csv(tmp_path, text))
        assert "look like data" in str(caught.value)
        assert "header=False (--no-header)" in str(caught.value)
        rows = [line.split("\t" if "\t" in text else ";" if ";" in text else ",") for line in text.splitlines()]
        table = read_table(csv(tmp_path, text), FileFormat(header=False))
        assert table.columns == [str(place) for place in range(1, len(rows[0]) + 1)]
        assert table.frame.to_numpy().tolist() == rows
        assert table.place(0) == "line 1"
        assert read_table(csv(tmp_path, text.replace("\t\t", "\tmark\t")), FileFormat(header=True)).place(0) == "line 2"

    @pytest.mark.parametrize(
        "text",
        [
            "country,2020-01-22,2020-01-23\nItaly,0,1\n",
            "Country or area name,2019,2020\nItaly,60,59\n",
            "word,tag\nword,NN\nthe,DT\n",
            "text\ntext\nmore\n",
            ",0,1\nx,0,1\ny,1,0\n",
            "ds,1,2\n2024-01-01,1,2\n",
        ],
    )
    def test_a_header_may_hold_numbers_dates_and_words_that_come_again(self, tmp_path, text):
        read = read_table(csv(tmp_path, text))
        names = text.splitlines()[0].split(",")
        assert read.columns == [name or "index" for name in names]

    def test_one_row_without_a_header_is_a_table(self, tmp_path):
        assert read_table(csv(tmp_path, "a,b\n"), FileFormat(header=False)).columns == ["1", "2"]
        with pytest.raises(OstinatoError, match="line 2: 3 fields where the first line has 2"):
            read_table(csv(tmp_path, "a,b\na,b,c\n"), FileFormat(header=False))

    def test_a_path_that_is_not_a_file_is_named(self, tmp_path):
        with pytest.raises(OstinatoError, match=says("nowhere.csv: no such file")):
            read_table(tmp_path / "nowhere.csv")
        with pytest.raises(OstinatoError, match="a directory"):
            read_table(tmp_path)
        with pytest.raises(OstinatoError, match="cannot be read"):
            read_table("a\0b")


class TestMarksOfNumbers:
    """Which mark is the decimal sign, and which parts thousands."""

    def read(self, folder, values, delimiter="\t", **marks):
        lines = [f"x{delimiter}y", *(f"x{delimiter}{value}" for value in values)]
        return read_table(csv(folder, "\n".join(lines)), form=FileFormat(**marks)).numbers(["y"])[:, 0].tolist()

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    @pytest.mark.parametrize(
        ("texts", "numbers"),
        [
            (["998", "1,002.5", "1,005"], [998, 1002.5, 1005]),
            (["998", "1.002,5", "1.005"], [998, 1002.5, 1005]),
            (["1,234,567", "1,005"], [1234567, 1005]),
            (["1.234.567", "1.005"], [1234567, 1005]),
            (["0.998", "1.005"], [0.998, 1.005]),
            (["0,998", "1,005"], [0.998, 1.005]),
            (["1,5", "1.234"], [1.5, 1234]),
            (["12.5", "1,234"], [12.5, 1234]),
            (["1234.567", "1.005"], [1234.567, 1.005]),
            (["1.005e3", "1.005"], [1005, 1.005]),
            (["1 002", "1\u00a0003,5", "-1\u202f004", ""], [1002, 1003.5, -1004, np.nan]),
            (["1'002.5", "1’003", "+4"], [1002.5, 1003, 4]),
        ],
    )
    def test_a_column_decides_from_all_its_values(self, tmp_path, delimiter, texts, numbers):
        np.testing.assert_array_equal(self.read(tmp_path, texts, delimiter), numbers)

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    @pytest.mark.parametrize(("text", "readings"), [("1,002", "1002 or 1.002"), ("-1.002", "-1002 or -1.002")])
    def test_a_column_that_can_be_read_in_two_ways_is_refused_with_the_line_until_a_mark_is_named(
        self, tmp_path, delimiter, text, readings
    ):
        said = says("line 3, column 'y'", repr(text), "can be read as", readings, "--decimal")
        with pytest.raises(OstinatoError, match=said):
            self.read(tmp_path, ["998", text], delimiter)
        sign = next(mark for mark in text if mark in ",.")
        assert abs(self.read(tmp_path, ["998", text], delimiter, decimal=sign)[1]) == 1.002
        assert abs(self.read(tmp_path, ["998", text], delimiter, thousands=sign)[1]) == 1002
        assert abs(self.read(tmp_path, ["998", text], delimiter, thousands=" ")[1]) == 1.002

    def test_the_other_columns_of_the_file_decide_for_one_that_does_not_and_a_note_says_so(self, tmp_path):
        german = csv(tmp_path, "ds;z;y\n2024-01-01;0,5;998\n2024-01-02;12,25;1.002\n2024-01-03;1;1.004\n")
        panel = Panel.from_table(german, PanelSpec(target="y"))
        assert panel.target.tolist() == [998, 1002, 1004]
        assert panel.notes == ("'1.002' in y is read as 1002",)
        assert read_table(german, FileFormat(decimal=".")).numbers(["y"])[1] == 1.002

    def test_where_commas_part_fields_points_are_decimal_signs_unless_a_quoted_number_says_otherwise(self, tmp_path):
        assert self.read(tmp_path, ["998", "1.002"], ",") == [998, 1.002]
        assert self.read(tmp_path, ["998", '"1,002"'], ",") == [998, 1002]
        assert self.read(tmp_path, ["1.002", '"1,5"'], ",") == [1002, 1.5]
        assert self.read(tmp_path, ["998", "1.002"], ",", decimal=",") == [998, 1002]

    @pytest.mark.parametrize("texts", [["1,5", "12.5"], ["1.5", "1,2,3"], ["1.5", "12,34,567"], ["1.5", "1 2"]])
    def test_a_number_in_no_one_notation_is_refused(self, tmp_path, texts):
        with pytest.raises(OstinatoError, match=says("column 'y'", "is not a number")):
            self.read(tmp_path, texts)

    @pytest.mark.parametrize(
        "marks", [{"decimal": ",", "thousands": ","}, {"decimal": "x"}, {"thousands": "12"}, {"decimal": ""}]
    )
    def test_marks_that_are_none_are_refused(self, tmp_path, marks):
        with pytest.raises(OstinatoError, match=r"decimal|thousands"):
            self.read(tmp_path, ["1"], **marks)

    def test_numbers_beside_text_in_a_column_of_objects_keep_their_value(self):
        assert read_table(pd.DataFrame({"y": [1.5, "1,5", 2]}, dtype=object)).numbers(["y"])[:, 0].tolist() == [
            1.5,
            1.5,
            2,
        ]


class TestDataFrames:
    def test_errors_name_the_row_by_position(self):
        table = read_table(pd.DataFrame({"y": ["1", "2", "three"]}, index=[7, 8, 9]))
        with pytest.raises(OstinatoError, match=says("the DataFrame, row 2, column 'y': 'three' is not a number")):
            table.numbers(["y"])

    def test_an_index_with_a_name_or_dates_becomes_a_column(self):
        frame = pd.DataFrame({"y": [1, 2]}, index=pd.date_range("2020", periods=2))
        assert read_table(frame).columns == ["index", "y"]
        assert read_table(frame.rename_axis("ds")).columns == ["ds", "y"]
        assert read_table(frame.reset_index(drop=True).iloc[::-1]).columns == ["y"]
        levels = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["unique_id", "ds"])
        assert read_table(pd.DataFrame({"y": [1, 2]}, index=levels)).columns == ["unique_id", "ds", "y"]

    def test_every_numeric_type_is_read(self):
        frame = pd.DataFrame(
            {
                "integer": np.array([1, 2], np.int8),
                "nullable": pd.array([1, None], "Int64"),
                "truth": [True, False],
                "text": ["1", "2.5"],
                "mixed": [1, "2"],
                "category": pd.Categorical(["3", "4"]),
            }
        )
        expected = [[1, 1, 1, 1, 1, 3], [2, np.nan, 0, 2.5, 2, 4]]
        np.testing.assert_array_equal(read_table(frame).numbers(list(frame.columns)), expected)

    @pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, 10**400, -(10**400), "9" * 400, "1,5e400"])
    def test_values_beyond_a_float32_are_refused_with_row_and_column(self, value):
        with pytest.raises(OstinatoError, match=says("row 1, column 'y'")):
            read_table(pd.DataFrame({"x": [0.0, 0.0], "y": [0.0, value]})).numbers(["x", "y"])

    @pytest.mark.parametrize("value", [pd.Timestamp("2020-01-01"), [1, 2], 1 + 2j, {"a": 1}])
    def test_what_is_not_a_number_is_refused(self, value):
        with pytest.raises(OstinatoError, match="column 'y'"):
            read_table(pd.DataFrame({"y": pd.Series([value, value])})).numbers(["y"])

    def test_identities_have_one_form_whatever_their_spelling(self):
        frame = pd.DataFrame(
            {"id": ["1", "1.0", " 1 ", "1.00", "1.5", "1.50", "cafe\u0301", "caf\u00e9", None, "v1.0"]}
        )
        codes, names = read_table(frame).identities("id")
        assert names[codes].tolist() == ["1", "1", "1", "1", "1.5", "1.50", "caf\u00e9", "caf\u00e9", "", "v1.0"]

    def test_a_missing_column_is_answered_with_those_there_are_and_the_nearest(self):
        with pytest.raises(
            OstinatoError, match=says("no column 'sale'", "did you mean 'sales'?", "(columns: ds, sales)")
        ):
            read_table(pd.DataFrame({"ds": [1], "sales": [2]})).require("sale")

    def test_repeated_names_levels_and_emptiness_are_refused(self):
        with pytest.raises(OstinatoError, match="two columns are named 'a'"):
            read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
        with pytest.raises(OstinatoError, match="2 levels"):
            read_table(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])))
        with pytest.raises(OstinatoError, match="no columns"):
            read_table(pd.DataFrame())
        with pytest.raises(OstinatoError, match="no rows"):
            read_table(pd.DataFrame({"y": []}))


class TestParquet:
    def test_a_parquet_file_reads_as_the_frame_it_was_written_from(self, tmp_path):
        frame = pd.DataFrame({"ds": pd.date_range("2020", periods=3), "y": [1.0, np.nan, 3.0]})
        frame.to_parquet(tmp_path / "a.parquet")
        np.testing.assert_array_equal(read_table(tmp_path / "a.parquet").numbers(["y"])[:, 0], frame["y"])
        frame.set_index("ds").to_parquet(tmp_path / "b.parquet")
        assert set(read_table(tmp_path / "b.parquet").columns) == {"ds", "y"}

    def test_a_damaged_parquet_file_is_an_error_that_names_it(self, tmp_path):
        buffer = io.BytesIO()
        pd.DataFrame({"y": np.arange(100.0)}).to_parquet(buffer)
        whole = buffer.getvalue()
        for size in (0, 1, 4, 10, len(whole) // 2, len(whole) - 1):
            with pytest.raises(OstinatoError, match=says("damaged.parquet")):
                read_table(csv(tmp_path, whole[:size], "damaged.parquet"))

    def test_a_missing_pyarrow_names_the_extra(self, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(OstinatoError, match=says("ostinato[parquet]")):
            read_table(csv(tmp_path, b"PAR1", "a.parquet"))


SOUND = b"unique_id,ds,y,z\n" + b"".join(
    b'"s%d",2020-01-%02d,%d.5,%d\n' % (s, d, d * s, d) for s in (1, 2) for d in range(1, 13)
)


@settings(max_examples=150, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.binary(max_size=4), st.integers(0, 12)), max_size=4),
    source=st.just(SOUND) | st.just(SOUND.replace(b",", b";")) | st.just(SOUND.replace(b",", b"\t")),
)
def test_any_damage_to_a_csv_file_is_an_error_in_one_line_or_a_sound_panel(edits, source):
    for at, new, removed in edits:
        source = source[:at] + new + source[at + removed :]
    with tempfile.TemporaryDirectory() as folder:
        try:
            panel = Panel.from_table(csv(Path(folder), source))
        except OstinatoError:
            return
    assert np.isfinite(panel.target).all()
    assert (panel.lengths > 0).all()
    assert panel.offsets[-1] == len(panel.times) == len(panel.target)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200) | st.text('ab12,;\t\n". -', max_size=60).map(str.encode))
def test_any_bytes_are_an_error_or_the_fields_that_the_csv_module_reads(data):
    try:
        parsed = parse_delimited(data, "bytes")
    except OstinatoError:
        return
    text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    records = list(standard.reader(io.StringIO(text), delimiter=parsed.delimiter, quoting=0 if parsed.quoted else 3))
    columns = len(parsed.frame.columns)
    if columns > 1:  # in a file of one column blank lines are values
        full = [record for record in records if len(record) > 1]
        while not any(record[-1].strip() for record in full):  # last columns of nothing are left out
            full = [record[:-1] for record in full]
        kept = [record[-columns:] for record in full]
        assert all(name.strip() in ("", found) for name, found in zip(kept[0], parsed.frame.columns, strict=True))
        assert kept[1:] == parsed.frame.to_numpy().tolist()
