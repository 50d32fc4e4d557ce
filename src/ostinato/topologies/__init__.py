"""The wirings: how many vectors come in and go out, and when."""

from ostinato.topologies.beam_search import Hypothesis, Limits, beam_search
from ostinato.topologies.encoder_decoder import AttentionKind, EncoderDecoder
from ostinato.topologies.many_to_many import ManyToMany
from ostinato.topologies.many_to_one import ManyToOne, Pooling
from ostinato.topologies.memory import Carry, Memory, select_rows
from ostinato.topologies.one_to_many import OneToMany
from ostinato.topologies.one_to_one import Activation, OneToOne
from ostinato.topologies.sampling import drawn, filtered, penalised, without_repeats

__all__ = [
    "Activation",
    "AttentionKind",
    "Carry",
    "EncoderDecoder",
    "Hypothesis",
    "Limits",
    "ManyToMany",
    "ManyToOne",
    "Memory",
    "OneToMany",
    "OneToOne",
    "Pooling",
    "beam_search",
    "drawn",
    "filtered",
    "penalised",
    "select_rows",
    "without_repeats",
]
