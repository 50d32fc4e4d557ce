"""Layers: any cell over time, torch's own layers on this engine, attention, losses over alignments."""

from ostinato.engine.lengths import sequence_mask
from ostinato.nn.attention import AdditiveAttention, MultiplicativeAttention
from ostinato.nn.crf import CRF, Transitions
from ostinato.nn.ctc import ctc_loss, fewest_frames
from ostinato.nn.dropin import GRU, LSTM, RNN
from ostinato.nn.dropout import LockedDropout, TokenEmbedding
from ostinato.nn.graph_ctc import GraphBatch, LabelArc, LabelGraph, graph_log_likelihood
from ostinato.nn.output_loss import linear_cross_entropy
from ostinato.nn.recurrent import Recurrent
from ostinato.nn.transducer import transducer_loss

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "GraphBatch",
    "LabelArc",
    "LabelGraph",
    "LockedDropout",
    "MultiplicativeAttention",
    "Recurrent",
    "TokenEmbedding",
    "Transitions",
    "ctc_loss",
    "fewest_frames",
    "graph_log_likelihood",
    "linear_cross_entropy",
    "sequence_mask",
    "transducer_loss",
]
