"""The likeliest labels by a network's log-probabilities of each frame: greedy, and a beam of prefixes."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.topologies.beam_search import Hypothesis
from ostinato.topologies.scorers import Floats, Scorer, WeightedScorers

Frames = Tensor | npt.ArrayLike


def ctc_greedy(scores: Tensor, lengths: Tensor | None = None, *, blank: int = 0) -> list[list[int]]:
    """The labels of the likeliest class of each frame: repeats and blanks are taken out.

    Args:
        scores: Scores or log-probabilities ``(batch, time, classes)``.
        lengths: Frames of each row, integers ``(batch,)``; all unless given.
        blank: The class that is no label.

    Returns:
        The labels of each row.

    Example:
        >>> import torch
        >>> from ostinato.topologies import ctc_greedy
        >>> ctc_greedy(torch.eye(3)[[1, 1, 0, 1, 2, 2]][None])
        [[1, 1, 2]]
    """
    best = scores.argmax(-1).tolist()
    ends = [scores.shape[1]] * len(scores) if lengths is None else lengths.tolist()
    return [[label for label, _ in groupby(row[:end]) if label != blank] for row, end in zip(best, ends, strict=True)]


class Prefix:
    """Labels written so far, a node of the tree of all that were tried; alive as long as something goes on from it.

    Attributes:
        parent: All labels but the last; None for the empty prefix.
        label: The last one; -1 for the empty prefix.
        children: The prefixes of one label more; None before the first.
        state: What the scorers know.
        following: What they give each label as the next ``(classes,)``.
        prior: And have given those of the prefix.
    """

    __slots__ = ("__weakref__", "children", "following", "label", "parent", "prior", "state")

    def __init__(self, parent: "Prefix | None", label: int, prior: float) -> None:
        self.parent, self.label, self.prior = parent, label, prior
        self.children: WeakValueDictionary[int, Prefix] | None = None  # most prefixes never have one
        self.state: Any = None
        self.following: Floats | None = None

    @property
    def ids(self) -> tuple[int, ...]:
        """The labels."""
        found, node = [], self
        while node.parent is not None:
            found.append(node.label)
            node = node.parent
        return tuple(reversed(found))


class PrefixTree:
    """The prefixes of one search, with what scorers say of them.

    Args:
        scorers: What has an opinion of the text.
    """

    def __init__(self, scorers: WeightedScorers) -> None:
        self.scorers = scorers
        self.root = Prefix(None, -1, 0.0)
        if scorers:
            self.root.state = scorers.start()
            self.root.following = scorers.following([self.root.state])[0]

    def extend(self, parents: Sequence[Prefix], labels: Sequence[int]) -> list[Prefix]:
        """One label more, for each of several prefixes; the scorers are asked once, for all that are new."""
        extended, new = [], []
        for parent, label in zip(parents, labels, strict=True):
            if parent.children is None:
                parent.children = WeakValueDictionary()
            child = parent.children.get(label)
            if child is None:
                gained = 0.0 if parent.following is None else float(parent.following[label])
                child = parent.children[label] = Prefix(parent, label, parent.prior + gained)
                new.append(child)
            extended.append(child)
        if new and self.scorers:
            states = self.scorers.advance([each.parent.state for each in new if each.parent], [p.label for p in new])
            for child, state, following in zip(new, states, self.scorers.following(states), strict=True):
                child.state, child.following = state, following
        return extended

    def ends(self, prefixes: Sequence[Prefix]) -> Floats:
        """What the scorers give texts that end here ``(prefixes,)``."""
        if not self.scorers or not prefixes:
            return np.zeros(len(prefixes))
        return self.scorers.end([prefix.state for prefix in prefixes])


class CTCSearch:
    """Prefix beam search (Graves 2012b, "Supervised sequence labelling", 7.5.3; Hannun et al. 2014, algorithm 1).

    The probability of labels is the sum over their alignments with the frames. Frame by frame the search keeps the best
    hypotheses: a prefix together with how its alignments end, in a blank or in its last label, for on that depends
    whether the same label once more is a repeat or a new one. Alignments that meet in a hypothesis are summed up. With
    ``beam_size=1`` one alignment is left, that of the likeliest class of each frame: greedy search. With as many as
    there are the search is exact.

    What is ranked is the log-probability of the frames plus what the scorers add, each label's when it is written
    (shallow fusion), and that of the end when the text ends.

    Args:
        beam_size: Hypotheses kept.
        blank: The class that is no label.
        scorers: Language models, lexicons, hot words, length bonuses, each with its weight; see `Scorer`.

    Raises:
        ValueError: For a beam without hypotheses, or a weight that is not finite.

    Example:
        >>> import math
        >>> import numpy as np
        >>> from ostinato.topologies import CTCSearch
        >>> frames = np.log([[0.6, 0.4], [0.6, 0.4]])
        >>> greedy, likeliest = CTCSearch(beam_size=1)(frames)[0], CTCSearch(beam_size=8)(frames)[0]
        >>> greedy.ids, likeliest.ids, round(math.exp(likeliest.log_probability), 2)  # 0.4 * 0.4 + 2 * 0.6 * 0.4
        ((), (1,), 0.64)
    """

    def __init__(
        self, *, beam_size: int = 16, blank: int = 0, scorers: Sequence[tuple[Scorer[Any], float]] = ()
    ) -> None:
        if beam_size < 1:
            raise ValueError(f"beam_size must be at least 1, got {beam_size}")
        self.beam_size = beam_size
        self.blank = blank
        self.scorers = WeightedScorers(scorers)

    def __call__(self, log_probs: Frames, n_best: int = 1) -> list[Hypothesis]:
        """The likeliest labels of one row.

        Args:
            log_probs: Log-probabilities of each class at each frame ``(time, classes)``, a tensor or an array.
            n_best: Texts to return.

        Returns:
            Them, best first, or as many as the beam holds; none where the scorers allow none.

        Raises:
            ValueError: For frames of another shape, or that hold NaN.
        """
        stream = self.stream()
        stream.feed(log_probs)
        return stream.finish(n_best)

    def stream(self) -> "CTCStream":
        """A search that is fed frame by frame, or in chunks of any size."""
        return CTCStream(self)


class CTCStream:
    """A `CTCSearch` over frames that come chunk by chunk; what it finds is the same as at once, bit for bit.

    It holds the hypotheses and their labels, and none of the frames.

    Args:
        search: Its settings.

    Example:
        >>> import numpy as np
        >>> from ostinato.topologies import CTCSearch
        >>> stream = CTCSearch().stream()
        >>> stream.feed(np.log([[0.1, 0.9], [0.9, 0.1]]))
        >>> stream.best()[0].ids
        (1,)
        >>> stream.feed(np.log([[0.1, 0.9]]))
        >>> stream.finish()[0].ids
        (1, 1)
    """

    def __init__(self, search: CTCSearch) -> None:
        self._size, self._label_free = search.beam_size, search.blank
        self._tree = PrefixTree(search.scorers)
        scored = self._tree.root.following
        self._classes = None if scored is None else len(scored)
        self._in_blank, self._in_label = np.zeros(1), np.full(1, -np.inf)
        self._keep([self._tree.root])

    def _keep(self, prefixes: list[Prefix]) -> None:
        """Goes on from these, and notes what the next frame needs of them."""
        self._prefixes = prefixes
        self._last = np.array([prefix.label for prefix in prefixes], np.int64)
        self._prior = np.array([prefix.prior for prefix in prefixes])
        self._ahead = self._prior[:, None]
        if self._tree.scorers and prefixes:
            self._ahead = self._ahead + np.stack([p.following for p in prefixes if p.following is not None])
        place = {id(prefix): at for at, prefix in enumerate(prefixes)}
        inner = [(at, place[id(p.parent)]) for at, p in enumerate(prefixes) if id(p.parent) in place]
        self._child = np.array([child for child, _ in inner], np.int64)
        self._parent = np.array([parent for _, parent in inner], np.int64)

    def feed(self, log_probs: Frames) -> None:
        """Reads frames.

        Args:
            log_probs: Log-probabilities of each class ``(time, classes)``; none is a chunk as well.

        Raises:
            ValueError: For frames of another shape, or that hold NaN.
        """
        frames = as_frames(log_probs, self._label_free)
        classes = frames.shape[1] if self._classes is None else self._classes
        if frames.shape[1] != classes:
            raise ValueError(f"log_probs have {frames.shape[1]} classes; scorers or frames before had {classes}")
        self._classes = classes
        for frame in frames:
            self._advance(frame)

    def _advance(self, frame: Floats) -> None:
        rows = np.arange(len(self._prefixes))
        total = np.logaddexp(self._in_blank, self._in_label)
        in_blank = total + frame[self._label_free]
        written = self._last >= 0
        in_label = np.where(written, self._in_label + frame[self._last], -np.inf)
        extended = total[:, None] + frame
        # The same label once more is a new one only behind a blank.
        extended[rows[written], self._last[written]] = (self._in_blank + frame[self._last])[written]
        extended[:, self._label_free] = -np.inf
        # An extension that is a hypothesis already is summed up there.
        met = (self._parent, self._last[self._child])
        in_label[self._child] = np.logaddexp(in_label[self._child], extended[met])
        extended[met] = -np.inf
        ranked = [in_blank + self._prior, in_label + self._prior, (extended + self._ahead).ravel()]
        self._choose(np.concatenate(ranked), in_blank, in_label, extended)

    def _choose(self, ranks: Floats, in_blank: Floats, in_label: Floats, extended: Floats) -> None:
        """Keeps the best hypotheses."""
        kept = np.arange(len(ranks))
        if len(ranks) > self._size:
            kept = np.sort(np.argpartition(-ranks, self._size - 1)[: self._size])
        kept = kept[ranks[kept] > -np.inf]
        size = len(self._prefixes)
        stay_blank, stay_label = np.full(size, -np.inf), np.full(size, -np.inf)
        of_blank, of_label = kept[kept < size], kept[(kept >= size) & (kept < 2 * size)] - size
        stay_blank[of_blank], stay_label[of_label] = in_blank[of_blank], in_label[of_label]
        stay = np.union1d(of_blank, of_label)
        parents, labels = np.divmod(kept[kept >= 2 * size] - 2 * size, extended.shape[1])
        self._in_blank = np.concatenate([stay_blank[stay], np.full(len(parents), -np.inf)])
        self._in_label = np.concatenate([stay_label[stay], extended[parents, labels]])
        if len(parents) or len(stay) < size:
            new = self._tree.extend([self._prefixes[at] for at in parents], labels.tolist())
            self._keep([self._prefixes[at] for at in stay] + new)

    def best(self, n_best: int = 1) -> list[Hypothesis]:
        """The best texts so far, as if more frames could come: without what the scorers say of the end."""
        return self._hypotheses(n_best, np.zeros(len(self._prefixes)))

    def finish(self, n_best: int = 1) -> list[Hypothesis]:
        """The best texts if no more frames come; none where the scorers allow none to end here."""
        return self._hypotheses(n_best, self._tree.ends(self._prefixes))

    def _hypotheses(self, n_best: int, ends: Floats) -> list[Hypothesis]:
        if n_best < 1:
            raise ValueError(f"n_best must be at least 1, got {n_best}")
        total = np.logaddexp(self._in_blank, self._in_label)
        ranks = total + self._prior + ends
        order = np.argsort(-ranks, kind="stable")[:n_best]
        return [
            Hypothesis(self._prefixes[at].ids, float(ranks[at]), float(total[at]))
            for at in order
            if ranks[at] > -np.inf
        ]


def as_frames(log_probs: Frames, blank: int) -> Floats:
    """Frames as an array ``(time, classes)`` of float64.

    Raises:
        ValueError: For another shape, a blank that is no class, or what is NaN or infinitely likely.
    """
    given = log_probs.detach().cpu().double().numpy() if isinstance(log_probs, torch.Tensor) else log_probs
    frames = np.asarray(given, np.float64)
    if frames.ndim != 2 or not 0 <= blank < frames.shape[1]:
        raise ValueError(f"log_probs must be (time, classes) with class {blank} for the blank, got {frames.shape}")
    wrong = ~(frames < np.inf)
    if wrong.any():
        row, label = (int(at) for at in np.argwhere(wrong)[0])
        raise ValueError(f"log_probs must be log-probabilities, got {frames[row, label]} in frame {row}, class {label}")
    return frames
