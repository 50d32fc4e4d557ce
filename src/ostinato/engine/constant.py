"""What torch.compile asks of a function once, and does not trace."""

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def assumed_constant(function: F) -> F:
    """`torch.compiler.assume_constant_result`, which would import the whole of torch's compiler to set one mark.

    That costs every program seconds, whether it compiles with torch or not.

    Args:
        function: To be called while torch.compile traces; its result is taken for a constant.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
