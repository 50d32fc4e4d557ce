"""The likeliest sequences that a step by step network can write."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from ostinato.topologies.encoder_output import select_rows
from ostinato.topologies.sampling import no_repeat_ngram

M = TypeVar("M")
C = TypeVar("C")
Step = Callable[[Tensor, M, C | None], tuple[Tensor, C, Tensor | None]]


class Hypothesis(NamedTuple):
    """One sequence that was written.

    Attributes:
        ids: Its units, without the end.
        score: What it is ranked by, higher is better: its log-probability over the length penalty, or, where there is
            none, plus what scorers add.
        log_probability: Of its units and, where one is written, the end.
        attention: What each step of it looked at, the end's last, ``(length + 1, time)``; None where the network says
            nothing of it.

    Example:
        >>> from ostinato.topologies import Hypothesis
        >>> best = Hypothesis(ids=(4, 2, 7), score=-0.6, log_probability=-1.2)
        >>> best.ids
        (4, 2, 7)
    """

    ids: tuple[int, ...]
    score: float
    log_probability: float
    attention: Tensor | None = None


class SearchLimits(NamedTuple):
    """What a sequence may be, and how those of different lengths are compared with each other.

    Attributes:
        end: The unit that ends a sequence.
        max_length: Units of a sequence at most, the end not counted; one that has them is ended.
        min_length: Units at least, as long as there is another unit than the end to write.
        length_penalty: The exponent a of Wu et al. (2016, eq. 14): a log-probability is divided by
            ``((5 + length) / 6) ** a``, the end counted in the length; 0 for the log-probability itself.
        no_repeat: Units of a run that must not come twice in a sequence; 0 forbids nothing.

    Example:
        >>> from ostinato.topologies import SearchLimits
        >>> SearchLimits(end=0, max_length=50, length_penalty=0.6)
        SearchLimits(end=0, max_length=50, min_length=0, length_penalty=0.6, no_repeat=0)
    """

    end: int
    max_length: int
    min_length: int = 0
    length_penalty: float = 0.0
    no_repeat: int = 0


@torch.no_grad()
def beam_search(
    step: Step[M, C], memory: M, first: Tensor, limits: SearchLimits, *, beam_size: int = 5, n_best: int = 1
) -> list[list[Hypothesis]]:
    """Writes the likeliest sequences, from left to right, keeping the best few beginnings of each row.

    A beginning that ends among the `beam_size` best continuations is kept apart; a row with `beam_size` of those is
    done and costs nothing from then on. With ``beam_size=1`` the likeliest unit is taken at every step (greedy search);
    with as many as there are sequences the search is exact.

    Args:
        step: Continues rows: from the unit last written ``(rows,)``, the memory and what it carried last (None at
            first), the log-probabilities of the next unit ``(rows, units)``, what to carry, and the weights of
            attention ``(rows, time)``, or None. A unit of minus infinity is never written.
        memory: What every step of a row reads: tensors ``(rows, ...)`` in nested tuples.
        first: The unit before the first one, of each row ``(rows,)``.
        limits: Of the sequences.
        beam_size: Beginnings kept.
        n_best: Sequences to return, at most `beam_size`.

    Returns:
        For each row its sequences, best first: `n_best`, or as many as there are.

    Raises:
        ValueError: For a number out of range.

    Example:
        >>> import torch
        >>> from ostinato.topologies import SearchLimits, beam_search
        >>> after = torch.tensor([[0.1, 0.5, 0.4], [0.6, 0.2, 0.2], [0.9, 0.1, 0.0]]).log()  # of what follows each unit
        >>> def step(last, memory, carried):
        ...     return after[last], None, None
        >>> limits = SearchLimits(end=0, max_length=5)
        >>> ((likeliest, second),) = beam_search(step, None, torch.tensor([0]), limits, n_best=2)
        >>> likeliest.ids, round(likeliest.log_probability, 3)  # 0.4 * 0.9 is more than 0.5 * 0.6
        ((2,), -1.022)
    """
    if not 1 <= n_best <= beam_size:
        raise ValueError(f"n_best must lie between 1 and beam_size ({beam_size}), got {n_best}")
    if not 0 <= limits.min_length <= limits.max_length:
        raise ValueError(f"min_length must lie between 0 and max_length ({limits.max_length}), got {limits.min_length}")
    finished: list[list[_Ended]] = [[] for _ in range(len(first))]
    beams = _Beams(step, memory, first, limits, beam_size)
    while len(beams.rows):
        for ended in beams.advance():
            finished[ended.row].append(ended)
        beams.keep([len(finished[row]) < beam_size for row in beams.rows.tolist()])
    weights = torch.cat(beams.weights) if beams.weights else None
    best = (sorted(each, key=lambda ended: -ended.hypothesis.score)[:n_best] for each in finished)
    return [[ended.looking(weights) for ended in each] for each in best]


class _Ended(NamedTuple):
    """A sequence that is whole, its row, and which of all weights of attention are those of its steps."""

    row: int
    hypothesis: Hypothesis
    path: Tensor

    def looking(self, weights: Tensor | None) -> Hypothesis:
        return self.hypothesis if weights is None else self.hypothesis._replace(attention=weights[self.path])


class _Beams(Generic[M, C]):
    """The beginnings of the rows that are not done."""

    def __init__(self, step: Step[M, C], memory: M, first: Tensor, limits: SearchLimits, size: int) -> None:
        self.step, self.limits, self.size = step, limits, size
        self.rows = torch.arange(len(first), device=first.device)
        self.written = first.new_zeros(len(first), 1, 0)  # (rows, beams, length)
        self.paths = self.written  # where the weights of each of these steps are, once all are put together
        self.weights: list[Tensor] = []  # of each step so far, by beginning (beginnings, time)
        self.steps = 0  # of all beginnings so far
        self.totals = torch.zeros(len(first), 1, device=first.device)  # log-probabilities (rows, beams)
        self.last = first
        self.memory = memory  # by row
        self.spread = memory  # by beginning
        self.carry: C | None = None

    def advance(self) -> list[_Ended]:
        """Writes one unit; what ended with it."""
        rows, beams, length = self.written.shape
        log_probabilities, carry, weights = self.step(self.last, self.spread, self.carry)
        self._look(weights)
        totals = self.totals[..., None] + self._allowed(log_probabilities).view(rows, beams, -1)
        # At most every beginning ends, so that among twice as many continuations enough go on.
        best, places = totals.flatten(1).topk(min(2 * self.size, beams * totals.shape[2]))
        origin, unit = places // totals.shape[2], places % totals.shape[2]
        ends = unit == self.limits.end
        ended = self._ended(best[:, : self.size], origin, ends)
        self.totals, order = best.masked_fill(ends, -torch.inf).topk(min(self.size, best.shape[1]))
        origin, unit = origin.gather(1, order), unit.gather(1, order)
        before = self.written.gather(1, origin[..., None].expand(-1, -1, length))
        self.written, self.last = torch.cat([before, unit[..., None]], dim=2), unit.flatten()
        self.paths = self.paths.gather(1, origin[..., None].expand(-1, -1, length + 1))
        first = torch.arange(rows, device=unit.device)[:, None] * beams
        self.carry = select_rows(carry, (first + origin).flatten())
        if origin.shape[1] != beams:
            self._spread()
        return ended

    def keep(self, wanted: list[bool]) -> None:
        """Drops the rows that are not wanted, and those with nothing that could go on."""
        kept = torch.tensor(wanted, device=self.rows.device) & self.totals.isfinite().any(1)
        if kept.all():
            return
        rows, beams = kept.nonzero()[:, 0], self.totals.shape[1]
        places = (rows[:, None] * beams + torch.arange(beams, device=rows.device)).flatten()
        self.last, self.carry = self.last[places], select_rows(self.carry, places)
        self.rows, self.written, self.totals = self.rows[rows], self.written[rows], self.totals[rows]
        self.paths = self.paths[rows]
        self.memory = select_rows(self.memory, rows)
        self._spread()

    def _look(self, weights: Tensor | None) -> None:
        """Notes where the weights of this step are: beginnings that share steps share their weights too."""
        rows, beams, _ = self.written.shape
        here = torch.arange(self.steps, self.steps + rows * beams, device=self.rows.device).view(rows, beams, 1)
        self.paths = torch.cat([self.paths, here], dim=2)
        self.steps += rows * beams
        if weights is not None:
            self.weights.append(weights)

    def _spread(self) -> None:
        rows, beams = self.totals.shape
        self.spread = select_rows(self.memory, torch.arange(rows, device=self.rows.device).repeat_interleave(beams))

    def _allowed(self, log_probabilities: Tensor) -> Tensor:
        """Minus infinity for what may not be written now."""
        limits, length = self.limits, self.written.shape[2]
        end = torch.arange(log_probabilities.shape[1], device=self.rows.device) == limits.end
        if length >= limits.max_length:
            return log_probabilities.masked_fill(~end, -torch.inf)
        allowed = no_repeat_ngram(log_probabilities, self.written.flatten(0, 1), limits.no_repeat)
        if length >= limits.min_length:
            return allowed
        others = allowed.masked_fill(end, -torch.inf)
        return torch.where(others.isneginf().all(1, keepdim=True), allowed, others)

    def _ended(self, best: Tensor, origin: Tensor, ends: Tensor) -> list[_Ended]:
        """The continuations that end a sequence, best first."""
        found = (ends[:, : best.shape[1]] & best.isfinite()).nonzero()
        penalty = ((6 + self.written.shape[2]) / 6) ** self.limits.length_penalty
        ended = []
        for row, place in found.tolist():
            total, beam = best[row, place].item(), int(origin[row, place])
            whole = Hypothesis(tuple(self.written[row, beam].tolist()), total / penalty, total)
            ended.append(_Ended(int(self.rows[row]), whole, self.paths[row, beam]))
        return ended
