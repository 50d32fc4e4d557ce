"""Cells by name, for settings and the command line."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.types import Device

from ostinato.cells.cell import Cell
from ostinato.cells.chain import Chain
from ostinato.cells.cornn import CoRNN
from ostinato.cells.elman import ContractiveElman, Elman, Jordan
from ostinato.cells.fastgrnn import FastGRNN, FastRNN
from ostinato.cells.gru import GRU, MGU
from ostinato.cells.indrnn import IndRNN
from ostinato.cells.janet import JANET
from ostinato.cells.lem import LEM
from ostinato.cells.lru import LRU, RGLRU
from ostinato.cells.lstm import LSTM, CoupledLSTM, LayerNormLSTM, PeepholeLSTM
from ostinato.cells.mingru import MinGRU, MinLSTM
from ostinato.cells.qrnn import QRNN
from ostinato.cells.slstm import SLSTM
from ostinato.cells.sru import SRU

CellFactory = Callable[[int, int], Cell[Any]]
"""Makes a cell from its input size and hidden size: a `Cell` class is one."""


def _lstm_gru(input_size: int, hidden_size: int, *, device: Device = None, dtype: torch.dtype | None = None) -> Chain:
    lower = LSTM(input_size, hidden_size, device=device, dtype=dtype)
    return Chain(lower, GRU(hidden_size, hidden_size, device=device, dtype=dtype))


CELLS: dict[str, CellFactory] = {
    "elman": Elman,
    "relu": partial(Elman, activation="relu"),
    "linear": partial(Elman, activation="identity"),
    "binary": partial(Elman, activation="binary"),
    "jordan": Jordan,
    "lstm": LSTM,
    "peephole_lstm": PeepholeLSTM,
    "coupled_lstm": CoupledLSTM,
    "layer_norm_lstm": LayerNormLSTM,
    "gru": GRU,
    "gru_reset_before": partial(GRU, reset_after=False),
    "mgu": MGU,
    "lstm_gru": _lstm_gru,
    "orthogonal": partial(Elman, init="orthogonal"),
    "irnn": partial(Elman, activation="relu", init="identity"),
    "contractive": ContractiveElman,
    "janet": JANET,
    "slstm": SLSTM,
    "lem": LEM,
    "cornn": CoRNN,
    "fast_rnn": FastRNN,
    "fast_grnn": FastGRNN,
    "indrnn": IndRNN,
    "sru": SRU,
    "qrnn": QRNN,
    "min_gru": MinGRU,
    "min_lstm": MinLSTM,
    "lru": LRU,
    "rg_lru": RGLRU,
}
"""The cells that settings know by name; each is called as ``factory(input_size, hidden_size)``, with
`device` and `dtype` if need be."""
