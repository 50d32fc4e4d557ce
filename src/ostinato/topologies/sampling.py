"""Choosing the next unit from the scores of all: the likeliest, or one drawn at random."""

import torch
from torch import Tensor


def top_k_top_p_filter(
    logits: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float = 1.0
) -> Tensor:
    """Log-probabilities of the units that may be drawn, minus infinity for the others.

    Args:
        logits: Scores ``(batch, units)``.
        temperature: What the scores are divided by, above 0: below 1 the likely becomes likelier.
        top_k: Only the so many likeliest (Fan et al. 2018); None for all.
        top_p: Only the likeliest, as many as hold this share of the probability (nucleus, Holtzman et al. 2020); the
            likeliest one always.

    Returns:
        Log-probabilities ``(batch, units)`` that sum to 1 again.

    Raises:
        ValueError: For a setting out of range.

    Example:
        >>> import torch
        >>> from ostinato.topologies import top_k_top_p_filter
        >>> logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
        >>> top_k_top_p_filter(logits, top_p=0.8).exp()
        tensor([[0.6250, 0.3750, 0.0000, 0.0000]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if not 1e-6 <= temperature <= 1e6:  # beyond these, scores divided by it are no longer numbers of 32 bits
        raise ValueError(f"temperature must be between 1e-06 and 1e+06, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
    scores = (logits / temperature).log_softmax(-1)
    if top_k is not None and top_k < scores.shape[-1]:
        best, places = scores.topk(top_k, dim=-1)
        scores = torch.full_like(scores, -torch.inf).scatter(-1, places, best)
    if top_p < 1:
        ordered, places = scores.log_softmax(-1).sort(dim=-1, descending=True)
        before = ordered.exp().cumsum(-1) - ordered.exp()
        beyond = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, places, before >= top_p)
        scores = scores.masked_fill(beyond, -torch.inf)
    return scores.log_softmax(-1)


def repetition_penalty(logits: Tensor, written: Tensor, penalty: float) -> Tensor:
    """Scores with those of units already written made worse (Keskar et al. 2019, section 4.1).

    Args:
        logits: Scores ``(batch, units)``.
        written: Units written so far ``(batch, steps)``; may have no steps.
        penalty: What a positive score is divided and a negative one multiplied by; 1 changes nothing.

    Returns:
        Scores ``(batch, units)``.

    Example:
        >>> import torch
        >>> from ostinato.topologies import repetition_penalty
        >>> repetition_penalty(torch.tensor([[2.0, -1.0, 3.0]]), written=torch.tensor([[0, 1]]), penalty=2.0)
        tensor([[ 1., -2.,  3.]])
    """
    theirs = logits.gather(-1, written)
    return logits.scatter(-1, written, torch.where(theirs > 0, theirs / penalty, theirs * penalty))


def no_repeat_ngram(logits: Tensor, written: Tensor, size: int) -> Tensor:
    """Scores with minus infinity for a unit that would repeat a run of `size` units (Paulus et al. 2018, section 2.5).

    Args:
        logits: Scores ``(batch, units)``.
        written: Units written so far ``(batch, steps)``.
        size: Units of a run that must not come twice; 0 forbids nothing.

    Returns:
        Scores ``(batch, units)``.

    Example:
        >>> import torch
        >>> from ostinato.topologies import no_repeat_ngram
        >>> no_repeat_ngram(torch.zeros(1, 3), written=torch.tensor([[1, 2, 1]]), size=2)  # "1 2" was written already
        tensor([[0., 0., -inf]])
    """
    steps = written.shape[1]
    if not size or steps < size:
        return logits
    runs = written.unfold(1, size, 1)  # (batch, runs, size): all but the last unit of each is compared with the end
    same = (runs[:, :, :-1] == written[:, None, steps - size + 1 :]).all(-1)
    banned = torch.zeros_like(logits, dtype=torch.bool)
    rows, places = same.nonzero(as_tuple=True)
    banned[rows, runs[rows, places, -1]] = True
    return logits.masked_fill(banned, -torch.inf)


def sample(log_probabilities: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One unit per row ``(batch,)``, drawn with these log-probabilities ``(batch, units)``.

    Example:
        >>> import torch
        >>> from ostinato.topologies import sample
        >>> sample(torch.tensor([[0.0, 1.0], [1.0, 0.0]]).log())
        tensor([1, 0])
    """
    return torch.multinomial(log_probabilities.exp(), 1, generator=generator)[:, 0]
