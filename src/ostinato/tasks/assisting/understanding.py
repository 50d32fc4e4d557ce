"""From what a network hears to what is asked for: the likeliest sentence, how sure it is, and of what it is not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ostinato.data.grammar import Grammar, Request, request_of
from ostinato.modalities import padded
from ostinato.modalities.modality import Reader
from ostinato.tasks.assisting.network import AssistantNetwork, label_graph
from ostinato.topologies import GraphSearch

STEPS = 20_000
"""Frames, padding included, that are read at a time."""

LogProbabilities = npt.NDArray[np.float32]
"""Of the blank and of each word at each step, ``(steps, 1 + words)``."""


class Doubt(NamedTuple):
    """A part of what was understood, and how probable it is among all that the grammar has.

    Attributes:
        part: A slot's name; or "intent".
        value: What was understood of it; empty for a slot that was not heard.
        probability: From 0 to 1.
    """

    part: str
    value: str
    probability: float


class Understood(NamedTuple):
    """What a recording asks for.

    Attributes:
        request: The likeliest.
        text: The words that were heard.
        nats: The negative log-probability that the network gives to all sentences that ask for it; infinite where the
            recording is too short for any.
    """

    request: Request
    text: str
    nats: float


NOTHING = Understood(Request("", {}), "", np.inf)
"""What a recording asks for that is too short for any sentence."""


@dataclass(frozen=True, eq=False)
class Understanding:
    """A grammar, listened for.

    Attributes:
        grammar: What may be said.
        words: What the classes of the network are; number 0 is the blank.
    """

    grammar: Grammar
    words: tuple[str, ...]
    _known: dict[str, GraphSearch] = field(default_factory=dict, init=False)  # of requests

    def __post_init__(self) -> None:
        """Makes sure that every word of the grammar can be heard."""
        if unknown := sorted(set(self.grammar.words) - set(self.words)):
            raise ValueError(f"no word {unknown[0]!r} is known")

    @cached_property
    def _search(self) -> GraphSearch:
        return GraphSearch(label_graph(self.grammar.graph, self.words))

    def understood(self, heard: LogProbabilities) -> Understood:
        """What is most likely asked for."""
        arcs = self._search.best(heard)
        if not arcs:
            return NOTHING
        every = [arc for those in self.grammar.graph.arcs for arc in those]
        said = [every[number] for number in arcs]
        request = request_of(said, self.grammar.graph.intents[said[-1].target][0])
        return Understood(request, " ".join(arc.word for arc in said), self.nats(heard, request))

    def nats(self, heard: LogProbabilities, request: Request) -> float:
        """The negative log-probability of all sentences that ask for this."""
        key = str(request)
        if key not in self._known:
            self._known[key] = GraphSearch(label_graph(self.grammar.saying(request), self.words))
        return -self._known[key].log_likelihood(heard)

    def doubts(self, heard: LogProbabilities, request: Request) -> list[Doubt]:
        """How probable each part of a request is among all that the grammar has, the least probable first."""
        graph = self.grammar.graph
        every = [arc for those in graph.arcs for arc in those]
        whole = self._search.log_likelihood(heard)
        found = []
        for slot in self.grammar.slots:
            value = request.slots.get(slot, "")
            # Of a slot that is filled all sentences are left that say otherwise, of one that is not all that do not.
            gone = [arc.slot == slot and value in ("", arc.value) for arc in every]
            rest = float(np.exp(self._search.log_likelihood(heard, allowed=~np.array(gone)) - whole))
            found.append(Doubt(slot, value, 1 - rest if value else rest))
        if len(self.grammar.intents) > 1:
            ends = tuple(node for node, intents in enumerate(graph.intents) if request.intent in intents)
            share = float(np.exp(self._search.log_likelihood(heard, ends=ends) - whole))
            found.append(Doubt("intent", request.intent, share))
        return sorted(found, key=lambda doubt: doubt.probability)


@torch.no_grad()
def hear(network: AssistantNetwork, read: Reader) -> list[LogProbabilities]:
    """What a network hears in each recording; nothing in one without a step."""
    device = next(network.parameters()).device
    classes = network.wiring.output.out_features
    heard: list[LogProbabilities] = [np.zeros((0, classes), np.float32) for _ in read.lengths]
    for rows in _of_like_length(read.lengths):
        x, lengths = padded(read(rows))
        told, steps = network(x.to(device), lengths.to(device))
        for row, own, count in zip(rows, told.float().cpu().numpy(), steps.tolist(), strict=True):
            heard[row] = own[:count].copy()
    return heard


def _of_like_length(lengths: npt.NDArray[np.int64]) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for row in np.argsort(lengths, kind="stable").tolist():
        if not lengths[row]:
            continue
        if parts[-1] and (len(parts[-1]) + 1) * lengths[row] > STEPS:
            parts.append([])
        parts[-1].append(row)
    return [part for part in parts if part]


def why_unsure(doubts: Sequence[Doubt], confidence: float) -> str:
    """Which parts are least sure, in words."""
    unsure = [doubt for doubt in doubts if doubt.probability < 0.9][:2] or list(doubts[:1])
    told = ", ".join(f"{each.part} {each.value or '(not said)'} {each.probability:.0%}" for each in unsure)
    if doubts and doubts[0].probability >= 0.9:
        return f"{confidence:.0%} sure: it does not sound like a sentence of the grammar"
    return f"{confidence:.0%} sure: {told}"
