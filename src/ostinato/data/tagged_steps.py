"""Numbers over time with a tag at every step, from a long table."""

from ostinato.data.long_table import ID_NAMES, LABEL_NAMES, LongTable, named, whole_texts
from ostinato.data.table import Source, read_table
from ostinato.data.tagged import StepColumns, TaggedSequences


def read_steps(source: Source, columns: StepColumns, *, tags: bool = True) -> TaggedSequences:
    """Reads sequences of numbers with a tag at every step.

    Args:
        source: A CSV or Parquet file, or a DataFrame.
        columns: What they are called.
        tags: Whether to read the tags. Without, the table need not have them.

    Returns:
        The sequences; their `columns` are these with what was found filled in.

    Raises:
        OstinatoError: With row and column, for a value, id or tag that is missing or cannot be read.

    Example:
        >>> import pandas as pd
        >>> from ostinato.data import StepColumns, read_steps
        >>> table = pd.DataFrame({"walk": [1, 1, 2], "x": [0.1, 0.2, 0.3], "activity": ["sit", "run", "run"]})
        >>> tagged = read_steps(table, StepColumns(id="walk", label="activity"))
        >>> tagged.tags, tagged.columns.features
        ((('sit', 'run'), ('run',)), ('x',))
    """
    table = read_table(source, columns.form)
    label = columns.label or named(table, LABEL_NAMES)
    if label is None and tags:
        raise table.error(f"no column is named as labels are ({', '.join(LABEL_NAMES)}): say which, label=...")
    apart = () if label is None else (label,)
    long = LongTable.read(table, columns.id or named(table, ID_NAMES), columns.time, apart, columns.features)
    texts = whole_texts(table, label, "label") if tags and label else None
    read = TaggedSequences(
        items=long.values,
        tags=None if texts is None else tuple(tuple(texts[row] for row in rows) for rows in long.rows),
        names=long.ids,
        origin=table.origin,
        features=long.columns["features"],
        columns=columns.model_copy(update=long.columns | {"label": label}),
    )
    return read.checked()
