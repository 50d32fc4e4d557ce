"""Whatever stands in the cells of a table: a sound panel, or one error in one line.

`FUZZ_EXAMPLES=1000000 pytest tests/data/test_tables_fuzz.py` looks further than the suite does.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostinato.data import FileFormat, Frequency, Panel, PanelSpec, read_table
from ostinato.errors import OstinatoError

FURTHER = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = settings(
    max_examples=int(FURTHER or 60),
    derandomize=FURTHER is None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

FREQUENCIES = ["D", "B", "h", "15min", "W-SUN", "MS", "ME", "BME", "QS", "SMS", "WOM-3FRI", "YE", "bh", "2D", "C"]
FREQUENCIES += [None, "M-15", "BM-3", "1", "7", "soon", "-1D", "0", "REQ"]
SPELLINGS = [
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%m/%d/%Y %H:%M",
    "%Y%m",
    "%G%V",
    "%Y%m%d",
    "%G-W%V",
    "%Y-%m-%d %H:%M:%S%z",
    "%y%m%d",
]
SPELLINGS += ["%Y%j", "%s", "%Y", "%b %Y", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d %H:%M UTC"]
ODD = [
    "",
    "NA",
    "-",
    "0",
    "1.0",
    "1,002",
    "1.002",
    "1.234,5",
    "1'000",
    "1 000",
    "1e400",
    "-inf",
    "½",
    "٣",
    "0x10",
    "1_0",
]
ODD += [
    "20240230",
    "2024-W54",
    "2024-13",
    "99999999999999999999",
    "2024-03-31 02:30:00+01:00",
    "2024Q5",
    "true",
    '"',
    "\ufeff",
]
ZONES = [None, "UTC", "Europe/Berlin", "+05:30", "Mars/Olympus"]
WAYS = [None, "counter", "months", "weeks", "quarters", "days", "excel_days", "unix_seconds", "years"]


LAST = np.datetime64("2255-01-01", "ns").astype(np.int64)
"""Three years beyond it are none that nanoseconds hold."""


@st.composite
def columns_of_times(draw, rows):
    frequency = draw(st.sampled_from(["D", "B", "h", "W", "MS", "ME", "BME", "SMS", "QS", "YS", "WOM-3FRI", "30D"]))
    start = draw(st.sampled_from(["1970-01-01", "2024-03-28", "2020-12-25", "2261-06-01", "1700-01-01"]))
    times = pd.date_range(start, periods=rows, freq=frequency, tz=draw(st.sampled_from([None, "Europe/Berlin"])))
    spelled = [
        moment.strftime(draw(st.just(spelling))) for spelling in [draw(st.sampled_from(SPELLINGS))] for moment in times
    ]
    return draw(st.sampled_from([spelled, spelled, list(map(str, range(rows)))]))


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 14))
    digits = st.text("0123456789.,-' ", max_size=8)
    number = st.sampled_from(["{:.3f}", "{:,.0f}", "{:.1f}", "{:d}"])
    shape = draw(number)
    values = [shape.format(draw(st.integers(0, 5000))) for _ in range(rows)]
    cells = {
        draw(st.sampled_from(["ds", "month", "step", "when", "Date"])): draw(columns_of_times(rows)),
        draw(st.sampled_from(["y", "sold"])): values,
        "unique_id": [draw(st.sampled_from(["1", "1.0", "a"])) for _ in range(rows)],
        "plan": [str(draw(st.integers(0, 9))) for _ in range(rows)],
    }
    kept = draw(st.lists(st.sampled_from(list(cells)), min_size=1, max_size=4, unique=True))
    cells = {name: list(cells[name]) for name in kept}
    for _ in range(draw(st.integers(0, 3))):
        column, row = draw(st.sampled_from(kept)), draw(st.integers(0, rows - 1))
        cells[column][row] = draw(st.sampled_from(ODD) | digits | st.text(max_size=6))
    return pd.DataFrame(cells)


@st.composite
def specs(draw):
    future = draw(st.sampled_from([(), (), ("plan",)]))
    return PanelSpec(
        frequency=draw(st.sampled_from([None, *FREQUENCIES])),
        zone=draw(st.sampled_from([None, None, *ZONES])),
        time_format=draw(st.sampled_from([None, None, *WAYS])),
        future=future,
        target=draw(st.sampled_from([None, "y"])),
    )


def is_sound(panel, horizon):
    assert np.isfinite(panel.target).all()
    assert (panel.lengths > 0).all()
    assert panel.offsets[-1] == len(panel.times) == len(panel.target)
    for series in range(len(panel)):
        assert (np.diff(panel.series(series).times.astype(np.int64)) > 0).all()
    assert len(panel.to_frame()) == len(panel.times)
    if not panel.names.future:
        later = panel.ahead(horizon)
        assert (later.times.reshape(len(panel), horizon)[:, 0] > panel.times[panel.offsets[1:] - 1]).all()
        assert len(later.clock.written(later.times)) == len(later.times)


def numbers_where_they_are(column):
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().all() else column


def read(frame, delimiter, marks):
    """The table of a frame, or with a delimiter that of a file of it."""
    if delimiter is None:
        return read_table(frame.apply(numbers_where_they_are), marks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        frame.to_csv(path, sep=delimiter, index=False)
        return read_table(path, marks)


def panel_or_message(make):
    try:
        return make(), ""
    except OstinatoError as error:
        return None, str(error)


@EXAMPLES
@given(
    frame=tables(),
    spec=specs(),
    delimiter=st.sampled_from([None, ",", ";", "\t"]),
    marks=st.builds(
        FileFormat,
        encoding=st.just("utf-8"),
        quoting=st.sampled_from([None, "csv", "none"]),
        decimal=st.sampled_from([None, None, ".", ","]),
        thousands=st.sampled_from([None, None, ",", " "]),
    ),
)
def test_any_table_is_a_sound_panel_or_one_error_in_one_line(frame, spec, delimiter, marks):
    panel, message = panel_or_message(lambda: Panel.from_table(read(frame, delimiter, marks), spec))
    assert "\n" not in message
    if panel is None or panel.times.astype(np.int64).max() > LAST:
        return
    is_sound(panel, 3)
    if panel.names.id is not None:
        again = Panel.from_table(panel.to_frame(), panel.spec)
        np.testing.assert_array_equal(again.times, panel.times)
        np.testing.assert_array_equal(again.ids, panel.ids)


@EXAMPLES
@given(
    start=st.datetimes(pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")),
    alias=st.sampled_from(FREQUENCIES[:15]),
    steps=st.lists(st.integers(0, 60), min_size=1, max_size=20),
)
def test_a_grid_is_where_pandas_has_it_and_leads_back(start, alias, steps):
    frequency = Frequency.parse(alias)
    grid = pd.date_range(pd.Timestamp(start).normalize(), periods=62, freq=alias).to_numpy().astype("datetime64[ns]")
    taken = np.array(steps)
    np.testing.assert_array_equal(frequency.at(grid[0], taken), grid[taken])
    np.testing.assert_array_equal(frequency.steps(np.repeat(grid[:1], len(taken)), grid[taken]), taken)
