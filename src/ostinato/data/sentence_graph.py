"""All sentences of a grammar as one graph, whose paths are the sentences: what they share is there once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ostinato.data.expressions import Choice, Phrase, Sequence, Slot, Word

Spoken = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Kind of a slot -> value -> the ways to say it."""


class Arc(NamedTuple):
    """A word that goes on a sentence.

    Attributes:
        word: In small letters.
        slot: Whose value it is a part of; empty for none.
        value: That value; empty for none.
        target: The node it leads to.
    """

    word: str
    slot: str
    value: str
    target: int


@dataclass(frozen=True)
class SentenceGraph:
    """Sentences as paths. No two arcs of a node are alike in all but their target, and none leads back.

    Attributes:
        arcs: Of each node; sentences begin at node 0.
        intents: Of the sentences that end at each node; most have none.
    """

    arcs: tuple[tuple[Arc, ...], ...]
    intents: tuple[tuple[str, ...], ...]

    def count(self) -> int:
        """How many sentences there are; one that means two things counts twice."""
        counts: dict[int, int] = {}

        def below(node: int) -> int:
            if node not in counts:
                counts[node] = len(self.intents[node]) + sum(below(arc.target) for arc in self.arcs[node])
            return counts[node]

        return below(0)

    def paths(self, node: int = 0) -> Iterator[tuple[tuple[Arc, ...], str]]:
        """Every sentence as its arcs, and its intent."""
        for intent in self.intents[node]:
            yield (), intent
        for arc in self.arcs[node]:
            for rest, intent in self.paths(arc.target):
                yield (arc, *rest), intent

    def along(self, words: Iterable[str]) -> Iterator[tuple[tuple[Arc, ...], str]]:
        """Every way to read these words as a sentence."""
        ways: list[tuple[tuple[Arc, ...], int]] = [((), 0)]
        for word in words:
            ways = [((*way, arc), arc.target) for way, node in ways for arc in self.arcs[node] if arc.word == word]
        for way, node in ways:
            for intent in self.intents[node]:
                yield way, intent


Node = frozenset[Arc | str]
"""What may come next: arcs, and the intents of sentences that end here."""


def graph_of(
    expressions: Iterable[tuple[str, Phrase]], spoken: Spoken, only: Mapping[str, str] | None = None
) -> SentenceGraph:
    """The graph of some expressions.

    Args:
        expressions: Each with its intent.
        spoken: The values of slots.
        only: Slots and their values: sentences that say these and no others; None for all sentences.

    Raises:
        ValueError: A sentence fills a slot twice.
    """
    backward = _Backward(spoken, only)
    roots = []
    for intent, phrase in expressions:
        said = backward.before(phrase, {frozenset(): backward.node(frozenset({intent}))})
        roots += [node for slots, node in said.items() if only is None or slots == only.keys()]
    return _determined(backward.nodes, frozenset(roots))


class _Backward:
    """Nodes made from the ends of sentences to their beginnings; equal ones are one."""

    def __init__(self, spoken: Spoken, only: Mapping[str, str] | None) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        self._spoken, self._only = spoken, only

    def node(self, content: Node) -> int:
        """Its number."""
        if content not in self._numbers:
            self._numbers[content] = len(self.nodes)
            self.nodes.append(content)
        return self._numbers[content]

    def before(self, phrase: Phrase, then: Mapping[frozenset[str], int]) -> dict[frozenset[str], int]:
        """Where a phrase begins that `then` follows: nodes by the slots that are filled from there on."""
        match phrase:
            case Word(text):
                return {slots: self._word(text, node) for slots, node in then.items()}
            case Slot():
                return self._slot(phrase, then)
            case Sequence(parts):
                for part in reversed(parts):
                    then = self.before(part, then)
                return dict(then)
            case Choice(options):
                return self._either(self.before(option, then) for option in options)

    def _word(self, text: str, node: int, slot: str = "", value: str = "") -> int:
        return self.node(frozenset({Arc(text.lower(), slot, value, node)}))

    def _slot(self, slot: Slot, then: Mapping[frozenset[str], int]) -> dict[frozenset[str], int]:
        if any(slot.name in slots for slots in then):
            raise ValueError(f"a sentence would fill the slot {slot.name!r} twice: give each place a name of its own")
        values = self._spoken[slot.kind]
        if self._only is not None:
            values = {value: said for value, said in values.items() if self._only.get(slot.name) == value}
        ways = [(value, way.split()) for value, said in values.items() for way in said]
        return self._either(
            {slots | {slot.name}: self._way(words, node, slot.name, value)}
            for value, words in ways
            for slots, node in then.items()
        )

    def _way(self, words: list[str], node: int, slot: str, value: str) -> int:
        for word in reversed(words):
            node = self._word(word, node, slot, value)
        return node

    def _either(self, several: Iterable[Mapping[frozenset[str], int]]) -> dict[frozenset[str], int]:
        together: dict[frozenset[str], Node] = {}
        for ways in several:
            for slots, node in ways.items():
                together[slots] = together.get(slots, frozenset()) | self.nodes[node]
        return {slots: self.node(content) for slots, content in together.items()}


def _determined(nodes: list[Node], roots: frozenset[int]) -> SentenceGraph:
    """The same sentences without two arcs of a node that are alike: the subset construction."""
    made: dict[frozenset[int], tuple[dict[tuple[str, str, str], frozenset[int]], tuple[str, ...]]] = {}
    waiting = [roots]
    while waiting:
        subset = waiting.pop()
        if subset in made:
            continue
        targets: dict[tuple[str, str, str], set[int]] = {}
        intents = set()
        for each in (each for number in subset for each in nodes[number]):
            if isinstance(each, Arc):
                targets.setdefault(each[:3], set()).add(each.target)
            else:
                intents.add(each)
        onward = {key: frozenset(targets[key]) for key in sorted(targets)}
        made[subset] = onward, tuple(sorted(intents))
        waiting += onward.values()
    return _numbered(made, roots)


def _numbered(
    made: Mapping[frozenset[int], tuple[dict[tuple[str, str, str], frozenset[int]], tuple[str, ...]]],
    roots: frozenset[int],
) -> SentenceGraph:
    order, places = [roots], {roots: 0}
    for subset in order:
        for target in made[subset][0].values():
            if target not in places:
                places[target] = len(order)
                order.append(target)
    arcs = tuple(tuple(Arc(*key, places[target]) for key, target in made[subset][0].items()) for subset in order)
    return SentenceGraph(arcs, tuple(made[subset][1] for subset in order))
