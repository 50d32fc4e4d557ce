"""Grammars: what may be said to an assistant, what each sentence means, and what is replied."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import yaml
from torch import Tensor

from ostinato.data.expressions import Choice, Phrase, Slot, Word, parsed, slots_in
from ostinato.data.expressions import Sequence as Parts
from ostinato.data.packed import ending_of
from ostinato.data.sentence_graph import Arc, SentenceGraph, Spoken, graph_of
from ostinato.data.text import Text
from ostinato.errors import OstinatoError

ENDINGS = (".yaml", ".yml")
"""How the names of grammars end; behind it `.gz`, if they are packed."""

_KEYS = ("expressions", "slots", "macros", "replies")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{([^{}]*)\}")


class Request(NamedTuple):
    """What a sentence asks for.

    Attributes:
        intent: What is to be done.
        slots: Name -> value, of those that are said.

    Example:
        >>> from ostinato.data import Request
        >>> Request.of_text('{"intent": "brew", "slots": {"size": "small"}}').slots
        {'size': 'small'}
    """

    intent: str
    slots: dict[str, str]

    def __str__(self) -> str:
        """As JSON, slots in the order of the alphabet."""
        return json.dumps({"intent": self.intent, "slots": dict(sorted(self.slots.items()))}, ensure_ascii=False)

    @property
    def slots_text(self) -> str:
        """The slots as JSON, in the order of the alphabet."""
        return json.dumps(dict(sorted(self.slots.items())), ensure_ascii=False)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """What `str` gave."""
        content = json.loads(text)
        return cls(content["intent"], content["slots"])


class Sentence(NamedTuple):
    """A sentence of a grammar, and what it asks for."""

    text: str
    request: Request

    def __str__(self) -> str:
        """The request as JSON, with the text beside it."""
        return json.dumps({**json.loads(str(self.request)), "text": self.text}, ensure_ascii=False)


@dataclass(frozen=True, eq=False)
class Grammar:
    """Sentences with slots, their meaning, and replies.

    Args:
        text: A YAML document, perhaps all under ``context``, as Picovoice's Rhino has it: ``expressions`` (a list for
            each intent, see `ostinato.data.expressions.parsed`); ``slots`` (a list of values for each kind, of which
            one may be a mapping from the value to the ways to say it); ``macros`` (a list of expressions for each);
            ``replies`` (a text for each intent, with ``{slot}`` for its value and brackets around what is left out
            where a slot in them is not filled).
        origin: What errors call it.

    Raises:
        OstinatoError: With the line, for what is no grammar.

    Example:
        >>> from ostinato.data import Grammar
        >>> grammar = Grammar('''
        ... expressions:
        ...   brew: ["(please) make me [a, one] $size:size coffee"]
        ... slots:
        ...   size: [small, {large: [large, big]}]
        ... replies:
        ...   brew: "One {size} coffee, coming up."
        ... ''')
        >>> grammar.match("make me a big coffee")
        Request(intent='brew', slots={'size': 'large'})
        >>> grammar.reply(grammar.match("make me a big coffee"))
        'One large coffee, coming up.'
        >>> grammar.count
        12
    """

    text: str
    origin: str = "the grammar"

    def __post_init__(self) -> None:
        """Makes sure that it can be read whole."""
        _ = self.graph

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """A grammar's file.

        Raises:
            OstinatoError: It cannot be read, or is no grammar.
        """
        if ending_of(Path(path)) not in ENDINGS:
            raise OstinatoError(f"{path}: not named as a grammar is (.yaml, .yml): give one")
        return cls("".join(Text.of(Path(path)).pieces()), str(path))

    @cached_property
    def _content(self) -> "_Content":
        return _Content.of(self.text, self.origin)

    @property
    def expressions(self) -> tuple[tuple[str, Phrase], ...]:
        """Each with its intent."""
        return self._content.expressions

    @cached_property
    def graph(self) -> SentenceGraph:
        """All sentences."""
        return graph_of(self.expressions, self._content.spoken)

    @property
    def count(self) -> int:
        """How many sentences there are."""
        return self.graph.count()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Those that sentences are made of, in the order of the alphabet."""
        return tuple(sorted({arc.word for arcs in self.graph.arcs for arc in arcs}))

    @cached_property
    def intents(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(dict.fromkeys(intent for intent, _ in self.expressions))

    @cached_property
    def slots(self) -> dict[str, tuple[str, ...]]:
        """The values of each slot that a sentence may fill."""
        names = {slot.name: slot.kind for _, phrase in self.expressions for slot in slots_in(phrase)}
        return {name: tuple(self._content.spoken[kind]) for name, kind in names.items()}

    def sentences(self) -> Iterator[Sentence]:
        """All of them, which may be very many."""
        for arcs, intent in self.graph.paths():
            yield Sentence(" ".join(arc.word for arc in arcs), request_of(arcs, intent))

    def sample(self, rng: np.random.Generator) -> Sentence:
        """A sentence: an expression at random, and in it one of each choice."""
        intent, phrase = self.expressions[int(rng.integers(len(self.expressions)))]
        slots: dict[str, str] = {}
        words = _drawn(phrase, self._content.spoken, rng, slots)
        return Sentence(" ".join(words), Request(intent, slots))

    def match(self, text: str) -> Request | None:
        """What a text asks for, letters small or not; None where it is no sentence of the grammar."""
        found = self.graph.along(text.lower().split())
        return next((request_of(arcs, intent) for arcs, intent in found), None)

    def saying(self, request: Request) -> SentenceGraph:
        """The sentences that ask for this and nothing else.

        Raises:
            ValueError: There are none, or no such intent, slot or value.
        """
        self._check(request)
        same = [each for each in self.expressions if each[0] == request.intent]
        graph = graph_of(same, self._content.spoken, request.slots)
        if not graph.count():
            filled = ", ".join(sorted(request.slots)) or "no slot"
            raise ValueError(f"no sentence of {request.intent!r} fills {filled} and nothing else")
        return graph

    def sentence(self, text: str) -> SentenceGraph:
        """A sentence alone, as a graph.

        Raises:
            ValueError: The grammar has no such sentence.
        """
        way = next(self.graph.along(text.lower().split()), None)
        if way is None:
            raise ValueError(f"the grammar has no sentence {text!r}")
        arcs, intent = way
        chain = tuple((arc._replace(target=place),) for place, arc in enumerate(arcs, 1))
        return SentenceGraph((*chain, ()), (*((),) * len(arcs), (intent,)))

    def _check(self, request: Request) -> None:
        _require(request.intent, self.intents, "intent")
        for name, value in request.slots.items():
            _require(name, self.slots, "slot")
            _require(value, self.slots[name], f"value of {name!r}")

    def reply(self, request: Request) -> str:
        """The reply of its intent, filled; without one, what was understood."""
        template = self._content.replies.get(request.intent)
        if template is None:
            filled = ", ".join(f"{name} {value}" for name, value in request.slots.items())
            return f"{request.intent}: {filled}" if filled else request.intent
        kept = _OPTIONAL.sub(lambda found: found[1] if _filled(found[1], request.slots) else "", template)
        return " ".join(_FIELD.sub(lambda found: request.slots.get(found[1], ""), kept).split())

    def saved(self) -> tuple[dict[str, Tensor], Any]:
        """Its text."""
        return {}, self.text

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: Any) -> Self:
        """What `saved` came from."""
        if tensors or not isinstance(content, str):
            raise ValueError("a grammar is a text")
        try:
            return cls(content)
        except OstinatoError as error:
            raise ValueError(str(error)) from error


