"""Dates as people write them, in English and other languages: something to translate that needs no file."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from ostinato.data.pairs import ParallelTexts
from ostinato.errors import OstinatoError

LANGUAGES = {"fr": "French", "de": "German", "es": "Spanish"}
FORMS = ("short", "long", "full")
FIRST, DAYS = date(2000, 1, 1), 36_525
"""Days of one century: short forms leave out which."""


class DatePairs(NamedTuple):
    """Dates to train on and others to test on, each in every form and language.

    Attributes:
        training: No day of these...
        test: ...is a day of those.
    """

    training: ParallelTexts
    test: ParallelTexts


def date_pairs(days: int = 800, *, test_days: int = 60, seed: int = 0) -> DatePairs:
    """English dates and what they are in other languages, by the library Babel from Unicode's CLDR data.

    Args:
        days: Days to train on, drawn from the years 2000 to 2099.
        test_days: Days to test on.
        seed: Of the draw.

    Raises:
        OstinatoError: Babel is not installed.
    """
    drawn = np.random.default_rng(seed).permutation(DAYS)[: days + test_days].tolist()
    return DatePairs(_pairs(drawn[:days]), _pairs(drawn[days:]))


def _pairs(days: Sequence[int]) -> ParallelTexts:
    try:
        from babel.dates import format_date
    except ModuleNotFoundError:
        raise OstinatoError("dates in other languages need the library babel: pip install 'ostinato[text]'") from None
    written = [
        (format_date(day, form, "en"), format_date(day, form, language), language)
        for day in (FIRST + timedelta(days=number) for number in days)
        for form in FORMS
        for language in LANGUAGES
    ]
    return ParallelTexts.of(written)
