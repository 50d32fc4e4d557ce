"""Features of times: where they lie in their hour, day, week, month and year. They are known into the future."""

import numpy as np
import numpy.typing as npt

from ostinato.data.frequency import Frequency
from ostinato.data.public_holidays import holiday_feature
from ostinato.data.times import Moments

_HOUR = 3600 * 10**9
_DAY = 24 * _HOUR
_BLOCK = 2**19  # times that are reckoned at once


def calendar_features(times: Moments, frequency: Frequency) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Sine and cosine of the positions in the calendar periods that are longer than a step.

    Args:
        times: int64 or datetime64[ns], shape (rows,).
        frequency: the step; it chooses the periods. Below an hour: minute of hour, hour of day, day of week, day of
            year. Below a day: the same without the minute. Days and business days: day of week, day of month, day of
            year. Weeks: day of year. Half-months: day of month, day of year. Months and quarters: month of year. Years
            and integer time: none.

    Returns:
        The features, float32 of shape (rows, 2 * periods), a pair of columns for each period, and their names.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Frequency, calendar_features
        >>> times = np.arange("2024-01-01", "2024-01-08", dtype="datetime64[D]").astype("datetime64[ns]")
        >>> features, names = calendar_features(times, Frequency.parse("D"))
        >>> features.shape
        (7, 6)
    """
    periods = _periods(frequency)
    if not periods:
        return np.zeros((len(times), 0), np.float32), ()
    names = tuple(f"{period}_{wave}" for period in periods for wave in ("sin", "cos"))
    features = np.empty((len(times), len(names)), np.float32)
    for first in range(0, len(times), _BLOCK):
        block = slice(first, first + _BLOCK)
        for place, period in enumerate(periods):
            angle = 2 * np.pi * _phase(np.asarray(times[block], "datetime64[ns]"), period)
            features[block, 2 * place], features[block, 2 * place + 1] = np.sin(angle), np.cos(angle)
    return features, names


def time_features(
    times: Moments, frequency: Frequency, *, calendar: bool = True, holidays: str | None = None
) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """All that is known of times, into the future: calendar features, and whether they are on a public holiday.

    Args:
        times: as for `calendar_features`, as a clock on the wall shows them.
        frequency: the step.
        calendar: whether calendar features are among them.
        holidays: the place whose holidays are, see `ostinato.data.public_holidays.holiday_feature`; None for none.

    Returns:
        The features, float32 of shape (rows, features), and their names.

    Raises:
        OstinatoError: as `holiday_feature`.
    """
    features, names = calendar_features(times, frequency) if calendar else (np.zeros((len(times), 0), np.float32), ())
    if holidays is None:
        return features, names
    free = holiday_feature(times, frequency, holidays)
    return np.concatenate([features, free[:, None]], axis=1), (*names, f"holiday_{holidays}")


def period_of(name: str) -> str:
    """What a feature of `time_features` is of: sine and cosine of a period are one."""
    return name.removesuffix("_sin").removesuffix("_cos")


def _periods(frequency: Frequency) -> list[str]:
    if frequency.unit == "integer":
        return []
    if frequency.unit == "months":
        return ["month_of_year"] if frequency.step % 12 else []
    if frequency.unit == "half-months":
        return ["day_of_month", "day_of_year"]
    if frequency.unit == "hours":
        return ["hour_of_day", "day_of_week", "day_of_year"]
    if frequency.unit == "business" or (frequency.step >= _DAY and frequency.step < 7 * _DAY):
        return ["day_of_week", "day_of_month", "day_of_year"]
    if frequency.step >= _DAY:
        return ["day_of_year"] if frequency.step < 183 * _DAY else []
    return (["minute_of_hour"] if frequency.step < _HOUR else []) + ["hour_of_day", "day_of_week", "day_of_year"]


def _phase(times: npt.NDArray[np.datetime64], period: str) -> npt.NDArray[np.float64]:
    """The position in the period, from 0 to just below 1."""
    day, month, year = (np.asarray(times.astype(f"datetime64[{unit}]")) for unit in "DMY")
    if period == "minute_of_hour":
        return np.asarray(times.astype(np.int64) % _HOUR / _HOUR)
    if period == "hour_of_day":
        return np.asarray(times.astype(np.int64) % _DAY / _DAY)
    if period == "day_of_week":
        return np.asarray((day.astype(np.int64) + 3) % 7 / 7)  # 1970-01-01 was a Thursday; Monday is 0
    if period == "day_of_month":
        return _fraction(day, month)
    if period == "day_of_year":
        return _fraction(day, year)
    return np.asarray((month - year).astype(np.float64) / 12)


def _fraction(day: Moments, period: Moments) -> npt.NDArray[np.float64]:
    """How far into its month or year a day lies; 29 February counts as a day of a longer year."""
    first, after = period.astype("datetime64[D]"), (period + 1).astype("datetime64[D]")
    return np.asarray((day - first).astype(np.float64) / (after - first).astype(np.float64))
