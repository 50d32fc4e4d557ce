"""What a search asks of everything that has an opinion of the text it writes: language models, lexicons, hot words."""

from collections.abc import Collection, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
S = TypeVar("S")
H = TypeVar("H", bound=Hashable)


class Scorer(Protocol[S]):
    """Scores a text label by label, as it is written.

    A state stands for what was written so far; it is never changed. Scores are added up and weighed against the
    log-probabilities of the recogniser: nats where they are log-probabilities themselves, minus infinity for what must
    not be written. Prefixes are asked for together, so that a network reads them as one batch.

    Example:
        >>> import numpy as np
        >>> from ostinato.topologies import CTCSearch
        >>> class NoRepeats:  # a scorer whose state is the last label
        ...     def start(self):
        ...         return -1
        ...     def following(self, states):
        ...         return np.where(np.arange(3) == np.array(states)[:, None], -np.inf, 0.0)
        ...     def advance(self, states, labels):
        ...         return list(labels)
        ...     def end(self, states):
        ...         return np.zeros(len(states))
        >>> frames = np.log([[0.1, 0.6, 0.3], [0.8, 0.1, 0.1], [0.02, 0.58, 0.4]])
        >>> CTCSearch()(frames)[0].ids, CTCSearch(scorers=[(NoRepeats(), 1.0)])(frames)[0].ids
        ((1, 1), (1, 2))
    """

    def start(self) -> S:
        """The state before the first label."""

    def following(self, states: Sequence[S]) -> Floats:
        """The score of each label as the next one ``(states, classes)``; that of the blank is not read."""

    def advance(self, states: Sequence[S], labels: Sequence[int]) -> list[S]:
        """The state after one more label, for each of several states."""

    def end(self, states: Sequence[S]) -> Floats:
        """The score of a text that ends here ``(states,)``."""


class WeightedScorers:
    """Several scorers as one, each times its weight.

    Args:
        scorers: Scorers, each with its weight; one of weight 0 is left out.

    Raises:
        ValueError: For a weight that is not finite.

    Example:
        >>> from ostinato.topologies import LengthBonus, WeightedScorers
        >>> both = WeightedScorers([(LengthBonus(3), 0.5), (LengthBonus(3), 1.0)])
        >>> both.following([both.start()])
        array([[1.5, 1.5, 1.5]])
    """

    def __init__(self, scorers: Sequence[tuple[Scorer[Any], float]]) -> None:
        for _, weight in scorers:
            if not np.isfinite(weight):
                raise ValueError(f"a scorer's weight must be a finite number, got {weight}")
        self._parts = [(scorer, weight) for scorer, weight in scorers if weight]

    def __bool__(self) -> bool:
        """Whether anything is scored."""
        return bool(self._parts)

    def start(self) -> tuple[Any, ...]:
        return tuple(scorer.start() for scorer, _ in self._parts)

    def following(self, states: Sequence[tuple[Any, ...]]) -> Floats:
        return self._sum(scorer.following(part) for scorer, part in self._columns(states))

    def advance(self, states: Sequence[tuple[Any, ...]], labels: Sequence[int]) -> list[tuple[Any, ...]]:
        return list(zip(*(scorer.advance(part, labels) for scorer, part in self._columns(states)), strict=True))

    def end(self, states: Sequence[tuple[Any, ...]]) -> Floats:
        return self._sum(scorer.end(part) for scorer, part in self._columns(states))

    def _columns(self, states: Sequence[tuple[Any, ...]]) -> Any:
        return ((scorer, [state[at] for state in states]) for at, (scorer, _) in enumerate(self._parts))

    def _sum(self, scores: Any) -> Floats:
        return np.asarray(sum(weight * score for (_, weight), score in zip(self._parts, scores, strict=True)))


class LengthBonus:
    """One for each label, or for each word: what makes up for a language model's preference for short texts.

    Its weight is what each adds (the beta of Hannun et al. 2014).

    Args:
        classes: Classes of the recogniser.
        separators: Labels between words, for a bonus a word; labels are counted unless given.

    Example:
        >>> from ostinato.topologies import LengthBonus
        >>> words = LengthBonus(4, separators=[3])
        >>> words.following([words.start(), words.advance([words.start()], [2])[0]])  # a word ends at the separator
        array([[0., 0., 0., 0.],
               [0., 0., 0., 1.]])
    """

    def __init__(self, classes: int, separators: Collection[int] = ()) -> None:
        self._separators = frozenset(separators)
        ends = np.zeros(classes)
        ends[list(self._separators)] = 1
        self._rows = np.stack([np.zeros(classes), ends]) if separators else np.ones((2, classes))

    def start(self) -> bool:
        """Whether a word has begun."""
        return False

    def following(self, states: Sequence[bool]) -> Floats:
        return self._rows[np.array(states, np.int64)]

    def advance(self, states: Sequence[bool], labels: Sequence[int]) -> list[bool]:
        return [label not in self._separators for label in labels]

    def end(self, states: Sequence[bool]) -> Floats:
        return np.array(states, np.float64) if self._separators else np.zeros(len(states))


