"""One vector in, one vector out: no time at all."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from ostinato.topologies.output import output_layer

Activation = Literal["relu", "tanh", "gelu", "sigmoid"]
"""What a hidden layer does to each of its units."""

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
}


class OneToOne(nn.Module):
    """The feed-forward network, or multilayer perceptron: what a recurrent network is without its recurrence.

    ::

        output      y
                    |
        linear      o
                    |
        hidden      o     f(W x + b), dropout; once for each hidden size
                    |
        input       x

    Args:
        input_size: Features of one input.
        hidden_sizes: Units of each hidden layer, from the input on; none makes one linear map.
        output_size: Features of one output.
        activation: f: "relu" (default), "tanh", "gelu" or "sigmoid".
        dropout: Probability of a zero in each hidden layer's output while training; default 0.

    Raises:
        ValueError: For a size below 1, an unknown activation, or a probability outside [0, 1).

    Example:
        >>> import torch
        >>> from ostinato.topologies import OneToOne
        >>> OneToOne(8, [32, 32], 3, activation="gelu", dropout=0.1)(torch.randn(4, 8)).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Sequence[int],
        output_size: int,
        *,
        activation: Activation = "relu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(input_size, *hidden_sizes, output_size) < 1:
            raise ValueError(f"every size must be at least 1, got {[input_size, *hidden_sizes, output_size]}")
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(get_args(Activation))}, got {activation!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be a probability in [0, 1), got {dropout}")
        self.input_size = input_size
        self.hidden = nn.Sequential()
        below = input_size
        for size in hidden_sizes:
            self.hidden.extend([nn.Linear(below, size), _ACTIVATIONS[activation](), nn.Dropout(dropout)])
            below = size
        self.output = output_layer(below, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Maps each vector by itself.

        Args:
            x: Input ``(batch, ..., input_size)``.

        Returns:
            Output ``(batch, ..., output_size)``.

        Raises:
            ValueError: For an input of another size.
        """
        if x.shape[-1:] != (self.input_size,):
            raise ValueError(f"x must be (batch, ..., {self.input_size}), got {tuple(x.shape)}")
        return self.output(self.hidden(x))  # type: ignore[no-any-return]
