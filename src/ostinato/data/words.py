"""Columns of words: categories as codes in static columns, and as one column of 0 and 1 each in those that change."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ostinato.data.table import Table
from ostinato.data.times import looks_like_dates

MOST_WORDS = 20
"""Different words that a covariate may have: each becomes an input of its own."""

Categories = Mapping[str, tuple[str, ...]]


def places_of(columns: Sequence[str], categories: Categories) -> dict[str, slice]:
    """Where the values of each covariate stand among the inputs: one of numbers in one, words in one each."""
    widths = [len(categories.get(column, ("",))) for column in columns]
    ends = np.cumsum([0, *widths]).tolist()
    return {column: slice(*ends[place : place + 2]) for place, column in enumerate(columns)}


def input_names(columns: Sequence[str], categories: Categories) -> list[str]:
    """The name of each input: the column's, or "weather=rain" for a word in it."""
    words = {column: [f"{column}={word}" for word in categories[column]] for column in columns if column in categories}
    return [name for column in columns for name in words.get(column, [column])]


def column_of(place: int, columns: Sequence[str], categories: Categories) -> str:
    """The column that an input belongs to."""
    return next(column for column, places in places_of(columns, categories).items() if place < places.stop)


def find_words(table: Table, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The different words of each column that holds no numbers and no dates.

    Raises:
        OstinatoError: They are more than an input each could be given.
    """
    found = {}
    for column in columns:
        words = sorted(filter(None, table.identities(column)[1]))
        if not words or table.number_columns([column]) or looks_like_dates(table, column):
            continue
        if len(words) > MOST_WORDS:
            what = f"{len(words)} different words ({words[0]}, {words[1]}, ...), and a covariate may have {MOST_WORDS}"
            raise table.error(f"{what}: put them into groups, or write numbers for them", column=column)
        found[column] = tuple(words)
    return found


def read_covariates(table: Table, columns: Sequence[str], categories: Categories) -> npt.NDArray[np.float64]:
    """Covariates as inputs, NaN where a value is missing, ``(rows, inputs)``.

    Raises:
        OstinatoError: a word that is none of its column's categories, or text in a column of numbers.
    """
    places = places_of(columns, categories)
    values = np.empty((len(table), max((each.stop for each in places.values()), default=0)))
    numbers = [column for column in columns if column not in categories]
    values[:, [places[column].start for column in numbers]] = table.numbers(numbers)
    for column in (column for column in columns if column in categories):
        values[:, places[column]] = one_hot(category_codes(table, column, categories[column]), len(categories[column]))
    return values


def one_hot(codes: npt.NDArray[np.float64], categories: int) -> npt.NDArray[np.float64]:
    """1 for the category of each code and 0 for all others, ``(rows, categories)``; NaN for all where there is none."""
    return np.where(np.isnan(codes)[:, None], np.nan, codes[:, None] == np.arange(categories))


def category_codes(table: Table, column: str, categories: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """The position of each row's text among the categories, NaN where it has none.

    Raises:
        OstinatoError: A text that is none of them.
    """
    codes, texts = table.identities(column)
    found = pd.Index(categories).get_indexer(pd.Index(texts)).astype(np.float64)
    found[texts == ""] = np.nan
    if (found < 0).any():
        unseen, known = texts[found < 0][0], ", ".join(categories[:20])
        row = int(np.argmax(found[codes] < 0))
        raise table.error(f"{unseen!r} was not there in training (known: {known})", row=row, column=column)
    return found[codes]


def words_of(values: npt.NDArray[np.float64], categories: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """The word of each row of 0 and 1, ``(rows, categories)``; NaN where a row has none."""
    words = np.array(categories, object)[np.argmax(np.nan_to_num(values), axis=1)]
    return np.where(np.isnan(values[:, 0]), np.nan, words)
