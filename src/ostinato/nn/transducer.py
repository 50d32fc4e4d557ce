"""The loss of a recurrent transducer: labels whose places in time are not known, each told those before it."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ostinato.engine.lengths import sequence_mask
from ostinato.nn.alignment import Lattice, Lengths, checked

BLOCK = 2**20
"""Scores that are normalised at once: what that takes beside the scores themselves."""


def transducer_loss(
    scores: Tensor,
    targets: Tensor,
    lengths: Lengths = None,
    target_lengths: Lengths = None,
    *,
    blank: int = 0,
) -> Tensor:
    """The negative log-probability of labels, over all their alignments with the frames (Graves 2012).

    An alignment is a walk through a lattice of frames t and labels u: a blank goes on to the next frame, a label stays
    in its frame. So any number of labels goes into one frame. With ``y(t, u)`` the probability of label u + 1 and
    ``ø(t, u)`` that of the blank, once u labels are written, the probability of reaching a node is (equation 16)
    ``α(t, u) = α(t - 1, u) ø(t - 1, u) + α(t, u - 1) y(t, u - 1)``, and that of all labels
    ``α(T, U) ø(T, U)`` (17); ``β``, that of the way from a node to the end, is the same from behind (18).

    The walks are summed up in float64, a diagonal of the lattice at a time. Of the scores only those of the blank and
    of the next label are taken out, beside each node's normaliser; the one further tensor of the scores' size is their
    gradient.

    Args:
        scores: Of each class at each frame after each number of labels, before the softmax ``(batch, time, labels + 1,
            classes)``. Log-probabilities do as well: a softmax leaves them as they are.
        targets: Labels, integers ``(batch, labels)``; what stands past a row's length is not read.
        lengths: Frames of each row, integers ``(batch,)``, a tensor or a list; all unless given.
        target_lengths: Labels of each row, likewise.
        blank: The class that is no label.

    Returns:
        Nats of each row ``(batch,)``; 0 for one without frames and labels. It can be differentiated once.

    Raises:
        ValueError: For shapes that do not fit, labels that are none, or a row with labels and no frames.

    Example:
        >>> import torch
        >>> from ostinato.nn import transducer_loss
        >>> scores = torch.zeros(1, 2, 2, 4)  # two frames, one label of three
        >>> round(transducer_loss(scores, torch.tensor([[3]])).exp().item())  # two walks of two blanks and a label
        32
    """
    if scores.dim() != 4:
        raise ValueError(f"scores must be (batch, time, labels + 1, classes), got {tuple(scores.shape)}")
    lattice = checked(scores, targets, lengths, target_lengths, blank)
    if scores.shape[2] != targets.shape[1] + 1:
        raise ValueError(f"scores must hold {targets.shape[1] + 1} nodes a frame (labels + 1), got {scores.shape[2]}")
    without = ((lattice.lengths == 0) & (lattice.target_lengths > 0)).nonzero()
    if len(without):
        row = int(without[0])
        raise ValueError(
            f"row {row} has 0 frames for {int(lattice.target_lengths[row])} labels: "
            f"{len(without)} of {len(scores)} rows cannot be aligned"
        )
    nats: Tensor = _TransducerLoss.apply(scores, *lattice, blank)  # type: ignore[no-untyped-call]
    return nats


class _TransducerLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, targets: Tensor, lengths: Tensor, target_lengths: Tensor, blank: int
    ) -> Tensor:
        lattice = Lattice(targets, lengths, target_lengths)
        norm = _normaliser(scores)
        steps, nodes = norm.shape[1:]
        inside = sequence_mask(lengths, steps)[:, :, None] & sequence_mask(target_lengths + 1, nodes)[:, None]
        blanks = (scores[..., blank] - norm).double().masked_fill(~inside, -torch.inf)
        labelled = inside[:, :, :-1] & sequence_mask(target_lengths, nodes - 1)[:, None]
        written = scores[:, :, :-1].gather(3, targets[:, None, :, None].expand(-1, steps, -1, 1))[..., 0]
        labels = F.pad(
            (written - norm[:, :, :-1]).double().masked_fill(~labelled, -torch.inf), (0, 1), value=-torch.inf
        )
        blanks, labels = _skewed(blanks), _skewed(labels)
        alpha, log_likelihood = _forward(blanks, labels, lattice)
        ctx.save_for_backward(scores, norm, alpha, blanks, labels, log_likelihood, *lattice)
        ctx.blank = blank
        return -log_likelihood.to(scores.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scores, norm, alpha, blanks, labels, log_likelihood, *rest = ctx.saved_tensors
        lattice = Lattice(*rest)
        steps = scores.shape[1]
        beta = _backward(blanks, labels, lattice)
        before = alpha[:-1] - log_likelihood[:, None]
        # How likely a walk takes each arc (equation 20): what comes before it, the arc itself, what comes behind.
        through_blank = _straight((before + blanks + beta[1:]).exp(), steps)
        through_label = _straight((before + labels + F.pad(beta[1:, :, 1:], (0, 1), value=-torch.inf)).exp(), steps)
        weight = gradient[:, None, None].double()
        through_blank, through_label = ((arcs * weight).to(scores.dtype) for arcs in (through_blank, through_label))
        visited = through_blank + through_label
        # The nodes that no walk visits are set to zero, not multiplied by it: in padding anything may stand.
        of_scores = (scores - norm[..., None]).exp_().mul_(visited[..., None])
        of_scores.masked_fill_((visited == 0)[..., None], 0)
        of_scores[..., ctx.blank] -= through_blank
        of_labels = through_label[:, :, :-1, None]
        index = lattice.targets[:, None, :, None].expand_as(of_labels)
        of_scores[:, :, :-1].scatter_add_(3, index, -of_labels)
        return of_scores, None, None, None, None


def _normaliser(scores: Tensor) -> Tensor:
    """The log of the summed exponentials of each node's scores ``(batch, time, nodes)``, some frames at a time."""
    frames = max(1, BLOCK // max(1, scores[:, :1].numel()))
    return torch.cat([part.logsumexp(3) for part in torch.split(scores, frames, 1)], 1)


def _skewed(arcs: Tensor) -> Tensor:
    """Arcs ``(batch, time, nodes)`` by diagonals t + u ``(time + nodes - 1, batch, nodes)``, minus infinity aside."""
    steps, nodes = arcs.shape[1:]
    skewed = arcs.new_full((steps + nodes - 1, len(arcs), nodes), -torch.inf)
    for node in range(nodes):
        skewed[node : node + steps, :, node] = arcs[:, :, node].T
    return skewed


def _straight(arcs: Tensor, steps: int) -> Tensor:
    """The reverse of `_skewed`."""
    nodes = arcs.shape[2]
    return torch.stack([arcs[node : node + steps, :, node].T for node in range(nodes)], 2)


def _forward(blanks: Tensor, labels: Tensor, lattice: Lattice) -> tuple[Tensor, Tensor]:
    """The forward variables by diagonals, one more than arcs have, and the log-probability of all labels ``(batch,)``.

    Both arcs lead to the next diagonal: the blank to the same number of labels, the label to one more. The last blank
    of a row leads to a node of its own, one frame past the end.
    """
    diagonals, batch, nodes = blanks.shape
    alpha = blanks.new_full((diagonals + 1, batch, nodes), -torch.inf)
    alpha[0, :, 0] = 0
    for here in range(diagonals):
        alpha[here + 1] = alpha[here] + blanks[here]
        written = alpha[here, :, :-1] + labels[here, :, :-1]
        alpha[here + 1, :, 1:] = torch.logaddexp(alpha[here + 1, :, 1:], written)
    rows = torch.arange(batch, device=blanks.device)
    return alpha, alpha[lattice.lengths + lattice.target_lengths, rows, lattice.target_lengths]


def _backward(blanks: Tensor, labels: Tensor, lattice: Lattice) -> Tensor:
    """The backward variables by diagonals, as those of `_forward`."""
    diagonals, batch, nodes = blanks.shape
    rows = torch.arange(batch, device=blanks.device)
    beta = blanks.new_full((diagonals + 1, batch, nodes), -torch.inf)
    beta[lattice.lengths + lattice.target_lengths, rows, lattice.target_lengths] = 0
    for here in reversed(range(diagonals)):
        # Nothing leads on from a row's end: it keeps its 0, since its arcs are minus infinity.
        further = torch.logaddexp(beta[here], beta[here + 1] + blanks[here])
        beta[here] = further
        beta[here, :, :-1] = torch.logaddexp(further[:, :-1], beta[here + 1, :, 1:] + labels[here, :, :-1])
    return beta