class SymbolModel(Protocol[H]):
    """A language model that reads one symbol after another, as `ostinato.data.NgramModel` does.

    Example:
        >>> from ostinato.data import NgramModel
        >>> model = NgramModel.estimate([["a", "b"], ["a", "c"]], order=2)
        >>> history = model.extend(model.start(), "a")
        >>> history, model.log_probability(history, "b") == model.log_probability(history, "c")
        (('a',), True)
    """

    def start(self) -> H:
        """What is known before the first symbol."""

    def extend(self, history: H, symbol: str) -> H:
        """What is known after one more."""

    def log_probability(self, history: H, symbol: str) -> float:
        """Nats of a symbol."""

    def end(self, history: H) -> float:
        """Nats of the end of the text."""


class SymbolScorer(Generic[H]):
    """A language model whose symbols are the recogniser's labels.

    Args:
        model: The language model.
        symbols: The symbol of each class ``(classes,)``; what stands at the blank's place is not read.

    Example:
        >>> from ostinato.data import NgramModel
        >>> from ostinato.topologies import SymbolScorer
        >>> scorer = SymbolScorer(NgramModel.estimate(["abab", "abb"], order=2), symbols=["", "a", "b"])
        >>> first = scorer.following([scorer.start()])[0]
        >>> bool(first[1] > first[2])  # a text begins with an a
        True
    """

    def __init__(self, model: SymbolModel[H], symbols: Sequence[str]) -> None:
        self._model, self._symbols = model, list(symbols)

    def start(self) -> H:
        return self._model.start()

    def following(self, states: Sequence[H]) -> Floats:
        return np.array([[self._model.log_probability(state, symbol) for symbol in self._symbols] for state in states])

    def advance(self, states: Sequence[H], labels: Sequence[int]) -> list[H]:
        return [self._model.extend(state, self._symbols[label]) for state, label in zip(states, labels, strict=True)]

    def end(self, states: Sequence[H]) -> Floats:
        return np.array([self._model.end(state) for state in states])


class WordScorer(Generic[H]):
    """A language model of words over labels that spell them: a word is scored where it ends.

    Nothing may be written between two words but one separator, and none before the first word.

    Args:
        model: The language model.
        symbols: The text of each class ``(classes,)``; what stands at the blank's place is not read.
        separator: The label between words.

    Example:
        >>> from ostinato.data import NgramModel
        >>> from ostinato.topologies import WordScorer
        >>> scorer = WordScorer(NgramModel.estimate([["a", "ba"]], order=2), symbols=["", "a", "b", " "], separator=3)
        >>> state = scorer.start()
        >>> for label in (1, 3, 2):
        ...     (state,) = scorer.advance([state], [label])
        >>> state
        (('a',), 'b')
    """

    def __init__(self, model: SymbolModel[H], symbols: Sequence[str], separator: int) -> None:
        self._model, self._symbols, self._separator = model, list(symbols), separator

    def start(self) -> tuple[H, str]:
        """What is known of the words before, and the word that has begun."""
        return self._model.start(), ""

    def following(self, states: Sequence[tuple[H, str]]) -> Floats:
        scores = np.zeros((len(states), len(self._symbols)))
        for row, (history, word) in enumerate(states):
            scores[row, self._separator] = self._model.log_probability(history, word) if word else -np.inf
        return scores

    def advance(self, states: Sequence[tuple[H, str]], labels: Sequence[int]) -> list[tuple[H, str]]:
        return [self._next(*state, label) for state, label in zip(states, labels, strict=True)]

    def _next(self, history: H, word: str, label: int) -> tuple[H, str]:
        if label == self._separator:
            return self._model.extend(history, word), ""
        return history, word + self._symbols[label]

    def end(self, states: Sequence[tuple[H, str]]) -> Floats:
        scores = np.zeros(len(states))
        for row, (history, word) in enumerate(states):
            last = self._model.log_probability(history, word) if word else 0.0
            scores[row] = last + self._model.end(self._model.extend(history, word) if word else history)
        return scores