def request_of(arcs: Sequence[Arc], intent: str) -> Request:
    """What a path through a graph asks for."""
    return Request(intent, {arc.slot: arc.value for arc in arcs if arc.slot})


def is_grammar(source: object) -> bool:
    """Whether something is a grammar, or named as one."""
    return isinstance(source, Grammar) or (isinstance(source, str | Path) and ending_of(Path(source)) in ENDINGS)


def _require(name: str, known: Any, what: str) -> None:
    if name not in known:
        some = list(known)
        listed = ", ".join(map(repr, some[:8])) + ", ..." * (len(some) > 8)
        raise ValueError(f"the grammar has no {what} {name!r} (there are: {listed or 'none'})")


def _filled(template: str, slots: Mapping[str, str]) -> bool:
    return all(name in slots for name in _FIELD.findall(template))


def _drawn(phrase: Phrase, spoken: Spoken, rng: np.random.Generator, slots: dict[str, str]) -> list[str]:
    match phrase:
        case Word(text):
            return [text]
        case Slot(kind, name):
            values = list(spoken[kind])
            slots[name] = values[int(rng.integers(len(values)))]
            ways = spoken[kind][slots[name]]
            return ways[int(rng.integers(len(ways)))].split()
        case Parts(parts):
            return [word for part in parts for word in _drawn(part, spoken, rng, slots)]
        case Choice(options):
            return _drawn(options[int(rng.integers(len(options)))], spoken, rng, slots)


