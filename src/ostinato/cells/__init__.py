"""The equations of one time step."""

from ostinato.cells.cell import Cell, State
from ostinato.cells.chain import Chain
from ostinato.cells.elman import Elman, ElmanState, Jordan, JordanState
from ostinato.cells.gru import GRU, MGU, GRUState
from ostinato.cells.lstm import LSTM, LSTMState
from ostinato.cells.names import CELLS, CellFactory
from ostinato.cells.zoneout import Zoneout

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "MGU",
    "Cell",
    "CellFactory",
    "Chain",
    "Elman",
    "ElmanState",
    "GRUState",
    "Jordan",
    "JordanState",
    "LSTMState",
    "State",
    "Zoneout",
]
