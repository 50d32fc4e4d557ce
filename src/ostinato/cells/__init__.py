"""The equations of one time step."""

from ostinato.cells.cell import Cell, State
from ostinato.cells.chain import Chain
from ostinato.cells.cornn import CoRNN, CoRNNState
from ostinato.cells.elman import ContractiveElman, Elman, ElmanState, Jordan, JordanState
from ostinato.cells.fastgrnn import FastGRNN, FastRNN, FastState
from ostinato.cells.gru import GRU, MGU, GRUState
from ostinato.cells.indrnn import IndRNN, IndRNNState
from ostinato.cells.janet import JANET, JANETState
from ostinato.cells.lem import LEM, LEMState
from ostinato.cells.lru import LRU, RGLRU, LRUState, RGLRUState
from ostinato.cells.lstm import LSTM, CoupledLSTM, LayerNormLSTM, LSTMState, PeepholeLSTM
from ostinato.cells.mingru import MinGRU, MinGRUState, MinLSTM
from ostinato.cells.names import CELLS, CellFactory
from ostinato.cells.qrnn import QRNN
from ostinato.cells.slstm import SLSTM, SLSTMState
from ostinato.cells.sru import SRU, SRUState
from ostinato.cells.zoneout import Zoneout

__all__ = [
    "CELLS",
    "GRU",
    "JANET",
    "LEM",
    "LRU",
    "LSTM",
    "MGU",
    "QRNN",
    "RGLRU",
    "SLSTM",
    "SRU",
    "Cell",
    "CellFactory",
    "Chain",
    "CoRNN",
    "CoRNNState",
    "ContractiveElman",
    "CoupledLSTM",
    "Elman",
    "ElmanState",
    "FastGRNN",
    "FastRNN",
    "FastState",
    "GRUState",
    "IndRNN",
    "IndRNNState",
    "JANETState",
    "Jordan",
    "JordanState",
    "LEMState",
    "LRUState",
    "LSTMState",
    "LayerNormLSTM",
    "MinGRU",
    "MinGRUState",
    "MinLSTM",
    "PeepholeLSTM",
    "RGLRUState",
    "SLSTMState",
    "SRUState",
    "State",
    "Zoneout",
]
