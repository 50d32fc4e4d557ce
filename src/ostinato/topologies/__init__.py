"""The wirings: how many vectors come in and go out, and when."""

from ostinato.topologies.encoder_decoder import AttentionKind, Carry, EncoderDecoder, Memory
from ostinato.topologies.many_to_many import ManyToMany
from ostinato.topologies.many_to_one import ManyToOne, Pooling
from ostinato.topologies.one_to_many import OneToMany
from ostinato.topologies.one_to_one import Activation, OneToOne
from ostinato.topologies.sampling import drawn, filtered, penalised, without_repeats

__all__ = [
    "Activation",
    "AttentionKind",
    "Carry",
    "EncoderDecoder",
    "ManyToMany",
    "ManyToOne",
    "Memory",
    "OneToMany",
    "OneToOne",
    "Pooling",
    "drawn",
    "filtered",
    "penalised",
    "without_repeats",
]
