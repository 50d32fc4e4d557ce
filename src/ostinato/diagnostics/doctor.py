"""The doctor in a training: looks at gradients through time now and then, warns early, and applies safe remedies."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ostinato.cells import Cell
from ostinato.diagnostics.breakage import explain_divergence
from ostinato.diagnostics.quick_check import QuickCheck, needed_lag, quick_check
from ostinato.diagnostics.verdict import (
    Finding,
    TrainingContext,
    all_well,
    clip_threshold,
    findings_of,
    lags_needed,
    of_losses,
    open_bias,
)
from ostinato.training import DistributedContext, Observation, TrainingDiverged, TrainingSettings

REMEMBERED = 200
"""Gradient norms from which a clipping threshold is taken, the last ones."""

ENOUGH = 10
"""Gradient norms without which none is taken."""


class Doctor:
    """Looks at a network at its first optimiser step and then every `doctor_every`, as the settings' `doctor` asks.

    Without, it only says why a training broke. It is the `Monitor` of `ostinato.training.Trainer`.

    Args:
        model: that is trained; changed only by ``doctor="fix"``.
        settings: of the training.

    Attributes:
        clip_norm: the clipping threshold, that of the settings until a remedy sets one.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import Doctor
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> from ostinato.data import StreamBatches
        >>> from ostinato.training import LossSum, Trainer, TrainingSettings
        >>> def loss(model, batch, state):
        ...     y, state = model(batch[0])
        ...     return LossSum(y[:, -1].square().sum(), len(y))
        >>> settings = TrainingSettings(epochs=1, doctor="watch")
        >>> history = Trainer(net, loss, settings, monitor=Doctor(net, settings)).fit(StreamBatches(x, chunk=50))
    """

    def __init__(self, model: nn.Module, settings: TrainingSettings) -> None:
        self.model, self.settings, self.process = model, settings, DistributedContext.from_environment()
        self.clip_norm = settings.clip_norm
        self._norms: list[float] = []
        self._needed: int | None = None
        self._losses: list[float] = []
        self._told: list[str] = []

    def cause(self, loss: Callable[[], Tensor]) -> str:
        """What `explain_divergence` finds in a batch."""
        return explain_divergence(self.model, loss)

    def observe(self, step: int, norm: float, rate: float, loss: Callable[[], Tensor]) -> Observation:
        """Counts an optimiser step, and takes a look where one is due.

        Args:
            step: its number, from 1.
            norm: of its gradients, before clipping.
            rate: its learning rate.
            loss: the batch's, to be taken again.

        Raises:
            TrainingDiverged: a state runs away.
        """
        if self.settings.doctor is None:
            return Observation({}, [])
        self._norms = [*self._norms, norm][-REMEMBERED:]
        if step % self.settings.doctor_every and step > 1:
            return Observation({}, [])
        seen = quick_check(self.model, loss, limit=self.settings.state_limit)
        if any(self.process.all_reduce_sum(bool(seen.broken))):
            what = seen.broken or "a state runs away in another process"
            raise TrainingDiverged(f"{what} (optimiser step {step})", step)
        if not self._losses:
            self._needed = needed_lag(self.model, loss)
        self._losses.append(seen.loss)
        around = self._training_context(rate)
        findings = of_losses(self._losses, around) + findings_of(seen, around)
        said = [self._words(finding) for finding in findings if self._is_news(finding)]
        said += self._fixed(seen, findings, around) if self.settings.doctor == "fix" else []
        found = [str(finding) for finding in findings] or [f"healthy: {all_well(seen)}"]
        return Observation(seen.to_dict() | {"findings": found, "said": said}, said)

    def _training_context(self, rate: float) -> TrainingContext:
        return TrainingContext.of(
            self.settings,
            clip_norm=self.clip_norm,
            learning_rate=rate,
            gradient_norms=tuple(self._norms),
            needed=self._needed,
        )

    def _is_news(self, finding: Finding) -> bool:
        """Whether it was not told yet; that of each layer and issue is told once."""
        name = f"{finding.issue} {finding.layer}"
        if name in self._told:
            return False
        self._told.append(name)
        return True

    def _words(self, finding: Finding) -> str:
        return f"{finding}. What helps most: {finding.remedies[0]}"

    def _fixed(self, seen: QuickCheck, findings: list[Finding], around: TrainingContext) -> list[str]:
        """Applies what is safe; what was done, in words. All processes do alike, as the first one decides."""
        issues = {finding.issue for finding in findings}
        enough = len(self._norms) >= ENOUGH and "exploding" in issues
        threshold = clip_threshold(self._norms) if enough else None
        tighter = threshold is not None and (self.clip_norm is None or threshold < self.clip_norm / 2)
        opens = "vanishing" in issues and len(self._losses) == 1  # before there is anything learned to lose
        bias = open_bias(max(lags_needed(flow, around)[0] for flow in seen.flows))
        opens = opens and bias > (around.forget_bias or 0.0)
        own = (threshold or 0.0 if tighter else 0.0, bias if opens else 0.0)
        clip, opening = self.process.all_reduce_sum(*(own if self.process.main else (0.0, 0.0)))
        done = []
        if clip:
            done.append(f"fixed: clip_norm={clip:g}, was {self.clip_norm}")
            self.clip_norm = clip
        if opening and (cells := [cell for cell in _outermost(self.model) if cell.set_forget_bias(opening)]):
            done.append(f"fixed: forget gates of {len(cells)} cells opened (forget_bias={opening:g})")
        return done

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs, fit for JSON."""
        return {
            "clip_norm": self.clip_norm,
            "norms": self._norms,
            "needed": self._needed,
            "losses": self._losses,
            "told": self._told,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.clip_norm, self._norms, self._needed = state["clip_norm"], state["norms"], state["needed"]
        self._losses, self._told = state["losses"], state["told"]


def _outermost(model: nn.Module) -> list[Cell[Any]]:
    """The cells of a model that are not parts of others."""
    if isinstance(model, Cell):
        return [model]
    return [cell for child in model.children() for cell in _outermost(child)]
