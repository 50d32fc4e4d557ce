"""Attention: which of the keys a query reads."""

from abc import ABC, abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ostinato.engine.lengths import mask_steps

Score = Literal["general", "dot"]


class _Attention(nn.Module, ABC):
    """Softmax over the scores of a query with every key; the kinds differ in the score."""

    def __init__(self, query_size: int, key_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.key_size = key_size

    @abstractmethod
    def _project(self, keys: Tensor) -> Tensor:
        """What the scores need of the keys, whatever the query: ``(batch, time, size)``."""

    @abstractmethod
    def _score(self, query: Tensor, projected: Tensor) -> Tensor:
        """Scores ``(batch, queries, time)`` of ``(batch, queries, query_size)`` with the projected keys."""

    def precompute(self, keys: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """What the scores need of the keys, the same at every step of a decoder: give it to `forward` as `projected`.

        Args:
            keys: Keys ``(batch, time, key_size)``.
            mask: Valid keys, booleans ``(batch, time)``; all unless given.

        Returns:
            Projected keys ``(batch, time, size)``.

        Raises:
            ValueError: For shapes that do not fit.
        """
        self._check_keys(keys, mask)
        return self._project(mask_steps(keys, mask))

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        *,
        values: Tensor | None = None,
        mask: Tensor | None = None,
        projected: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Reads the keys with the queries.

        What stands in keys and values that are not valid, NaN too, reaches neither results nor gradients. A row
        without any valid key gives zero weights and a zero context.

        Args:
            query: Queries ``(batch, queries, query_size)``, or one a row: ``(batch, query_size)``.
            keys: Keys ``(batch, time, key_size)``.
            values: What is read, ``(batch, time, value_size)``; the keys unless given.
            mask: Valid keys, booleans ``(batch, time)``, True where valid; all unless given.
            projected: `precompute` of the same keys and mask; computed here unless given.

        Returns:
            The context ``(batch, queries, value_size)``, a weighted mean of the values, and the weights
            ``(batch, queries, time)``. With one query per row both are without the dimension of the queries.

        Raises:
            ValueError: For shapes that do not fit.
        """
        self._check_keys(keys, mask)
        self._check_query(query, keys, values)
        if projected is None:
            projected = self._project(mask_steps(keys, mask))
        return self.read(query, mask_steps(keys if values is None else values, mask), projected, mask)

    def read(
        self, query: Tensor, values: Tensor, projected: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`forward` without its checks, for the steps of a decoder.

        Args:
            query: As for `forward`.
            values: What is read, zero where not valid, as an encoder's outputs are.
            projected: `precompute` of the keys.
            mask: As for `forward`.

        Returns:
            As `forward`.
        """
        queries = query[:, None] if query.dim() == 2 else query
        weights = _softmax(self._score(queries, projected), mask)
        context = weights @ values
        return (context[:, 0], weights[:, 0]) if query.dim() == 2 else (context, weights)

    def _check_keys(self, keys: Tensor, mask: Tensor | None) -> None:
        if keys.dim() != 3 or keys.shape[2] != self.key_size:
            raise ValueError(f"keys must be (batch, time, {self.key_size}), got {tuple(keys.shape)}")
        if mask is not None and (mask.dtype != torch.bool or mask.shape != keys.shape[:2]):
            raise ValueError(f"mask must be {tuple(keys.shape[:2])} booleans, got {mask.dtype} {tuple(mask.shape)}")

    def _check_query(self, query: Tensor, keys: Tensor, values: Tensor | None) -> None:
        if query.dim() not in (2, 3) or query.shape[0] != keys.shape[0] or query.shape[-1] != self.query_size:
            raise ValueError(
                f"query must be ({keys.shape[0]}, queries, {self.query_size}) or ({keys.shape[0]}, {self.query_size}), "
                f"got {tuple(query.shape)}"
            )
        if values is not None and (values.dim() != 3 or values.shape[:2] != keys.shape[:2]):
            raise ValueError(
                f"values must be ({keys.shape[0]}, {keys.shape[1]}, value_size), got {tuple(values.shape)}"
            )


class AdditiveAttention(_Attention):
    """Additive attention (Bahdanau et al. 2015, appendix A.1.2): ``score(s, h) = v . tanh(W s + U h)``.

    Args:
        query_size: Features of a query, s.
        key_size: Features of a key, h.
        hidden_size: Units of the layer that compares them.

    Example:
        >>> import torch
        >>> from ostinato.nn import AdditiveAttention, sequence_mask
        >>> attention = AdditiveAttention(query_size=16, key_size=32, hidden_size=24)
        >>> keys, mask = torch.randn(4, 20, 32), sequence_mask(torch.tensor([20, 7, 3, 1]), 20)
        >>> context, weights = attention(torch.randn(4, 16), keys, mask=mask)
        >>> context.shape, weights.shape
        (torch.Size([4, 32]), torch.Size([4, 20]))
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int) -> None:
        super().__init__(query_size, key_size)
        self.query = nn.Linear(query_size, hidden_size, bias=False)
        self.key = nn.Linear(key_size, hidden_size, bias=False)
        self.score = nn.Linear(hidden_size, 1, bias=False)

    def _project(self, keys: Tensor) -> Tensor:
        return self.key(keys)  # type: ignore[no-any-return]

    def _score(self, query: Tensor, projected: Tensor) -> Tensor:
        return self.score(torch.tanh(self.query(query)[:, :, None] + projected[:, None])).squeeze(-1)  # type: ignore[no-any-return]


class MultiplicativeAttention(_Attention):
    """Multiplicative attention (Luong et al. 2015, eq. 8): ``score(s, h) = s . W h``, or ``s . h`` without a weight.

    Scores of many features are large, and the softmax of large scores picks one key and lets hardly a gradient through
    to the others; divided by the root of the number of features they are not (Vaswani et al. 2017, section 3.2.1).

    Args:
        query_size: Features of a query, s.
        key_size: Features of a key, h.
        score: "general" (default) with the weight W, or "dot" without.
        scaled: Whether scores are divided by the square root of `key_size`.

    Raises:
        ValueError: For an unknown score, or "dot" with sizes that differ.

    Example:
        >>> import torch
        >>> from ostinato.nn import MultiplicativeAttention
        >>> attention = MultiplicativeAttention(query_size=32, key_size=32, score="dot")
        >>> context, weights = attention(torch.randn(4, 32), torch.randn(4, 20, 32))
        >>> torch.allclose(weights.sum(dim=1), torch.ones(4))
        True
    """

    def __init__(self, query_size: int, key_size: int, score: Score = "general", *, scaled: bool = False) -> None:
        if score not in get_args(Score):
            raise ValueError(f"score must be one of {', '.join(get_args(Score))}, got {score!r}")
        if score == "dot" and query_size != key_size:
            raise ValueError(
                f"score 'dot' needs queries and keys of one size, got {query_size} and {key_size}; use score='general'"
            )
        super().__init__(query_size, key_size)
        # s . W h = (W' s) . h: there are fewer queries than keys, so they are what is multiplied.
        self.query = nn.Linear(query_size, key_size, bias=False) if score == "general" else None
        self.scale = key_size**-0.5 if scaled else 1.0

    def _project(self, keys: Tensor) -> Tensor:
        return keys

    def _score(self, query: Tensor, projected: Tensor) -> Tensor:
        return (self.scale * (query if self.query is None else self.query(query))) @ projected.mT


def _softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return scores.softmax(-1)
    masked = ~mask[:, None]
    # The smallest number, not minus infinity: a row without any valid key would be 0 / 0.
    return scores.masked_fill(masked, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(masked, 0)
