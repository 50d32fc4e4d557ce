"""Who looks at a network while it trains: the trainer's side of the doctor."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from torch import Tensor


class Observation(NamedTuple):
    """What a look gave.

    Attributes:
        seen: to be written down, fit for JSON; empty when no look was due. Under "findings" stand findings in words,
            under "layers" the figures of each layer by name, None for one that is not defined.
        said: to be told now.
    """

    seen: dict[str, Any]
    said: list[str]


class Monitor(Protocol):
    """Looks at a network now and then, and says why a training broke. `ostinato.diagnostics.Doctor` is one.

    Attributes:
        clip_norm: the clipping threshold to train with; None for none.
    """

    clip_norm: float | None

    def observe(self, step: int, norm: float, rate: float, loss: Callable[[], Tensor]) -> Observation:
        """After an optimiser step.

        Args:
            step: its number, from 1.
            norm: of its gradients, before clipping.
            rate: its learning rate.
            loss: the batch's, to be taken again.

        Raises:
            TrainingDiverged: training should stop.
        """
        ...

    def cause(self, loss: Callable[[], Tensor]) -> str:
        """Why the loss of a batch or its gradient left its bounds, in words; empty where nothing is found."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs, fit for JSON."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        ...
