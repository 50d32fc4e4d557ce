"""Cells by name, for settings and the command line."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ostinato.cells.cell import Cell
from ostinato.cells.chain import Chain
from ostinato.cells.elman import Elman, Jordan
from ostinato.cells.gru import GRU, MGU
from ostinato.cells.lstm import LSTM

CellFactory = Callable[[int, int], Cell[Any]]
"""Makes a cell from its input size and hidden size: a `Cell` class is one."""


def _lstm_gru(input_size: int, hidden_size: int) -> Chain:
    return Chain(LSTM(input_size, hidden_size), GRU(hidden_size, hidden_size))


CELLS: dict[str, CellFactory] = {
    "elman": Elman,
    "relu": partial(Elman, activation="relu"),
    "linear": partial(Elman, activation="identity"),
    "binary": partial(Elman, activation="binary"),
    "jordan": Jordan,
    "lstm": LSTM,
    "peephole_lstm": partial(LSTM, peephole=True),
    "coupled_lstm": partial(LSTM, coupled=True),
    "layer_norm_lstm": partial(LSTM, layer_norm=True),
    "gru": GRU,
    "gru_reset_before": partial(GRU, reset_after=False),
    "mgu": MGU,
    "lstm_gru": _lstm_gru,
}
"""The cells that settings know by name; each is called as ``factory(input_size, hidden_size)``."""
