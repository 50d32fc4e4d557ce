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

    Example:
        >>> from ostinato.training import Observation
        >>> Observation(seen={"loss": 0.69, "findings": []}, said=[])  # nothing to be told
        Observation(seen={'loss': 0.69, 'findings': []}, said=[])
    """

    seen: dict[str, Any]
    said: list[str]


class Monitor(Protocol):
    """Looks at a network now and then, and says why a training broke. `ostinato.diagnostics.Doctor` is one.

    Attributes:
        clip_norm: the clipping threshold to train with; None for none.

    Example:
        >>> from ostinato.training import Monitor, Observation
        >>> class NormWatch(Monitor):
        ...     clip_norm = 1.0
        ...     largest = 0.0
        ...     def observe(self, step, norm, rate, loss):
        ...         told = [f"step {step}: a gradient of norm {norm:.0f}"] if norm > 10 * max(self.largest, 1) else []
        ...         self.largest = max(self.largest, norm)
        ...         return Observation(seen={"norm": norm}, said=told)
        ...     def cause(self, loss):
        ...         return ""
        ...     def state_dict(self):
        ...         return {"largest": self.largest}
        ...     def load_state_dict(self, state):
        ...         self.largest = state["largest"]
        >>> NormWatch().observe(1, norm=120.0, rate=1e-3, loss=lambda: None).said
        ['step 1: a gradient of norm 120']
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
