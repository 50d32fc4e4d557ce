"""What of all that a graph holds is said: the likeliest sequence, and how likely all, or some, of them are."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.nn.graph_ctc import LabelGraph, entries_of

Array = npt.NDArray[np.float64]
LogProbs = npt.NDArray[np.floating[Any]]


class GraphSearch:
    """Goes through the frames of a recogniser along the sequences of a graph alone.

    Args:
        graph: Whose sequences may be said.

    Example:
        >>> import numpy as np
        >>> from ostinato.nn import LabelArc, LabelGraph
        >>> from ostinato.topologies import GraphSearch
        >>> either = GraphSearch(LabelGraph(2, (LabelArc(0, 1, 1), LabelArc(0, 2, 1)), ends=(1,)))
        >>> frames = np.log([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])  # the blank, and two labels
        >>> either.best(frames)  # the second arc
        [1]
        >>> round(float(np.exp(either.log_likelihood(frames))), 2)
        0.83
    """

    def __init__(self, graph: LabelGraph) -> None:
        self.graph = graph
        self._arcs = len(graph.arcs)
        entries, places, ends = entries_of(graph, self._arcs)
        self._labels = np.array([arc.label for arc in graph.arcs], np.int64)
        self._entries, self._places = np.array(entries, np.int64), [np.array(those) for those in places]
        self._flat = np.concatenate(self._places)
        self._starts = np.cumsum([0, *map(len, places)])[:-1]
        self._ends = np.array(ends, np.int64)

    def log_likelihood(
        self, log_probs: LogProbs, *, allowed: npt.NDArray[np.bool_] | None = None, ends: tuple[int, ...] | None = None
    ) -> float:
        """The log-probability that one of the sequences is said, see `ostinato.nn.graph_log_likelihood`.

        Args:
            log_probs: Of the blank and of each label at each frame ``(time, classes)``.
            allowed: Arcs that may be gone, ``(arcs,)``; all unless given.
            ends: Nodes where a sequence may end; the graph's unless given.
        """
        alive = self._forward(log_probs, np.logaddexp, allowed)[-1]
        places = self._ends if ends is None else np.concatenate([self._places[node] for node in ends])
        return float(np.logaddexp.reduce(alive[places]))

    def best(self, log_probs: LogProbs) -> list[int]:
        """The arcs of the likeliest alignment, in order (Viterbi 1967); none where no sequence has so few frames.

        Args:
            log_probs: Of the blank and of each label at each frame ``(time, classes)``.
        """
        alive = self._forward(log_probs, np.maximum, None)
        place = self._likeliest(alive[-1], self._ends)
        if alive[-1][place] == -np.inf:
            return []
        found = []
        for before in alive[-2::-1]:
            node = place - self._arcs
            if node >= 0:
                place = self._likeliest(before, self._places[node])
                continue
            entered = self._likeliest(before, self._places[self._entries[place]])
            if before[entered] > before[place]:
                found.append(place)
                place = entered
        return [*found[::-1]]

    @staticmethod
    def _likeliest(alive: Array, places: npt.NDArray[np.int64]) -> int:
        return int(places[alive[places].argmax()])

    def _forward(self, log_probs: LogProbs, both: np.ufunc, allowed: npt.NDArray[np.bool_] | None) -> list[Array]:
        """How likely each arc and node is before the first frame, and at each: by all ways, or by the best."""
        nodes = self.graph.nodes
        alive = np.full(self._arcs + nodes, -np.inf)
        alive[self._arcs] = 0.0
        every = [alive]
        for frame in np.asarray(log_probs, np.float64):
            entered = both.reduceat(alive[self._flat], self._starts)
            said = both(alive[: self._arcs], entered[self._entries]) + frame[self._labels]
            if allowed is not None:
                said[~allowed] = -np.inf
            alive = np.concatenate([said, entered[:nodes] + frame[0]])
            every.append(alive)
        return every
