"""From figures to words: what ails a network, the figure that says so, and what helps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal, Self, get_args

import numpy as np

from ostinato.diagnostics.activity import Gate, Units
from ostinato.diagnostics.flow import SHARE, GradientFlow
from ostinato.diagnostics.quick_check import QuickCheck
from ostinato.training import TrainingSettings

Issue = Literal["not learning", "exploding", "dead", "saturated", "vanishing"]

EXPLODES = 10.0
"""Times the gradient at lag 1 that the gradient at the longest lag is when it explodes."""

FAR = 0.25
"""Share of the lags that are needed within which a gradient that fades is said to vanish."""

LOOKS, FALLEN = 6, 0.01
"""Looks at a training, and the share by which its loss must have fallen by then for it to learn."""

DEAD, SATURATED, SHUT = 0.2, 0.5, 0.95
"""Shares from which on a layer is called so: of units that never change, of units at the ends of tanh, of a gate's
values at either end."""

GATED = frozenset(
    ("LSTM", "GRU", "MGU", "JANET", "SLSTM", "LEM", "SRU", "QRNN", "RGLRU", "FastGRNN", "MinGRU", "MinLSTM")
)
"""Cells that choose what to keep: class names."""

KEEPS = ("forget", "update")
"""Gates that keep the state where they are open."""

OPENS = ("LSTM", "GRU")
"""Those whose gates `forget_bias` opens."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        issue: What it is.
        layer: Where; empty for the whole model.
        reason: The figure that says so, in a sentence.
        remedies: What helps, the one with the largest expected effect first.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import examine
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> finding = examine(net, loss).findings[0]
        >>> finding.issue, finding.remedies[0]
        ('vanishing', 'forget gates that begin open: forget_bias=3.9 for 50 steps')
    """

    issue: Issue
    layer: str
    reason: str
    remedies: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.issue}: {self.reason}"

    def order(self) -> int:
        """Its place among others, the worst first."""
        return get_args(Issue).index(self.issue)


@dataclass(frozen=True)
class TrainingContext:
    """What is known of the training, for advice that fits.

    Attributes:
        clip_norm: The clipping threshold; None for none, or where it is not known.
        learning_rate: None where it is not known.
        gradient_norms: Seen in training so far, before clipping; may be empty.
        forget_bias: With which the gates that keep the state began; None for as the cell is made.
        bptt_steps: Steps of truncated backpropagation through time; None where the whole sequence is gone back through.
        needed: The longest lag at which the data still tell something; None where it is not known.
        beaten: What the score table says where the model beats no baseline; empty where it does, or is not scored.

    Example:
        >>> from ostinato.diagnostics import TrainingContext
        >>> from ostinato.training import TrainingSettings
        >>> context = TrainingContext.of(TrainingSettings(clip_norm=0.25), needed=40)
        >>> context.clip_norm, context.needed
        (0.25, 40)
    """

    clip_norm: float | None = None
    learning_rate: float | None = None
    gradient_norms: tuple[float, ...] = ()
    forget_bias: float | None = None
    bptt_steps: int | None = None
    needed: int | None = None
    beaten: str = ""

    @classmethod
    def of(cls, settings: TrainingSettings, **known: Any) -> Self:
        """What some settings say, `forget_bias` and `bptt_steps` where the task has them, and what else is known."""
        names = ("clip_norm", "learning_rate", "forget_bias", "bptt_steps")
        said: dict[str, Any] = {name: getattr(settings, name, None) for name in names}
        return cls(**said | known)


def clip_threshold(norms: Sequence[float]) -> float | None:
    """The clipping threshold that the gradient norms seen so far speak for: their median, to two digits.

    So that typical steps stay as they are and outliers are cut (Pascanu et al. 2013, section 3.2, take a threshold of
    the order of the average norm). None where no finite norm is above 0.

    Example:
        >>> from ostinato.diagnostics import clip_threshold
        >>> clip_threshold([0.8, 1.234, 1.9, 250.0, 0.9])
        1.2
    """
    seen = [norm for norm in norms if math.isfinite(norm) and norm > 0]
    if not seen:
        return None
    return float(f"{np.median(seen):.2g}")


def findings_of(seen: QuickCheck, around: TrainingContext) -> list[Finding]:
    """What a quick look finds, the worst first.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import TrainingContext, findings_of, quick_check
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> def loss():
        ...     return net(x)[0][:, -1].square().mean()
        >>> [finding.issue for finding in findings_of(quick_check(net, loss), TrainingContext())]
        ['vanishing']
    """
    found = [finding for flow in seen.flows if (finding := of_flow(flow, around)) is not None]
    return sorted(found, key=Finding.order)


def all_well(seen: QuickCheck) -> str:
    """What to say of a network that nothing is found wrong with: how far its gradients come, where they come least.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import all_well, quick_check
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 10, 3)
        >>> print(all_well(quick_check(net, lambda: net(x)[0][:, -1].square().mean())))
        gradients reach back ...
    """
    flow = min(seen.flows, key=lambda flow: flow.reach / len(flow.typical))
    return (
        f"gradients reach back {flow.reach} of {len(flow.typical)} steps in {flow.layer}, changing by a factor of "
        f"{math.exp(flow.rate):.3g} a step"
    )


def of_activity(gates: Sequence[Gate], units: Sequence[Units], around: TrainingContext) -> list[Finding]:
    """What gates and units say: saturated, dead, or nothing."""
    found = []
    for gate in gates:
        keeps = gate.name.split()[0] in KEEPS  # open is what it should be, and lets gradients pass
        shut = gate.share_low + (0 if keeps else gate.share_high)
        if shut > SHUT:
            reason = f"{gate.layer}: {shut:.0%} of the values of the {gate.name} gate are below 0.05 or above 0.95"
            found.append(Finding("saturated", str(gate.layer), reason, against_saturation(around)))
    for own in units:
        layer = str(own.layer)
        if own.dead > DEAD:
            reason = f"{layer}: {own.dead:.0%} of the {own.size} units of {own.state} never change"
            found.append(Finding("dead", layer, reason, against_death()))
        if own.saturated > SATURATED:
            reason = f"{layer}: {own.saturated:.0%} of the {own.size} units of {own.state} stay beyond 0.95 or -0.95"
            found.append(Finding("saturated", layer, reason, against_saturation(around)))
    return found


def of_losses(losses: Sequence[float], around: TrainingContext) -> list[Finding]:
    """What the losses say that were seen while a network trained: it learns, or it does not.

    Args:
        losses: Of batches of the training data in evaluation mode, some steps apart.
        around: What is known of the training.
    """
    if len(losses) < LOOKS:
        return []
    first, now = losses[0], float(np.median(losses[-LOOKS // 2 :]))
    if first - now > FALLEN * abs(first):
        return []
    reason = f"the loss is {now:.4g} after {len(losses) - 1} looks, and was {first:.4g} at the first"
    return [Finding("not learning", "", reason, against_failure(around))]


def of_score(around: TrainingContext) -> list[Finding]:
    """What the model's scores say."""
    if not around.beaten:
        return []
    return [Finding("not learning", "", around.beaten, against_failure(around))]


