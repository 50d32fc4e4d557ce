"""The linear map at the end of every wiring."""

from torch import nn


def output_layer(input_size: int, output_size: int) -> nn.Linear:
    """A linear map to the output.

    Args:
        input_size: Features of what is read.
        output_size: Features of one output, at least 1.

    Returns:
        The layer.

    Raises:
        ValueError: For an output size below 1.
    """
    if output_size < 1:
        raise ValueError(f"output_size must be at least 1, got {output_size}")
    return nn.Linear(input_size, output_size)
