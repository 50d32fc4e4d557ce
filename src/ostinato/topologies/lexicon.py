"""Words that a search must keep to, and words that it should listen for."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from ostinato.topologies.scorers import Floats


class _Trie:
    """Sequences of labels that share their beginnings: nodes are numbers, the root 0.

    Attributes:
        children: Of each node, the node behind each label.
        depth: Labels from the root.
    """

    def __init__(self) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.depth = [0]

    def add(self, labels: Iterable[int]) -> int:
        """Adds a sequence; gives the node of its last label."""
        node = 0
        for label in labels:
            if label not in self.children[node]:
                self.children[node][label] = len(self.children)
                self.children.append({})
                self.depth.append(self.depth[node] + 1)
            node = self.children[node][label]
        return node


class Lexicon:
    """A scorer that allows the words of a list and nothing else: 0 for what may come, minus infinity for the rest.

    Words are separated by one or more separators, which may come first and last, too; without any, word follows upon
    word. A text may only end where a word does.

    Args:
        words: The words, each its labels.
        classes: Classes of the recogniser.
        separators: Labels between words.

    Raises:
        ValueError: For no words, an empty word, or one with a separator or a label that is no class.

    Example:
        >>> import numpy as np
        >>> from ostinato.topologies import CTCSearch, Lexicon
        >>> frames = np.log([[0.1, 0.5, 0.4], [0.1, 0.5, 0.4]])
        >>> words = Lexicon([[1, 2], [2]], classes=3)
        >>> CTCSearch()(frames)[0].ids, CTCSearch(scorers=[(words, 1.0)])(frames)[0].ids
        ((1,), (2,))
    """

    def __init__(self, words: Iterable[Sequence[int]], classes: int, separators: Collection[int] = ()) -> None:
        self._trie, self._classes, self._separators = _Trie(), classes, frozenset(separators)
        self._ends: set[int] = set()
        for word in words:
            _check(word, classes, self._separators)
            self._ends.add(self._trie.add(word))
        if not self._ends:
            raise ValueError("a lexicon must have at least one word")

    def start(self) -> tuple[int, ...]:
        """The places in the trie where the text may stand; without separators there may be several."""
        return (0,)

    def following(self, states: Sequence[tuple[int, ...]]) -> Floats:
        scores = np.full((len(states), self._classes), -np.inf)
        for row, state in enumerate(states):
            scores[row, [label for node in state for label in self._trie.children[node]]] = 0
            if 0 in state or self._ended(state):
                scores[row, list(self._separators)] = 0
        return scores

    def advance(self, states: Sequence[tuple[int, ...]], labels: Sequence[int]) -> list[tuple[int, ...]]:
        return [self._next(state, label) for state, label in zip(states, labels, strict=True)]

    def end(self, states: Sequence[tuple[int, ...]]) -> Floats:
        return np.array([0.0 if 0 in state or self._ended(state) else -np.inf for state in states])

    def _ended(self, state: tuple[int, ...]) -> bool:
        return not self._ends.isdisjoint(state)

    def _next(self, state: tuple[int, ...], label: int) -> tuple[int, ...]:
        if label in self._separators:
            return (0,) if 0 in state or self._ended(state) else ()
        nodes = {self._trie.children[node][label] for node in state if label in self._trie.children[node]}
        if not self._separators and not self._ends.isdisjoint(nodes):
            nodes.add(0)
        return tuple(sorted(nodes))


class HotWords:
    """A scorer that listens for phrases: one for each label of a phrase, and what half a phrase got is taken back.

    Each label that goes on with a phrase scores at once, so that a search keeps it; where the text turns out to be
    another, the score is refunded. A text's score is the number of labels of all phrases in it, wherever they stand.
    The matching is that of Aho & Corasick 1975. The weight of the scorer is the bonus a label, in nats.

    Args:
        phrases: The phrases, each its labels.
        classes: Classes of the recogniser.
        separators: Labels between words, at which alone a phrase begins and ends; anywhere unless given.

    Raises:
        ValueError: For an empty phrase, or one with a label that is no class.

    Example:
        >>> from ostinato.topologies import HotWords
        >>> hot = HotWords([[1, 2, 3]], classes=4)
        >>> state = hot.start()
        >>> for label in (1, 2):
        ...     (state,) = hot.advance([state], [label])
        >>> hot.following([state])  # the 3 completes the phrase; another label loses what 1 and 2 got; a 1 begins anew
        array([[-2., -1., -2.,  1.]])
        >>> hot.end([state])
        array([-2.])
    """

    def __init__(self, phrases: Iterable[Sequence[int]], classes: int, separators: Collection[int] = ()) -> None:
        self._classes, self._separators = classes, frozenset(separators)
        self._boundary = min(self._separators, default=None)
        self._trie = _Trie()
        ends: dict[int, int] = {}
        for phrase in phrases:
            _check(phrase, classes, frozenset())
            # A boundary on both sides; that behind one phrase may stand before the next.
            around = [] if self._boundary is None else [self._boundary]
            inside = [self._boundary_of(label) for label in phrase]
            ends[self._trie.add([*around, *inside, *around])] = len(phrase)
        self._link(ends)
        self._rows: dict[int, Floats] = {}

    def _boundary_of(self, label: int) -> int:
        """All separators are alike."""
        return self._boundary if self._boundary is not None and label in self._separators else label

    def _link(self, ends: dict[int, int]) -> None:
        """For each node the longest of its ends that is a beginning, too, and what the phrases that end there score."""
        nodes = len(self._trie.children)
        self._fail = [0] * nodes
        self._complete = [ends.get(node, 0) for node in range(nodes)]
        queue = deque(self._trie.children[0].values())
        while queue:
            node = queue.popleft()
            self._complete[node] += self._complete[self._fail[node]]
            for label, child in self._trie.children[node].items():
                self._fail[child] = self._target(self._fail[node], label)
                queue.append(child)
        self._held = [self._credit(node) for node in range(nodes)]

    def _credit(self, node: int) -> int:
        """What the phrase that has begun at a node has got so far, one label at a time."""
        while node and not self._trie.children[node]:
            node = self._fail[node]
        return max(self._trie.depth[node] - (self._boundary is not None), 0)

    def _target(self, node: int, label: int) -> int:
        while node and label not in self._trie.children[node]:
            node = self._fail[node]
        return self._trie.children[node].get(label, 0)

    def _next(self, node: int, label: int) -> int:
        return self._target(node, self._boundary_of(label))

    def _row(self, node: int) -> Floats:
        """What each label scores behind a node."""
        if node not in self._rows:
            targets = [self._next(node, label) for label in range(self._classes)]
            gained = [self._complete[target] + self._held[target] - self._held[node] for target in targets]
            self._rows[node] = np.array(gained, np.float64)
        return self._rows[node]

    def start(self) -> int:
        """The node of the trie; a text begins as if behind a separator."""
        return 0 if self._boundary is None else self._target(0, self._boundary)

    def following(self, states: Sequence[int]) -> Floats:
        return np.stack([self._row(node) for node in states])

    def advance(self, states: Sequence[int], labels: Sequence[int]) -> list[int]:
        return [self._next(node, label) for node, label in zip(states, labels, strict=True)]

    def end(self, states: Sequence[int]) -> Floats:
        return np.array([self._closing(node) - self._held[node] for node in states], np.float64)

    def _closing(self, node: int) -> int:
        """What the end of the text completes: it is a boundary."""
        return 0 if self._boundary is None else self._complete[self._target(node, self._boundary)]


def _check(labels: Sequence[int], classes: int, separators: frozenset[int]) -> None:
    if not len(labels):
        raise ValueError("a word must have at least one label")
    for label in labels:
        if not 0 <= label < classes or label in separators:
            what = "is a separator" if label in separators else f"is none of the {classes} classes"
            raise ValueError(f"the label {label} of the word {list(labels)} {what}")