def of_flow(flow: GradientFlow, around: TrainingContext) -> Finding | None:
    """What a layer's gradient through time says: it explodes, it vanishes before it has come far enough, or neither.

    Far enough is a quarter of the longest lag that the data need where that is known, else of the whole sequence; and
    no farther than training ever goes back.
    """
    steps, layer, rate = len(flow.typical), str(flow.layer), flow.rate
    if flow.growth > EXPLODES or not math.isfinite(float(flow.typical.amax())):
        reason = (
            f"{layer}: the gradient grows by a factor of {math.exp(rate):.3g} a step on its way back, "
            f"{flow.growth:.3g} times over {steps} lags"
        )
        return Finding("exploding", layer, reason, against_exploding(flow, around))
    if flow.reach == 0:
        reason = f"{layer}: no gradient comes back from the last step at any lag"
        return Finding("not learning", layer, reason, against_silence())
    needed, why = lags_needed(flow, around)
    if flow.reach < FAR * needed and _fades(flow, needed):
        reason = (
            f"{layer}: the gradient falls below {SHARE:.0%} of its largest after lag {flow.reach}, of {needed} {why} "
            f"(a factor of {math.exp(rate):.3g} a step)"
        )
        return Finding("vanishing", layer, reason, against_vanishing(flow, around))
    return None


def _fades(flow: GradientFlow, needed: int) -> bool:
    """Whether a gradient falls as far again beyond its reach, and did not only fall from a peak at the last steps."""
    typical = flow.typical
    return float(typical[needed - 1]) < SHARE * float(typical[flow.reach])


def lags_needed(flow: GradientFlow, around: TrainingContext) -> tuple[int, str]:
    """The lags that a gradient should bridge, and what says so."""
    steps = len(flow.typical)
    return min(
        (steps, "steps of the sequences"),
        (around.needed or steps, "lags that the data need"),
        (around.bptt_steps or steps, "steps that training goes back"),
        key=itemgetter(0),
    )


