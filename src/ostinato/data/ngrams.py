"""N-gram language models with back-off: probabilities of runs of symbols, from texts or from an ARPA file."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from ostinato.data.arpa import HIGHEST, Entry, Run, read_arpa, write_arpa
from ostinato.data.kneser_ney import discounts_of
from ostinato.errors import OstinatoError
from ostinato.parts import lines_of, lines_tensor

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
"""What stands before the first symbol of a text and behind the last, and for symbols that are not known."""


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A language model that looks the probability of a symbol up, by the few before it (Katz 1987).

    Symbols are words, characters or anything else that has a name. A run that is not known has the probability of the
    one without its first symbol, times the back-off weight of what is before the last. A model without ``<unk>`` gives
    symbols that it does not know no probability: minus infinity.

    Attributes:
        entries: By its symbols, the log-probability of each run and its back-off weight, in nats.
        order: Symbols of the longest run.

    Example:
        >>> from ostinato.data import NgramModel
        >>> model = NgramModel.estimate([["turn", "left"], ["turn", "right"], ["turn", "left"]], order=2)
        >>> left, right = (model.log_probability(("turn",), word) for word in ("left", "right"))
        >>> left > right
        True
        >>> model.write("turns.arpa")
        >>> [round(each.score(["turn", "left"]), 4) for each in (model, NgramModel.read("turns.arpa"))]
        [-0.8952, -0.8952]
    """

    entries: Mapping[Run, Entry]
    order: int

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The model of an ARPA file, of order 1 to 6; one whose name ends in .gz is unpacked as it is read.

        Args:
            path: The file.

        Raises:
            OstinatoError: With the line, for a file that is none.
        """
        entries = read_arpa(path)
        return cls(entries, max(map(len, entries)))

    def write(self, path: str | Path) -> None:
        """Writes an ARPA file; what others have estimated in more digits is rounded to seven.

        Args:
            path: The file; one that is there is replaced.

        Raises:
            OstinatoError: For symbols that are empty or hold white space, which separates symbols in such a file.
        """
        write_arpa(path, self.entries)

    @classmethod
    def estimate(cls, texts: Iterable[Sequence[str]], order: int = 3) -> Self:
        """Counts texts and smooths by interpolated modified Kneser-Ney (Chen & Goodman 1999, section 3).

        What is left for symbols that never came is that of one symbol more, ``<unk>``. The test of the Penn Treebank
        has a perplexity of 141.2 under runs of five words of its training part, and of 148.3 under runs of three.

        Args:
            texts: The texts, each its symbols: lists of words, or strings for characters.
            order: Symbols of the longest run, 1 to 6.

        Raises:
            OstinatoError: For no texts, an order out of range, or texts that hold ``<s>`` or ``</s>``.
        """
        if not 1 <= order <= HIGHEST:
            raise OstinatoError(f"order must lie between 1 and {HIGHEST}, got {order}")
        counts = _counts(texts, order)
        symbols = {run[0] for run in counts[0]} | {UNKNOWN}
        share: dict[Run, float] = {}
        left: dict[Run, float] = {}
        for runs in counts:
            _interpolate(runs, share, left, len(symbols))
        share.setdefault((UNKNOWN,), left[()] / len(symbols))
        share[BEGIN,] = 0.0  # nothing is followed by the beginning of a text
        entries = {run: Entry(_log(part), _log(left.get(run, 1.0))) for run, part in share.items()}
        return cls(dict(sorted(entries.items(), key=lambda item: (len(item[0]), item[0]))), order)

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Its runs and their numbers, as a saved model holds them."""
        numbers = torch.tensor([*self.entries.values()], dtype=torch.float64).reshape(-1, 2)
        return {"runs": lines_tensor(["\t".join(run) for run in self.entries]), "nats": numbers}, {"order": self.order}

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> Self:
        """What `saved` came from.

        Raises:
            ValueError: It came from nothing of the kind.
        """
        runs, numbers = [tuple(line.split("\t")) for line in lines_of(tensors["runs"])], tensors["nats"]
        if (
            numbers.shape != (len(runs), 2)
            or numbers.isnan().any()
            or max(map(len, runs), default=0) > content["order"]
        ):
            raise ValueError(f"{len(runs)} runs of a language model, and numbers of shape {tuple(numbers.shape)}")
        return cls({run: Entry(*own) for run, own in zip(runs, numbers.tolist(), strict=True)}, content["order"])

    def start(self) -> Run:
        """What a text begins with, as `log_probability` takes it."""
        return (BEGIN,)[: self.order - 1]

    def extend(self, history: Run, symbol: str) -> Run:
        """The history after one more symbol: as many as are looked at."""
        run = (*history, symbol if (symbol,) in self.entries else UNKNOWN)
        return run[max(0, len(run) - self.order + 1) :]

    def log_probability(self, history: Run, symbol: str) -> float:
        """Nats of a symbol after others; minus infinity for what cannot come.

        Args:
            history: The symbols before, the nearest last, from `start` and `extend`.
            symbol: The symbol.
        """
        run, weight = (*history, symbol if (symbol,) in self.entries else UNKNOWN), 0.0
        while run not in self.entries:
            if len(run) == 1:
                return -math.inf
            before = self.entries.get(run[:-1])
            weight += before.backoff if before else 0.0
            run = run[1:]
        return weight + self.entries[run].log_probability

    def end(self, history: Run) -> float:
        """Nats of the end of the text after a history."""
        return self.log_probability(history, END)

    def score(self, text: Sequence[str]) -> float:
        """Nats of a whole text, its end counted.

        Args:
            text: Its symbols.
        """
        history, total = self.start(), 0.0
        for symbol in text:
            total += self.log_probability(history, symbol)
            history = self.extend(history, symbol)
        return total + self.end(history)


