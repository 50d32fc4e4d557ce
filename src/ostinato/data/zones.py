"""Time zones: a grid of days and longer steps is that of the clock on the wall, one of shorter steps that of UTC."""

import re
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.frequency import Frequency
from ostinato.data.times import Moments
from ostinato.errors import OstinatoError

_FIXED = re.compile(r"UTC(?:[+-]\d{2}:\d{2})?")
_SHORT = 20 * 3600 * 10**9


class Clock(NamedTuple):
    """The clock that the times of a panel, which have no zone themselves, are read from.

    Attributes:
        zone: "Europe/Berlin", "UTC", "UTC+02:00"; None: none is known.
        utc: whether times are those of UTC, and not those of a clock on the wall in the zone: only so do hours that a
            change to summer time leaves out or repeats stand on a regular grid.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import Frequency
        >>> from ostinato.data.zones import Clock
        >>> clock = Clock.of("Europe/Berlin", Frequency.parse("h"))
        >>> clock.written(np.array(["2024-03-31T00", "2024-03-31T01"], "datetime64[ns]")).strftime("%H:%M%z").tolist()
        ['01:00+0100', '03:00+0200']
    """

    zone: str | None = None
    utc: bool = False

    @classmethod
    def of(cls, zone: str | None, frequency: Frequency) -> Self:
        """The clock of a grid of this frequency."""
        changes = zone is not None and not _FIXED.fullmatch(zone)
        return cls(zone, changes and is_short(frequency))

    def local(self, times: Moments) -> Moments:
        """Times as a clock on the wall shows them."""
        if not self.utc:
            return times
        return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(self.zone).tz_localize(None).to_numpy()

    def written(self, times: Moments) -> Any:
        """Times with their zone, where it is known; an hour that is left out is the one after it."""
        if self.zone is None:
            return times
        if self.utc:
            return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(self.zone)
        first: npt.NDArray[np.bool_] = np.ones(len(times), np.bool_)
        return pd.DatetimeIndex(times).tz_localize(self.zone, ambiguous=first, nonexistent="shift_forward")

    def moment(self, time: Any, name: str = "") -> np.datetime64:
        """A time, with or without a zone, as this clock has it; errors call it by its name.

        Raises:
            OstinatoError: It is none, or one of the two or no hours when the clock is changed.
        """
        try:
            stamp: Any = pd.NaT if isinstance(time, int | float | np.number) else pd.Timestamp(time).as_unit("ns")
            if stamp is not pd.NaT and self.utc and stamp.tz is None:
                stamp = stamp.tz_localize(self.zone)
        except (ValueError, TypeError):
            stamp = pd.NaT
        if stamp is pd.NaT:
            raise OstinatoError(f"{name}{time!r} is not a date or time: write 2020-03-31 or 2020-03-31 14:00")
        if stamp.tz is not None and (self.utc or self.zone is not None):
            stamp = stamp.tz_convert("UTC" if self.utc else self.zone)
        return np.datetime64(stamp.tz_localize(None).to_datetime64())


def is_short(frequency: Frequency) -> bool:
    """Whether steps are shorter than any day: a day of 23 hours is one."""
    return frequency.kind == "fixed" and frequency.step < _SHORT
