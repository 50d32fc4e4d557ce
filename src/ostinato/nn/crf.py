"""Tags chosen together: a linear-chain conditional random field over the scores of each step."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.engine.lengths import sequence_mask

FORBIDDEN = -1e4
"""What a forbidden step adds to a score in training: too little to count, and finite, as gradients must be."""


class Transitions(NamedTuple):
    """Which tags may follow which, booleans.

    Attributes:
        start: ``(tags,)``, those that may come first.
        end: ``(tags,)``, those that may come last.
        follow: ``(tags, tags)``, whether the second may come after the first.

    Example:
        >>> import torch
        >>> from ostinato.nn import CRF, Transitions
        >>> follow = torch.tensor([[True, True], [False, True]])  # nothing leads from the second tag to the first
        >>> anywhere = torch.tensor([True, True])
        >>> crf = CRF(2, allowed=Transitions(start=anywhere, end=anywhere, follow=follow))
        >>> crf.decode(torch.tensor([[[0.0, 2.0], [1.0, 0.0], [0.0, 1.0]]]))[0]
        tensor([[1, 1, 1]])
    """

    start: Tensor
    end: Tensor
    follow: Tensor


class CRF(nn.Module):
    """A linear-chain conditional random field (Lafferty et al. 2001; as a layer: Lample et al. 2016, section 2.2).

    The score of a path of tags y is ``start[y_1] + sum_t emission[t, y_t] + sum_t transition[y_t-1, y_t] + end[y_n]``,
    and its probability the softmax over the scores of all paths. A row of length 0 has one path, the empty one.

    Args:
        num_tags: Tags, at least 1.
        allowed: Steps that are allowed; all unless given. `decode` never takes another where there is a way around it;
            in training a path with one has a log-likelihood of about -10,000.

    Attributes:
        start: Scores of the first tag ``(tags,)``, trained, as are the two others; they begin as zeros.
        end: Scores of the last tag ``(tags,)``.
        transition: Scores of a tag (column) after another (row) ``(tags, tags)``.

    Raises:
        ValueError: For no tags, or `allowed` of another size.

    Example:
        >>> import torch
        >>> from ostinato.nn import CRF
        >>> crf, emissions, lengths = CRF(num_tags=5), torch.randn(4, 20, 5), torch.tensor([20, 7, 3, 1])
        >>> loss = -crf.log_likelihood(emissions, torch.randint(5, (4, 20)), lengths).sum()
        >>> paths, scores = crf.decode(emissions, lengths)
        >>> paths.shape
        torch.Size([4, 20])
    """

    forbidden_start: Tensor
    forbidden_end: Tensor
    forbidden: Tensor

    def __init__(self, num_tags: int, *, allowed: Transitions | None = None) -> None:
        super().__init__()
        if num_tags < 1:
            raise ValueError(f"num_tags must be at least 1, got {num_tags}")
        every = torch.ones(num_tags, dtype=torch.bool)
        allowed = allowed or Transitions(every, every, every.expand(num_tags, -1))
        shapes = [tuple(part.shape) for part in allowed]
        if shapes != [(num_tags,), (num_tags,), (num_tags, num_tags)]:
            raise ValueError(f"allowed must be of {num_tags} tags, got shapes {shapes}")
        self.num_tags = num_tags
        self.start = nn.Parameter(torch.zeros(num_tags))
        self.end = nn.Parameter(torch.zeros(num_tags))
        self.transition = nn.Parameter(torch.zeros(num_tags, num_tags))
        self.register_buffer("forbidden_start", ~allowed.start, persistent=False)
        self.register_buffer("forbidden_end", ~allowed.end, persistent=False)
        self.register_buffer("forbidden", ~allowed.follow, persistent=False)

    def _scores(self, forbidden: float) -> tuple[Tensor, Tensor, Tensor]:
        """Start, end and transition scores, those of forbidden steps as given."""
        return (
            self.start.masked_fill(self.forbidden_start, forbidden),
            self.end.masked_fill(self.forbidden_end, forbidden),
            self.transition.masked_fill(self.forbidden, forbidden),
        )

    def log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The log-probability of the given paths.

        Args:
            emissions: Scores of each tag at each step ``(batch, time, tags)``.
            tags: The paths, int64 ``(batch, time)``; what stands past a row's length is not read.
            lengths: Valid steps of each row, integers ``(batch,)``; all steps unless given.

        Returns:
            Log-probabilities ``(batch,)``, 0 for a row of length 0.

        Raises:
            ValueError: For shapes that do not fit.
        """
        lengths = self._checked(emissions, lengths)
        if tags.shape != emissions.shape[:2]:
            raise ValueError(f"tags must be (batch, time) = {tuple(emissions.shape[:2])}, got {tuple(tags.shape)}")
        return self._path_score(emissions, tags, lengths) - self._log_partition(emissions, lengths)

    def _path_score(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """The scores of the given paths ``(batch,)``."""
        start, end, transition = self._scores(FORBIDDEN)
        valid = sequence_mask(lengths, emissions.shape[1])
        if not emissions.shape[1]:
            return emissions.flatten(1).sum(1)
        tags = tags.masked_fill(~valid, 0)
        seen = emissions.gather(2, tags[..., None])[..., 0]
        moves = transition[tags[:, :-1], tags[:, 1:]]
        last = tags.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]
        inside = torch.where(valid, seen, 0).sum(1) + torch.where(valid[:, 1:], moves, 0).sum(1)
        return inside + torch.where(lengths > 0, start[tags[:, 0]] + end[last], 0)

    def _log_partition(self, emissions: Tensor, lengths: Tensor) -> Tensor:
        """The log of the summed exponentials of the scores of all paths ``(batch,)``: the forward algorithm."""
        start, end, transition = self._scores(FORBIDDEN)
        if not emissions.shape[1]:
            return emissions.flatten(1).sum(1)
        valid = sequence_mask(lengths, emissions.shape[1])
        alpha = start + torch.where(valid[:, :1], emissions[:, 0], 0)
        for step in range(1, emissions.shape[1]):
            here = valid[:, step, None]
            longer = (alpha[:, :, None] + transition).logsumexp(1) + torch.where(here, emissions[:, step], 0)
            alpha = torch.where(here, longer, alpha)
        return torch.where(lengths > 0, (alpha + end).logsumexp(1), 0)

    def marginals(self, emissions: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The posterior probability of each tag at each step.

        They are the derivatives of the log-partition with respect to the emissions (Eisner 2016, "Inside-Outside and
        Forward-Backward Algorithms Are Just Backprop").

        Args:
            emissions: Scores ``(batch, time, tags)``.
            lengths: Valid steps of each row, integers ``(batch,)``; all steps unless given.

        Returns:
            Probabilities ``(batch, time, tags)``, zero past each row's length; no gradients flow through them.

        Raises:
            ValueError: For shapes that do not fit.
        """
        lengths = self._checked(emissions, lengths)
        if not emissions.shape[1]:
            return emissions.detach().clone()
        with torch.enable_grad():
            emissions = emissions.detach().requires_grad_()
            (posterior,) = torch.autograd.grad(self._log_partition(emissions, lengths).sum(), [emissions])
        return posterior

    @torch.no_grad()
    def decode(self, emissions: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The best path of each row (Viterbi 1967).

        Args:
            emissions: Scores ``(batch, time, tags)``.
            lengths: Valid steps of each row, integers ``(batch,)``; all steps unless given.

        Returns:
            Paths, int64 ``(batch, time)``, 0 past each row's length, and their scores ``(batch,)``; minus infinity for
            a row that has no allowed path.

        Raises:
            ValueError: For shapes that do not fit.
        """
        lengths = self._checked(emissions, lengths)
        batch, steps, _ = emissions.shape
        if not steps:
            return lengths.new_zeros((batch, 0), dtype=torch.int64), emissions.new_zeros(batch)
        start, end, transition = self._scores(-torch.inf)
        valid = sequence_mask(lengths, steps)
        best = start + emissions[:, 0]
        stay = torch.arange(self.num_tags, device=emissions.device).expand(batch, -1)
        before = []
        for step in range(1, steps):
            longer, origin = (best[:, :, None] + transition).max(1)
            here = valid[:, step, None]
            best = torch.where(here, longer + emissions[:, step], best)
            before.append(torch.where(here, origin, stay))
        score, tag = (best + end).max(1)
        path = [tag]
        for origin in reversed(before):
            path.append(origin.gather(1, path[-1][:, None])[:, 0])
        paths = torch.stack(path[::-1], 1)
        return paths.masked_fill(~valid, 0), torch.where(lengths > 0, score, 0)

    def _checked(self, emissions: Tensor, lengths: Tensor | None) -> Tensor:
        """The lengths, where shapes fit."""
        if emissions.dim() != 3 or emissions.shape[2] != self.num_tags:
            raise ValueError(f"emissions must be (batch, time, {self.num_tags}), got {tuple(emissions.shape)}")
        batch, steps, _ = emissions.shape
        if lengths is None:
            return torch.full((batch,), steps, device=emissions.device)
        if lengths.shape != (batch,) or bool(((lengths < 0) | (lengths > steps)).any()):
            raise ValueError(f"lengths must be {batch} integers between 0 and {steps}, got {lengths.tolist()}")
        return lengths.to(emissions.device)

    def extra_repr(self) -> str:
        return f"{self.num_tags}"
