"""The wirings: how many vectors come in and go out, and when."""

from ostinato.topologies.beam_search import Hypothesis, SearchLimits, beam_search
from ostinato.topologies.encoder_decoder import AttentionKind, EncoderDecoder
from ostinato.topologies.encoder_output import DecoderState, EncoderOutput, select_rows
from ostinato.topologies.many_to_many import ManyToMany
from ostinato.topologies.many_to_one import ManyToOne, Pooling
from ostinato.topologies.one_to_many import OneToMany
from ostinato.topologies.one_to_one import Activation, OneToOne
from ostinato.topologies.sampling import no_repeat_ngram, repetition_penalty, sample, top_k_top_p_filter

__all__ = [
    "Activation",
    "AttentionKind",
    "DecoderState",
    "EncoderDecoder",
    "EncoderOutput",
    "Hypothesis",
    "ManyToMany",
    "ManyToOne",
    "OneToMany",
    "OneToOne",
    "Pooling",
    "SearchLimits",
    "beam_search",
    "no_repeat_ngram",
    "repetition_penalty",
    "sample",
    "select_rows",
    "top_k_top_p_filter",
]
