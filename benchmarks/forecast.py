"""Forecasting public data sets with the standard splits: MSE and MAE over all windows of the part that is scored.

Every variable is standardised by the training part, as in the papers; all windows count, none dropped. For the test
part, the validation part chooses when to stop. For the validation part, which settings are chosen on, the end of the
training part does, so that what is scored has had no say.
"""

from collections.abc import Iterator

import pandas as pd
from benchmark import Row, Run, data_file, rows_of

from ostinato import Forecaster

MONTH = 30 * 24


def etth1(run: Run) -> Iterator[Row]:
    """Twelve months to train on, four to validate, four to test."""
    frame = pd.read_csv(data_file("ett/ETTh1.csv"), parse_dates=["date"])
    return scored(run, frame.iloc[: 20 * MONTH], 12 * MONTH, 16 * MONTH)


def exchange_rate(run: Run) -> Iterator[Row]:
    """Split at 70 and 80 per cent."""
    frame = pd.read_csv(data_file("exchange_rate/exchange_rate.txt.gz"), header=None)
    frame.columns = [f"country_{number}" for number in range(1, 9)]
    frame.insert(0, "step", range(len(frame)))
    rows = len(frame)
    return scored(run, frame, int(rows * 0.7), rows - int(rows * 0.2))


def scored(run: Run, frame: pd.DataFrame, train: int, validation: int) -> Iterator[Row]:
    """The model and its baselines on a part of a table, of which the rows of the others end at the numbers given."""
    columns = frame.columns[1:]
    part = frame[columns].iloc[:train]
    frame = frame.assign(**((frame[columns] - part.mean()) / part.std(ddof=0)))
    run.settings["target"] = list(columns)
    if run.part == "test":
        forecaster, seconds = run.train(Forecaster, frame.iloc[:train], frame.iloc[train:validation])
    else:
        frame = frame.iloc[:validation]
        forecaster, seconds = run.train(Forecaster, frame.iloc[:train], None)
    table = forecaster.evaluate(frame)
    run.say(f"{table.count} windows")
    yield from rows_of(table, train_seconds=seconds)
    if (beside := forecaster.metrics_beside_peers) is not None:
        yield from rows_of(beside, f"of {beside.count} windows, ")
