"""Two small public series that come with the package, for first steps, demonstrations and tests."""

from importlib import resources
from typing import NamedTuple

import pandas as pd

from ostinato.errors import OstinatoError


class Embedded(NamedTuple):
    """An embedded series: what it is, and whom it is from."""

    description: str
    source: str


EMBEDDED = {
    "co2": Embedded(
        "Weekly carbon dioxide in the air at Mauna Loa, Hawaii, in ppm, 1958-03-29 to 2001-12-29; 59 weeks are missing "
        "(columns date, co2)",
        "Keeling, C.D. and T.P. Whorf (2004), Scripps Institution of Oceanography, in Trends, CDIAC",
    ),
    "sunspots": Embedded(
        "Yearly sunspot numbers, 1700 to 2008 (columns year, sunspots)",
        "SIDC, Royal Observatory of Belgium",
    ),
}
"""The series that come with the package, by name."""


def load_embedded(name: str) -> pd.DataFrame:
    """The table of an embedded series, its dates as text and its missing values as NaN.

    Args:
        name: a key of `EMBEDDED`: "co2" or "sunspots".

    Raises:
        OstinatoError: another name.

    Example:
        >>> from ostinato.demos.data import load_embedded
        >>> table = load_embedded("co2")
        >>> list(table.columns), len(table)
        (['date', 'co2'], 2284)
    """
    if name not in EMBEDDED:
        raise OstinatoError(f"no embedded series {name!r}: choose one of {', '.join(EMBEDDED)}")
    with resources.files("ostinato.demos.data").joinpath(f"{name}.csv").open("rb") as file:
        return pd.read_csv(file)
