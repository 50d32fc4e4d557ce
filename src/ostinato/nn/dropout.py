"""Dropout for sequences: the same units of a row at all of its steps, or whole words of a vocabulary."""

from torch import Tensor, nn
from torch.nn import functional as F


class LockedDropout(nn.Module):
    """Dropout with one mask per row for all of its steps (Gal & Ghahramani 2016, "variational"; Merity et al. 2018).

    Args:
        p: Probability of a zero, in training.

    Raises:
        ValueError: For a probability outside [0, 1).

    Example:
        >>> import torch
        >>> from ostinato.nn import LockedDropout
        >>> y = LockedDropout(0.5)(torch.ones(2, 10, 4))
        >>> torch.equal(y, y[:, :1].expand(2, 10, 4))  # what is dropped, is dropped at every step
        True
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be a probability in [0, 1), got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """`x` ``(batch, time, features)`` with whole features of a row zero, the others larger by 1 / (1 - p)."""
        if not (self.training and self.p):
            return x
        return x * x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.p).div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class TokenEmbedding(nn.Embedding):
    """A vector for each unit of a vocabulary, with embedding dropout (Gal & Ghahramani 2016; Merity et al. 2018).

    Args:
        num_embeddings: Units of the vocabulary.
        embedding_dim: Features of a vector.
        padding_idx: The unit that pads, whose vector is zero and stays so; None for none.
        dropout: Probability that a unit is zero wherever it stands in a batch, in training.

    Raises:
        ValueError: For a probability outside [0, 1).

    Example:
        >>> import torch
        >>> from ostinato.nn import TokenEmbedding
        >>> embedding = TokenEmbedding(100, 16, padding_idx=0, dropout=0.1)
        >>> embedding(torch.tensor([[4, 5, 4, 0]])).shape
        torch.Size([1, 4, 16])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dropout: float = 0.0
    ) -> None:
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be a probability in [0, 1), got {dropout}")
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        self.dropout = dropout

    def forward(self, input: Tensor) -> Tensor:
        """The vectors ``(..., embedding_dim)`` of ids of any shape."""
        vectors = F.embedding(input, self.weight, self.padding_idx)
        if not (self.training and self.dropout):
            return vectors
        kept = vectors.new_empty(self.num_embeddings, 1).bernoulli_(1 - self.dropout).div_(1 - self.dropout)
        return vectors * F.embedding(input, kept)
