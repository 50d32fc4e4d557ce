"""The forecast plot: what stands in the picture, for one series and for several."""

import sys

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.plot import SeriesForecast, plot_forecast
from ostinato.tasks.plot import save_plot

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def forecast(name="north", horizon=12, past=500, dated=True, **changes):
    times = np.arange(past + horizon)
    if dated:
        times = np.datetime64("2024-01-01T00", "h") + times
    random = np.random.default_rng(0)
    values = np.cumsum(random.normal(size=past + horizon))
    point = values[past - 1] + np.zeros(horizon)
    spread = np.sqrt(np.arange(1.0, horizon + 1))[:, None] * np.array([-1.6, -0.7, 0, 0.7, 1.6])
    fields = {
        "history_times": times[:past],
        "history": values[:past],
        "times": times[past:],
        "point": point,
        "quantiles": point[:, None] + spread,
        "levels": LEVELS,
        "actual": values[past:],
        "baselines": {"drift": point + 0.1, "seasonal naive": values[past - horizon : past]},
    }
    return SeriesForecast(name, **(fields | changes))


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_history_actual_forecast_intervals_and_baselines_stand_in_one_legend_outside_the_axes():
    figure = plot_forecast([forecast()], column="load", unit="MW", title="A day ahead")
    assert legend(figure) == [
        "history", "actual", "forecast", "90 % interval", "50 % interval", "drift", "seasonal naive",
    ]  # fmt: skip
    axes = figure.axes[0]
    assert axes.get_legend() is None
    assert axes.get_title(loc="left") == "north"
    assert axes.get_ylabel() == "load (MW)"
    assert figure.get_suptitle() == "A day ahead"
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.y1 <= axes.get_window_extent().y0


def test_the_history_is_cropped_to_a_few_horizons_but_not_to_nothing():
    def shown(**changes):
        return len(plot_forecast([forecast(**changes)], column="y").axes[0].get_lines()[0].get_xdata())

    assert shown(horizon=12) == 36
    assert shown(horizon=1) == 24
    assert shown(horizon=12, past=5, baselines={}) == 5


def test_the_future_starts_at_the_last_value_of_the_history():
    one = forecast(horizon=3)
    lines = {line.get_label(): line for line in plot_forecast([one], column="y").axes[0].get_lines()}
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), [one.history[-1], *one.point])
    np.testing.assert_array_equal(lines["actual"].get_ydata(), [one.history[-1], *one.actual])
    np.testing.assert_array_equal(lines["drift"].get_xdata(), [one.history_times[-1], *one.times])


def test_a_point_forecast_alone_has_no_interval_and_an_unknown_future_no_actual():
    figure = plot_forecast([forecast(quantiles=None, levels=(), actual=None, baselines={})], column="y")
    assert legend(figure) == ["history", "forecast"]
    assert not [child for child in figure.axes[0].get_children() if isinstance(child, PolyCollection)]


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_several_series_have_a_panel_each_and_one_legend(count):
    figure = plot_forecast([forecast(f"series {i}") for i in range(count)], column="y")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"series {i}" for i in range(count)]
    assert len(figure.legends) == 1
    assert len(legend(figure)) == 7


@pytest.mark.parametrize("count", [0, 7])
def test_no_series_and_too_many_are_refused(count):
    with pytest.raises(OstinatoError, match=f"1 to 6 series, got {count}"):
        plot_forecast([forecast()] * count, column="y")


def test_dates_are_told_with_day_month_and_year():
    figure = plot_forecast([forecast()], column="y")
    figure.canvas.draw()
    axis = figure.axes[0].xaxis
    assert "21 Jan" in [label.get_text() for label in axis.get_ticklabels()]
    assert axis.get_offset_text().get_text().endswith("2024")


def test_numbered_steps_are_told_as_such():
    assert plot_forecast([forecast(dated=False)], column="y").axes[0].get_xlabel() == "time step"


def test_names_with_dollar_signs_are_not_read_as_formulas(tmp_path):
    figure = plot_forecast([forecast("$broken{$")], column="price $\\frac$", title="$\\bad$")
    save_plot(figure, tmp_path / "plot.png")


def test_gaps_in_history_and_actual_values_are_drawn_as_gaps(tmp_path):
    one = forecast()
    one.history[-10:-5] = np.nan
    one.actual[3:] = np.nan
    save_plot(plot_forecast([one], column="y"), tmp_path / "plot.png")


def test_the_plot_is_written_as_png_without_pyplots_global_state(tmp_path):
    save_plot(plot_forecast([forecast(), forecast()], column="y"), str(tmp_path / "plot.png"))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_plot_that_cannot_be_written_is_told_in_one_line(tmp_path):
    figure = plot_forecast([forecast()], column="y")
    with pytest.raises(OstinatoError, match=r"must end in \.png"):
        save_plot(figure, tmp_path / "plot.jpeg")
    with pytest.raises(OstinatoError, match=r"cannot be written: No such file or directory"):
        save_plot(figure, tmp_path / "nowhere" / "plot.png")