def open_bias(lag: int) -> float:
    """The bias with which a gate that keeps the state remembers for about `lag` steps (Tallec & Ollivier 2018)."""
    return round(math.log(max(lag, 3)), 1)


def against_exploding(flow: GradientFlow, around: TrainingContext) -> tuple[str, ...]:
    """Remedies for gradients that explode."""
    remedies = []
    threshold = clip_threshold(around.gradient_norms)
    now = "" if around.clip_norm is None else f" (now {around.clip_norm:g})"
    if threshold is not None:
        remedies.append(f"clip gradients: clip_norm={threshold:g}, the median of the norms seen{now}")
    else:
        remedies.append(f"clip gradients: clip_norm=1, or lower where that does not help{now}")
    if around.learning_rate is not None:
        remedies.append(f"a lower learning rate: learning_rate={around.learning_rate / 3:.2g}")
    else:
        remedies.append("a lower learning rate, a third of it")
    if flow.layer.cell not in GATED:
        remedies.append("a gated cell: cell=lstm or cell=gru")
        remedies.append("recurrent weights that cannot grow what they multiply: cell=orthogonal or cell=contractive")
    else:
        remedies.append("layer normalisation: cell=layer_norm_lstm")
    remedies.append(
        f"shorter truncation: bptt_steps={max(around.bptt_steps // 2, 1)}" if around.bptt_steps else "shorter sequences"
    )
    return tuple(remedies)


def against_vanishing(flow: GradientFlow, around: TrainingContext) -> tuple[str, ...]:
    """Remedies for gradients that vanish."""
    remedies = []
    cell, needed = flow.layer.cell, lags_needed(flow, around)[0]
    bias = f"forget_bias={open_bias(needed):g} for {needed} steps"
    if cell not in GATED:
        remedies.append(f"a gated cell whose gates begin open: cell=lstm or cell=gru with {bias}")
        remedies.append("recurrent weights that begin as the identity or orthogonal: cell=irnn or cell=orthogonal")
    elif cell in OPENS and (around.forget_bias or 0) < open_bias(needed):
        now = "" if around.forget_bias is None else f" (now {around.forget_bias:g})"
        remedies.append(f"forget gates that begin open: {bias}{now}")
    remedies.append("a cell made to remember: cell=lru or cell=cornn")
    if cell in ("LSTM", "Elman"):
        remedies.append("layer normalisation: cell=layer_norm_lstm")
    if around.bptt_steps and around.needed and around.needed > around.bptt_steps:
        remedies.append(f"longer truncation: bptt_steps={around.needed}, as far as the data reach")
    remedies.append("a way around the recurrence: attention or pooling over all steps, or residual layers")
    return tuple(remedies)


def against_silence() -> tuple[str, ...]:
    """Remedies where no gradient comes back at all."""
    return (
        "look at what the loss reads: it must depend on this layer's last output",
        "cell=gru or cell=lstm in place of a ReLU or binary cell, whose units can die",
        "a lower learning rate, and inputs of mean 0 and standard deviation 1",
    )


def against_failure(around: TrainingContext) -> tuple[str, ...]:
    """Remedies for a network that learns, but nothing that a baseline does not know."""
    rate = (
        "" if around.learning_rate is None else f" (now {around.learning_rate:g}: try a third of it, and three times)"
    )
    return (
        f"another learning rate{rate}",
        "more units or layers, more epochs: hidden_size, num_layers, epochs",
        "more data, or inputs that tell more of what is asked",
        "the baseline itself: it may be all that the data allow",
    )


def against_saturation(around: TrainingContext) -> tuple[str, ...]:
    """Remedies for units and gates at the ends of their range."""
    lower = "a third of it" if around.learning_rate is None else f"learning_rate={around.learning_rate / 3:.2g}"
    return (
        f"a lower learning rate: {lower}",
        "layer normalisation: cell=layer_norm_lstm",
        "inputs of mean 0 and standard deviation 1",
        "weight decay: weight_decay=0.01",
    )


def against_death() -> tuple[str, ...]:
    """Remedies for units that never change."""
    return (
        "a cell whose units do not die: cell=gru, cell=lstm, or tanh in place of ReLU",
        "a lower learning rate, or a warm-up: warmup=100",
        "recurrent weights that begin as the identity: cell=irnn",
        "fewer units: hidden_size",
    )
