"""The wirings: how many vectors come in and go out, and when."""

from ostinato.topologies.beam_search import Hypothesis, SearchLimits, beam_search
from ostinato.topologies.ctc_alignment import AlignedLabel, AlignedWord, aligned_words, ctc_align
from ostinato.topologies.ctc_search import CTCSearch, CTCStream, ctc_greedy
from ostinato.topologies.encoder_decoder import AttentionKind, EncoderDecoder
from ostinato.topologies.encoder_output import DecoderState, EncoderOutput, join_rows, select_rows
from ostinato.topologies.graph_search import GraphSearch
from ostinato.topologies.lexicon import HotWords, Lexicon
from ostinato.topologies.many_to_many import ManyToMany
from ostinato.topologies.many_to_one import ManyToOne, Pooling
from ostinato.topologies.one_to_many import OneToMany
from ostinato.topologies.one_to_one import Activation, OneToOne
from ostinato.topologies.sampling import no_repeat_ngram, repetition_penalty, sample, top_k_top_p_filter
from ostinato.topologies.scorers import LengthBonus, Scorer, SymbolModel, SymbolScorer, WeightedScorers, WordScorer
from ostinato.topologies.transducer import EmittedLabel, PredictionState, Transducer
from ostinato.topologies.transducer_alignment import transducer_align
from ostinato.topologies.transducer_search import TransducerSearch, TransducerStream

__all__ = [
    "Activation",
    "AlignedLabel",
    "AlignedWord",
    "AttentionKind",
    "CTCSearch",
    "CTCStream",
    "DecoderState",
    "EmittedLabel",
    "EncoderDecoder",
    "EncoderOutput",
    "GraphSearch",
    "HotWords",
    "Hypothesis",
    "LengthBonus",
    "Lexicon",
    "ManyToMany",
    "ManyToOne",
    "OneToMany",
    "OneToOne",
    "Pooling",
    "PredictionState",
    "Scorer",
    "SearchLimits",
    "SymbolModel",
    "SymbolScorer",
    "Transducer",
    "TransducerSearch",
    "TransducerStream",
    "WeightedScorers",
    "WordScorer",
    "aligned_words",
    "beam_search",
    "ctc_align",
    "ctc_greedy",
    "join_rows",
    "no_repeat_ngram",
    "repetition_penalty",
    "sample",
    "select_rows",
    "top_k_top_p_filter",
    "transducer_align",
]
