"""One thorough look at a network: all that the doctor measures, and what it says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from ostinato.diagnostics.activity import Gate, Units, gates, units
from ostinato.diagnostics.flow import GradientFlow, flows
from ostinato.diagnostics.lags import DataLags
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.lyapunov import track_exponents
from ostinato.diagnostics.memory_span import MemorySpan, memory_span
from ostinato.diagnostics.probe import Recording, at_rest, record
from ostinato.diagnostics.quick_check import QuickCheck, lags_of, quick_check_of
from ostinato.diagnostics.spectrum import Spectrum, StepSpectrum, step_spectra, weight_spectra
from ostinato.diagnostics.verdict import Finding, TrainingContext, all_well, findings_of, of_activity, of_score


@dataclass(frozen=True)
class Examination:
    """What a thorough look at a network finds. `print` it.

    Attributes:
        quick_check: Loss, steps, gradients to the whole state of each layer, largest states.
        flows: Gradients to each tensor of the state of each layer and direction.
        gates: Of each layer.
        units: Of each tensor of the state of each layer.
        weights: Spectra of the recurrent weights of each layer.
        steps: Spectra of one step of each layer, as the data drive it.
        exponents: Largest Lyapunov exponents of each layer, in nats a step.
        memory_spans: How far back the input still changes the output, for each recurrent module.
        lags: How far back the data tell something.
        findings: What is wrong, the worst first; empty for a healthy network.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import examine
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> examination = examine(net, loss)
        >>> examination.verdict
        'vanishing'
        >>> sorted(examination.to_dict())[:4]
        ['exponents', 'findings', 'layers', 'loss']
    """

    quick_check: QuickCheck
    flows: list[GradientFlow]
    gates: list[Gate]
    units: list[Units]
    weights: dict[Layer, list[Spectrum]]
    steps: dict[Layer, StepSpectrum]
    exponents: dict[Layer, Tensor]
    memory_spans: list[MemorySpan]
    lags: DataLags | None
    findings: list[Finding]

    @property
    def verdict(self) -> str:
        """One word or two: healthy, or the worst issue."""
        return self.findings[0].issue if self.findings else "healthy"

    @property
    def reason(self) -> str:
        """The figures that say so, in a sentence."""
        if self.findings:
            return self.findings[0].reason
        words = all_well(self.quick_check)
        needed = None if self.lags is None else self.lags.needed
        return words if needed is None else f"{words}; what is read tells something over {needed} steps"

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.reason}"]
        lines += [f"also {finding}" for finding in self.findings[1:]]
        if self.findings:
            lines.append("What helps, the strongest first:")
            lines += [f"  {number}. {remedy}" for number, remedy in enumerate(self.findings[0].remedies, 1)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The report with its pictures, as notebooks show it."""
        from ostinato.diagnostics.page import sections  # which reads this class

        return sections(self)

    def to_dict(self) -> dict[str, Any]:
        """Verdict, findings and the quick figures, fit for JSON."""
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "findings": [
                {"issue": each.issue, "layer": each.layer, "reason": each.reason, "remedies": list(each.remedies)}
                for each in self.findings
            ],
            **self.quick_check.to_dict(),
            "needed_lag": None if self.lags is None else self.lags.needed,
            "exponents": {str(layer): values.tolist() for layer, values in self.exponents.items()},
        }


def examine(model: nn.Module, loss: Callable[[], Tensor], around: TrainingContext | None = None) -> Examination:
    """Takes a thorough look at a model on one batch. It changes nothing and draws nothing random from torch.

    Args:
        model: With recurrent layers of this engine, on any backend.
        loss: Calls the model on a batch and returns a scalar.
        around: What is known of its training, for advice that fits.

    Raises:
        OstinatoError: The model ran no recurrent layer, or the loss does not depend on any.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import examine
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> print(examine(net, lambda: net(x)[0][:, -1].square().mean()))
        vanishing: layer 1: the gradient falls below 1% of its largest after lag ..., of 50 steps of the sequences ...
        What helps, the strongest first:
          1. forget gates that begin open: forget_bias=3.9 for 50 steps
          ...
    """
    with at_rest(model):
        return _examined(record(model, loss), around or TrainingContext())


def _examined(recording: Recording, around: TrainingContext) -> Examination:
    tracks = recording.tracks
    measured = flows(recording)
    seen = quick_check_of(recording, measured)
    lags = lags_of(recording)
    if around.needed is None and lags is not None:
        around = replace(around, needed=lags.needed)
    its_gates = [gate for track in tracks for gate in gates(track)]
    its_units = [each for track in tracks for each in units(track)]
    steps = {track.layer: spectrum for track in tracks if (spectrum := step_spectra(track)) is not None}
    exponents = {track.layer: found for track in tracks if (found := track_exponents(track)) is not None}
    findings = findings_of(seen, around) + of_activity(its_gates, its_units, around) + of_score(around)
    return Examination(
        quick_check=seen,
        flows=measured,
        gates=its_gates,
        units=its_units,
        weights={track.layer: weight_spectra(track.calls[0].cell) for track in tracks},
        steps=steps,
        exponents=exponents,
        memory_spans=memory_span(recording),
        lags=lags,
        findings=sorted(findings, key=Finding.order),
    )
