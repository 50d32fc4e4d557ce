"""Connectionist temporal classification of sentences that are not known, but for a graph that holds them all."""

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEVER = -1e30
"""The log-probability of what cannot be: finite, so that differences are numbers."""

Array = npt.NDArray[np.float64]


class LabelArc(NamedTuple):
    """A label on the way from one node to another.

    Attributes:
        source: The node it begins at.
        label: Its class.
        target: The node it leads to.

    Example:
        >>> from ostinato.nn import LabelArc
        >>> LabelArc(source=0, label=3, target=1)
        LabelArc(source=0, label=3, target=1)
    """

    source: int
    label: int
    target: int


class LabelGraph(NamedTuple):
    """Sequences of labels as the paths of a graph without circles, from node 0 to one where they may end.

    Attributes:
        nodes: How many.
        arcs: In any order.
        ends: Nodes where a sequence may end.

    Example:
        >>> from ostinato.nn import LabelArc, LabelGraph
        >>> LabelGraph(3, (LabelArc(0, 1, 1), LabelArc(1, 1, 2)), ends=(2,)).fewest_frames()  # 1, a blank, 1
        3
    """

    nodes: int
    arcs: tuple[LabelArc, ...]
    ends: tuple[int, ...]

    def fewest_frames(self) -> int | None:
        """How many frames the shortest sequence needs, blanks between like labels included; None: there is none."""
        leaving: list[list[LabelArc]] = [[] for _ in range(self.nodes)]
        for arc in self.arcs:
            leaving[arc.source].append(arc)
        least = {(0, -1): 0}  # a node and the label before it: frames to there
        waiting = deque(least)
        while waiting:
            node, before = waiting.popleft()
            for arc in leaving[node]:
                frames, key = least[node, before] + 1 + (arc.label == before), (arc.target, arc.label)
                if frames < least.get(key, frames + 1):
                    least[key] = frames
                    waiting.append(key)
        return min((frames for (node, _), frames in least.items() if node in self.ends), default=None)


def entries_of(graph: LabelGraph, arcs: int) -> tuple[list[int], list[list[int]], list[int]]:
    """The entry of each arc, the places of each entry, and those of the ends, where `arcs` places are those of arcs."""
    incoming: list[list[int]] = [[] for _ in range(graph.nodes)]
    for number, arc in enumerate(graph.arcs):
        incoming[arc.target].append(number)
    places = [[*those, arcs + node] for node, those in enumerate(incoming)]
    ends = [place for node in graph.ends for place in places[node]]
    parted: dict[tuple[int, int], int] = {}
    entries = []
    for arc in graph.arcs:
        key, entry = (arc.source, arc.label), arc.source
        others = [number for number in incoming[arc.source] if graph.arcs[number].label != arc.label]
        if len(others) < len(incoming[arc.source]):
            if key not in parted:
                parted[key] = len(places)
                places.append([*others, arcs + arc.source])
            entry = parted[key]
        entries.append(entry)
    return entries, places, ends


class GraphBatch(NamedTuple):
    """Graphs one behind the other, as `graph_log_likelihood` goes through them: int64 tensors of one axis.

    What is alive at a frame is an arc, whose label is said, or an entry, before which there is a blank: places
    ``[arcs, entries]``. An entry is what an arc may begin from, or a blank: a node with the arcs that lead to it,
    without those of the same label, which a blank must part from it.

    Attributes:
        labels: Class of each arc.
        entries: What each arc begins from.
        places: Of each entry, one entry behind the other, none without any.
        starts: Where those of each entry begin among them.
        ends: Places where a sequence may end, one graph behind the other.
        end_starts: Where those of each graph begin among them.
        begins: The place before the first frame, of each graph.
        rows: The graph of each place.

    Example:
        >>> from ostinato.nn import GraphBatch, LabelArc, LabelGraph
        >>> one, two = LabelGraph(2, (LabelArc(0, 1, 1),), (1,)), LabelGraph(2, (LabelArc(0, 2, 1),), (1,))
        >>> GraphBatch.of([one, two]).labels.tolist()
        [1, 2]
    """

    labels: Tensor
    entries: Tensor
    places: Tensor
    starts: Tensor
    ends: Tensor
    end_starts: Tensor
    begins: Tensor
    rows: Tensor

    @classmethod
    def of(cls, graphs: Sequence[LabelGraph]) -> Self:
        """A batch of graphs, each of which has an end."""
        each = [entries_of(graph, len(graph.arcs)) for graph in graphs]
        arcs, entries = [len(graph.arcs) for graph in graphs], [len(places) for _, places, _ in each]
        before = np.cumsum([0, *arcs])[:-1]  # arcs
        after = np.cumsum([sum(arcs), *entries])[:-1]  # entries

        def laid(row: int, places: Sequence[int]) -> npt.NDArray[np.int64]:
            own = np.array(places, np.int64)
            return np.asarray(np.where(own < arcs[row], own + before[row], own - arcs[row] + after[row]))

        places = [laid(row, those) for row, (_, own, _) in enumerate(each) for those in own]
        ends = [laid(row, those) for row, (_, _, those) in enumerate(each)]
        begun = [np.array(own, np.int64) + after[row] - sum(arcs) for row, (own, _, _) in enumerate(each)]
        rows = np.arange(len(graphs))
        parts = (
            np.concatenate([[arc.label for arc in graph.arcs] for graph in graphs]),
            np.concatenate(begun),
            np.concatenate(places),
            np.cumsum([0, *map(len, places)])[:-1],
            np.concatenate(ends),
            np.cumsum([0, *map(len, ends)])[:-1],
            after,
            np.concatenate([np.repeat(rows, arcs), np.repeat(rows, entries)]),
        )
        return cls(*(torch.from_numpy(part.astype(np.int64)) for part in parts))