class _Content(NamedTuple):
    """What a grammar's text says."""

    expressions: tuple[tuple[str, Phrase], ...]
    spoken: dict[str, dict[str, tuple[str, ...]]]
    replies: dict[str, str]

    @classmethod
    def of(cls, text: str, origin: str) -> Self:
        reader = _Reader(origin)
        parts = reader.parts(text)
        spoken = {kind.value: reader.values(kind, node) for kind, node in reader.pairs(parts.get("slots"), "slots")}
        macros = dict(reader.pairs(parts.get("macros"), "macros"))
        named = {name.value: node for name, node in macros.items()}
        phrases = reader.phrases(parts.get("expressions"), spoken, named)
        if not phrases:
            raise OstinatoError(f"{origin}: no expressions: give a list of them for each intent")
        intents = {intent for intent, _ in phrases}
        slots = {slot.name for _, phrase in phrases for slot in slots_in(phrase)}
        replies = reader.replies(parts.get("replies"), intents, slots)
        return cls(tuple(phrases), spoken, replies)


class _Reader:
    """Reads the nodes of a YAML document, which know their lines."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def error(self, what: str, node: yaml.Node) -> OstinatoError:
        return OstinatoError(f"{self.origin}, line {node.start_mark.line + 1}: {what}")

    def parts(self, text: str) -> dict[str, yaml.Node]:
        """The document's four parts, as far as they are there."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise OstinatoError(f"{self.origin}{line}: not YAML: {error.problem}") from None
        except (yaml.YAMLError, RecursionError) as error:
            raise OstinatoError(f"{self.origin}: not YAML: {error}") from None
        if root is None:
            raise OstinatoError(f"{self.origin}: the file is empty: give expressions")
        pairs = self.pairs(root, "the grammar")
        if [key.value for key, _ in pairs] == ["context"]:
            pairs = self.pairs(pairs[0][1], "context")
        for key, _ in pairs:
            if key.value not in _KEYS:
                raise self.error(f"{key.value!r} is no part of a grammar ({', '.join(_KEYS)})", key)
        return {key.value: node for key, node in pairs}

    def pairs(self, node: yaml.Node | None, what: str) -> list[tuple[Any, yaml.Node]]:
        """The keys and values of a mapping; none where there is nothing."""
        if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
            return []
        if not isinstance(node, yaml.MappingNode):
            raise self.error(f"{what}: names and what they stand for should be here", node)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value.strip():
                raise self.error(f"{what}: a name should be here", key)
            if key.value in seen:
                raise self.error(f"{what}: {key.value!r} again", key)
            seen.add(key.value)
        return list(node.value)

    def texts(self, node: yaml.Node, what: str) -> list[tuple[str, yaml.Node]]:
        """A list of texts, one at least; a text alone is a list of one."""
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for item in items:
            if not isinstance(item, yaml.ScalarNode) or not item.value.strip():
                raise self.error(f"{what}: a text should be here", item)
        if not items:
            raise self.error(f"{what}: the list is empty", node)
        return [(item.value, item) for item in items]

    def values(self, kind: yaml.Node, node: yaml.Node) -> dict[str, tuple[str, ...]]:
        """The values of a kind of slot, and how each is said."""
        what = f"the slot {kind.value!r}"
        values: dict[str, tuple[str, ...]] = {}
        for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(item, yaml.MappingNode):
                told = [(key.value, key, self.texts(ways, what)) for key, ways in self.pairs(item, what)]
            else:
                told = [(text, place, [(text, place)]) for text, place in self.texts(item, what)]
            for value, place, ways in told:
                if value in values:
                    raise self.error(f"{what}: the value {value!r} again", place)
                values[value] = tuple(way for way, _ in ways)
        if not values:
            raise self.error(f"{what} has no values", node)
        return values

    def phrases(
        self, node: yaml.Node | None, spoken: Spoken, macros: Mapping[str, yaml.Node]
    ) -> list[tuple[str, Phrase]]:
        """The expressions of all intents."""
        macro = self._macros(macros)
        found = []
        for intent, expressions in self.pairs(node, "expressions"):
            for text, place in self.texts(expressions, f"the intent {intent.value!r}"):
                phrase = self._phrase(text, place, macro)
                self._check(phrase, text, place, spoken)
                found.append((intent.value, phrase))
        return found

    def _macros(self, nodes: Mapping[str, yaml.Node]) -> Callable[[str], Phrase]:
        """What gives the phrase of a macro, which may use others."""
        open_: list[str] = []

        def macro(name: str) -> Phrase:
            if name not in nodes:
                raise ValueError(f"no macro @{name} (there are: {', '.join(nodes) or 'none'})")
            if name in open_:
                raise ValueError(f"the macro @{name} stands within itself")
            open_.append(name)
            options = [self._phrase(text, place, macro) for text, place in self.texts(nodes[name], f"@{name}")]
            open_.pop()
            return Choice(tuple(options))

        return macro

    def _phrase(self, text: str, place: yaml.Node, macro: Callable[[str], Phrase]) -> Phrase:
        try:
            return parsed(text, macro)
        except ValueError as error:
            raise self.error(f"{_short(text)}: {error}", place) from None
        except RecursionError:
            raise self.error(f"{_short(text)}: brackets within brackets, too deep", place) from None

    def _check(self, phrase: Phrase, text: str, place: yaml.Node, spoken: Spoken) -> None:
        for slot in slots_in(phrase):
            if slot.kind not in spoken:
                raise self.error(f"{_short(text)}: no slot {slot.kind!r} is listed under slots", place)
        try:
            graph = graph_of([("", phrase)], spoken)
        except ValueError as error:
            raise self.error(f"{_short(text)}: {error}", place) from None
        if graph.intents[0]:
            raise self.error(f"{_short(text)}: all of it may be left out: a sentence needs a word", place)

    def replies(self, node: yaml.Node | None, intents: set[str], slots: set[str]) -> dict[str, str]:
        """The template of each intent that has one."""
        told = {}
        for intent, template in self.pairs(node, "replies"):
            (text, place), *more = self.texts(template, f"the reply to {intent.value!r}")
            if more or intent.value not in intents:
                what = "one text should be here" if more else "no expressions of such an intent"
                raise self.error(f"the reply to {intent.value!r}: {what}", intent)
            if unknown := [name for name in _FIELD.findall(text) if name not in slots]:
                raise self.error(f"the reply to {intent.value!r}: no slot {unknown[0]!r}", place)
            told[intent.value] = text
        return told


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
