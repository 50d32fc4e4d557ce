"""Public holidays of a country or a part of it. They are known into the future."""

import re
from functools import cache

import numpy as np
import numpy.typing as npt

from ostinato.data.frequency import Frequency
from ostinato.data.times import Moments
from ostinato.errors import OstinatoError

_DAY = 24 * 3600 * 10**9
_PLACE = re.compile(r"([A-Z]{2,3})(?:-(\w+))?")


def holiday_feature(times: Moments, frequency: Frequency, place: str) -> npt.NDArray[np.float32]:
    """1 for every time on a public holiday, else 0.

    Args:
        times: datetime64[ns], shape (rows,), as a clock on the wall of the place shows them.
        frequency: the step, a day at most.
        place: the code of a country (ISO 3166-1), or of a part of it: "DE", "US", "DE-BY", "US-CA".

    Returns:
        The feature, shape (rows,).

    Raises:
        OstinatoError: a longer step, or times that are no dates; a place whose holidays are not known; the library
            holidays is not installed.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Frequency
        >>> from ostinato.data.public_holidays import holiday_feature
        >>> days = np.array(["2024-12-23", "2024-12-24", "2024-12-25"], "datetime64[ns]")
        >>> holiday_feature(days, Frequency.parse("D"), "DE").tolist()
        [0.0, 0.0, 1.0]
    """
    if not _within_a_day(frequency):
        what = "times are no dates" if frequency.unit == "integer" else f"steps are of {frequency.alias!r}"
        raise OstinatoError(
            f"holidays={place!r} mark days, and these {what}: leave holidays out, or give a covariate known into the "
            "future, such as the number of holidays in each step"
        )
    days = np.asarray(times).astype("datetime64[D]")
    years = np.unique(days.astype("datetime64[Y]")).astype(np.int64) + 1970
    free = [day for year in years for day in _holidays_in(place, int(year))]
    return np.isin(days, np.array(free, "datetime64[D]")).astype(np.float32)


def _within_a_day(frequency: Frequency) -> bool:
    if frequency.unit == "business":
        return frequency.step == 1
    return frequency.unit == "hours" or (frequency.unit == "fixed" and frequency.step <= _DAY)


@cache
def _holidays_in(place: str, year: int) -> tuple[np.datetime64, ...]:
    """The holidays of a year, those that are observed on another day on both."""
    try:
        import holidays
    except ImportError:
        raise OstinatoError(
            f"holidays={place!r} needs the library holidays: pip install 'ostinato[forecast]'"
        ) from None
    if (parts := _PLACE.fullmatch(place)) is None:
        raise OstinatoError(f"holidays={place!r} is no code of a country or a part of it: write DE, US or DE-BY")
    country, part = parts.groups()
    try:
        parts_of_it = holidays.country_holidays(country).subdivisions
    except NotImplementedError:
        raise OstinatoError(f"holidays={place!r}: no holidays of {country} are known: write DE, US or DE-BY") from None
    if part is not None and part not in parts_of_it:
        raise OstinatoError(
            f"holidays={place!r}: {country} has no part {part} (it has: {', '.join(parts_of_it) or 'none'})"
        )
    return tuple(np.datetime64(day) for day in holidays.country_holidays(country, subdiv=part, years=year))