def graph_log_likelihood(log_probs: Tensor, lengths: Tensor, graphs: GraphBatch) -> Tensor:
    """The log-probability that a sequence of a graph is said, over all its sequences and their alignments ``(batch,)``.

    Of a graph of one sequence it is `ctc_loss`, negative; of more it is the log of the sum of their probabilities. It
    is differentiable, once, and worked out on the CPU in float64. A row with too few frames for any sequence is at
    about `NEVER`.

    Args:
        log_probs: Log-probability of each class at each frame ``(batch, time, classes)``; class 0 is the blank.
        lengths: Frames of each row, int64 ``(batch,)``.
        graphs: One a row.

    Example:
        >>> import torch
        >>> from ostinato.nn import GraphBatch, LabelArc, LabelGraph, graph_log_likelihood
        >>> either = LabelGraph(2, (LabelArc(0, 1, 1), LabelArc(0, 2, 1)), ends=(1,))  # the label 1, or the label 2
        >>> frames = torch.full((1, 1, 4), 0.25).log()
        >>> graph_log_likelihood(frames, torch.tensor([1]), GraphBatch.of([either])).exp()
        tensor([0.5000])
    """
    told: Tensor = _GraphLogLikelihood.apply(log_probs, lengths, graphs)  # type: ignore[no-untyped-call]
    return told


class _GraphLogLikelihood(torch.autograd.Function):
    """The forward algorithm, and its derivative: the probability that each arc, and each blank, is at each frame."""

    @staticmethod
    def forward(ctx: Any, log_probs: Tensor, lengths: Tensor, graphs: GraphBatch) -> Tensor:
        walk = _Walk(graphs, lengths)
        alive = walk.alive(log_probs.detach().double().cpu().numpy())
        told = np.logaddexp.reduceat(alive[-1][walk.ends], walk.end_starts)
        ctx.walk, ctx.every, ctx.told, ctx.like = walk, alive, told, log_probs
        return log_probs.new_tensor(told)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        found = ctx.walk.derivative(ctx.every, ctx.told, grad.double().cpu().numpy(), ctx.like.shape)
        return torch.from_numpy(found).to(ctx.like), None, None


class _Walk:
    """Through a batch of graphs, frame by frame."""

    def __init__(self, graphs: GraphBatch, lengths: Tensor) -> None:
        arrays = [part.cpu().numpy() for part in graphs]
        self.labels, self.entries, self.places, self.starts, self.ends, self.end_starts, self.begins, self.rows = arrays
        self.arcs, self.lengths = len(self.labels), lengths.cpu().numpy()[self.rows]
        self.classes = np.concatenate([self.labels, np.zeros(len(self.starts), np.int64)])
        self.owners = np.repeat(np.arange(len(self.starts)), np.diff([*self.starts, len(self.places)]))

    def _entered(self, alive: Array) -> Array:
        return np.logaddexp.reduceat(alive[self.places], self.starts)

    def alive(self, log_probs: Array) -> list[Array]:
        """The log-probability of all ways to each place, before the first frame and at each."""
        alive = np.full(len(self.rows), NEVER)
        alive[self.begins] = 0.0
        every = [alive]
        for frame in range(log_probs.shape[1]):
            entered = self._entered(alive)
            words = np.logaddexp(alive[: self.arcs], entered[self.entries])
            onward = np.concatenate([words, entered]) + log_probs[self.rows, frame, self.classes]
            alive = np.where(frame < self.lengths, np.maximum(onward, NEVER), alive)
            every.append(alive)
        return every

    def derivative(self, every: list[Array], told: Array, grad: Array, shape: tuple[int, ...]) -> Array:
        """That of ``grad * told`` by the log-probabilities of classes, of such a shape."""
        batch, frames, classes = shape
        gained = np.zeros((frames, len(self.rows)))
        size, graph_of_end = len(self.rows), self.rows[self.ends]
        share = np.exp(every[-1][self.ends] - told[graph_of_end]) * grad[graph_of_end]
        upon = np.bincount(self.ends, share, size)
        for frame in range(frames - 1, -1, -1):
            before, going = every[frame], frame < self.lengths
            own = gained[frame] = np.where(going, upon, 0.0)
            entered = self._entered(before)
            at_entry = entered[self.entries]
            words = np.logaddexp(before[: self.arcs], at_entry)
            to_entry = np.bincount(self.entries, own[: self.arcs] * np.exp(at_entry - words), len(entered))
            to_entry += own[self.arcs :]
            back = to_entry[self.owners] * np.exp(before[self.places] - entered[self.owners])
            upon = np.where(going, 0.0, upon) + np.bincount(self.places, back, size)
            upon[: self.arcs] += own[: self.arcs] * np.exp(before[: self.arcs] - words)
        cells = (self.rows * frames + np.arange(frames)[:, None]) * classes + self.classes
        summed = np.bincount(cells.ravel(), gained.ravel(), batch * frames * classes)
        return np.asarray(summed, np.float64).reshape(shape)