def _counts(texts: Iterable[Sequence[str]], order: int) -> list[dict[Run, int]]:
    """What each run of 1, 2, ... symbols weighs: how often it came, or behind how many different symbols.

    The latter holds where longer runs are known; before a run that begins a text nothing can stand, so that it weighs
    as often as it came.
    """
    seen: list[Counter[Run]] = [Counter() for _ in range(order)]
    number = -1
    for number, text in enumerate(texts):
        if BEGIN in text or END in text:
            raise OstinatoError(f"text {number}: {BEGIN} and {END} stand for its ends and cannot be in it")
        symbols = (BEGIN, *text, END)
        for last in range(1, len(symbols)):
            for length in range(1, min(order, last + 1) + 1):
                seen[length - 1][symbols[last + 1 - length : last + 1]] += 1
    if number < 0:
        raise OstinatoError("an n-gram model needs at least one text")
    counts: list[dict[Run, int]] = []
    for shorter, longer in pairwise(seen):
        behind = Counter(run[1:] for run in longer)
        counts.append({run: count if run[0] == BEGIN else behind[run] for run, count in shorter.items()})
    return [*counts, dict(seen[-1])]


def _interpolate(runs: Mapping[Run, int], share: dict[Run, float], left: dict[Run, float], symbols: int) -> None:
    """Adds the probabilities of runs to those that are one symbol shorter, and what is left behind their beginnings."""
    discounts = _discounts(list(runs.values()))
    total: Counter[Run] = Counter()
    taken: dict[Run, float] = {}
    for run, count in runs.items():
        total[run[:-1]] += count
        taken[run[:-1]] = taken.get(run[:-1], 0.0) + discounts[min(count, 3)]
    left.update({before: taken[before] / total[before] for before in total})
    for run, count in runs.items():
        before = run[:-1]
        shorter = share[run[1:]] if before else 1 / symbols
        share[run] = (count - discounts[min(count, 3)]) / total[before] + left[before] * shorter


def _discounts(counts: Sequence[int]) -> list[float]:
    """What counts of 0, 1, 2, and 3 or more lose.

    Of few texts equation 26 may take so much of what came often that no more is left of it than of what came once. Then
    too few counts tell, and each loses half of one.
    """
    found: list[float] = discounts_of(np.array(counts, np.int64)).tolist()
    kept = [count - found[count] for count in range(4)]
    return found if all(less < more for less, more in pairwise(kept)) else [0, 0.5, 0.5, 0.5]


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf
