"""The cells that are compared, and how their training begins."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from ostinato.cells import CELLS, GRU, LRU, LSTM, CellFactory, IndRNN


@dataclass(frozen=True)
class Start:
    """A cell and its first weights.

    Attributes:
        about: In a few words.
        factory: From the lag to what makes the cell.
    """

    about: str
    factory: Callable[[int], CellFactory]


def open_lstm(input_size: int, hidden_size: int, *, lag: int) -> LSTM:
    """An LSTM that begins to remember for about `lag` steps (Tallec & Ollivier 2018, section 2).

    The forget gates' bias is ``log(lag)``, the input gates' ``-log(lag)``: a memory keeps ``lag / (lag + 1)`` of
    itself at each step, and little is written over it. In the paper the lag is drawn for each unit.
    """
    cell = LSTM(input_size, hidden_size, forget_bias=math.log(lag))
    weights = dict(cell.named_parameters())
    with torch.no_grad():
        weights["bias_ih"][:hidden_size] = -math.log(lag)
        weights["bias_hh"][:hidden_size] = 0.0
    return cell


def open_gru(input_size: int, hidden_size: int, *, lag: int) -> GRU:
    """A GRU that begins to remember for about `lag` steps: its update gates' bias is ``log(lag)``; see `open_lstm`."""
    cell = GRU(input_size, hidden_size)
    cell.set_forget_bias(math.log(lag))
    return cell


STARTS = {
    "elman": Start("as torch begins it", lambda lag: CELLS["elman"]),
    "lstm": Start("as torch begins it", lambda lag: CELLS["lstm"]),
    "lstm, open": Start("forget gates open, input gates shut, for the lag", lambda lag: partial(open_lstm, lag=lag)),
    "gru, open": Start("update gates open for the lag", lambda lag: partial(open_gru, lag=lag)),
    "indrnn": Start("recurrent weights bound for the lag", lambda lag: partial(IndRNN, longest=lag)),
    "lru": Start("moduli from 0.9 to 0.999", lambda lag: partial(LRU, r_min=0.9, r_max=0.999)),
}
"""By name. Each begins as its paper advises for a lag that is known, but for the first two, which begin as in torch."""
