"""From figures to words: each issue with the figure that says so, and remedies that fit."""

import math
from dataclasses import replace

import pytest
import torch

from ostinato.diagnostics import Finding, Gate, GradientFlow, Layer, QuickCheck, TrainingContext, Units, clip_threshold
from ostinato.diagnostics.verdict import findings_of, of_activity, of_losses, of_score
from ostinato.training import TrainingSettings

LSTM, ELMAN = (Layer("reader", 0, False, 1, cell) for cell in ("LSTM", "Elman"))


def flow(factor, lags=60, layer=LSTM, rows=4):
    return GradientFlow(layer, "h", torch.full((rows, 1), 0.1).double() * factor ** torch.arange(lags).double())


def seen(*flows):
    return QuickCheck(1.0, 60, list(flows), {flow.layer: 1.0 for flow in flows}, "")


def the(found):
    (finding,) = found
    return finding


def test_a_gradient_that_keeps_its_size_is_healthy():
    assert findings_of(seen(flow(1.0), flow(0.95), flow(1.02)), TrainingContext()) == []


def test_a_gradient_that_grows_tenfold_explodes_and_clipping_comes_first():
    finding = the(findings_of(seen(flow(1.1)), TrainingContext(gradient_norms=(1.0, 2.0, 900.0), clip_norm=50.0)))
    assert str(finding).startswith(
        "exploding: reader: the gradient grows by a factor of 1.1 a step on its way back, 277 times"
    )
    assert finding.remedies[0] == "clip gradients: clip_norm=2, the median of the norms seen (now 50)"


def test_a_gradient_that_does_not_come_far_enough_vanishes():
    finding = the(findings_of(seen(flow(0.5)), TrainingContext()))
    assert str(finding) == (
        "vanishing: reader: the gradient falls below 1% of its largest after lag 7, of 60 steps of the sequences "
        "(a factor of 0.5 a step)"
    )


@pytest.mark.parametrize(
    ("around", "of"),
    [
        (TrainingContext(needed=40), "of 40 lags that the data need"),
        (TrainingContext(needed=90, bptt_steps=35), "of 35 steps that training goes back"),
        (TrainingContext(needed=90), "of 60 steps of the sequences"),
    ],
)
def test_far_enough_is_what_the_data_need_and_training_can_see(around, of):
    assert of in the(findings_of(seen(flow(0.5)), around)).reason


def test_who_needs_few_lags_is_well_with_a_gradient_that_fades():
    assert findings_of(seen(flow(0.5)), TrainingContext(needed=12)) == []


def test_remedies_fit_the_cell():
    gated, plain = (
        the(findings_of(seen(flow(0.5, layer=layer)), TrainingContext())).remedies[0] for layer in (LSTM, ELMAN)
    )
    assert gated == "forget gates that begin open: forget_bias=4.1 for 60 steps"  # the logarithm of the steps
    assert plain == "a gated cell whose gates begin open: cell=lstm or cell=gru with forget_bias=4.1 for 60 steps"


def test_gates_that_began_open_enough_are_not_told_to():
    said = [
        the(findings_of(seen(flow(0.5, layer=LSTM)), TrainingContext(forget_bias=bias))).remedies[0] for bias in (1, 5)
    ]
    assert said == [
        "forget gates that begin open: forget_bias=4.1 for 60 steps (now 1)",
        "a cell made to remember: cell=lru or cell=cornn",
    ]


def test_what_advice_depends_on_comes_from_the_settings_and_what_else_is_known():
    around = TrainingContext.of(TrainingSettings(clip_norm=3, learning_rate=0.1), learning_rate=0.01, needed=7)
    assert around == TrainingContext(clip_norm=3, learning_rate=0.01, needed=7)


def test_no_gradient_at_all_is_not_learning_and_the_worst_comes_first():
    nothing = GradientFlow(ELMAN, "h", torch.zeros(3, 20).double())
    found = findings_of(seen(flow(0.5), nothing, flow(1.5)), TrainingContext())
    assert [finding.issue for finding in found] == ["not learning", "exploding", "vanishing"]


def test_a_gradient_that_overflows_explodes():
    norms = flow(1.0).norms.clone()
    norms[:, 30:] = torch.inf
    assert the(findings_of(seen(GradientFlow(LSTM, "h", norms)), TrainingContext())).issue == "exploding"


def test_gates_and_units_at_their_ends_are_saturated_and_units_that_never_change_dead():
    gate = Gate(LSTM, "input", 0.5, 0.5, 0.47)
    units = Units(LSTM, "h", 10, 1.0, 2.0, 0.5, 0.3, 0.6)
    found = of_activity(
        [gate, replace(gate, share_high=0.4)], [units, replace(units, dead=0.1, saturated=0.1)], TrainingContext()
    )
    assert [finding.issue for finding in found] == ["saturated", "dead", "saturated"]
    assert found[0].reason == "reader: 97% of the values of the input gate are below 0.05 or above 0.95"
    assert found[1].reason == "reader: 30% of the 10 units of h never change"


def test_a_gate_that_keeps_the_state_may_stand_open_but_not_shut():
    gate = Gate(LSTM, "forget", 0.98, 0.0, 1.0)
    assert of_activity([gate], [], TrainingContext()) == []
    assert the(of_activity([replace(gate, share_low=1.0, share_high=0.0)], [], TrainingContext())).issue == "saturated"


def test_who_beats_no_baseline_does_not_learn():
    assert of_score(TrainingContext()) == []
    finding = the(of_score(TrainingContext(beaten="ostinato loses to naive", learning_rate=0.1)))
    assert isinstance(finding, Finding)
    assert str(finding) == "not learning: ostinato loses to naive"
    assert finding.remedies[0].startswith("another learning rate (now 0.1")


def test_a_clipping_threshold_is_the_median_of_finite_norms():
    assert clip_threshold([1.0, math.inf, 3.0, 0.0, math.nan, 500.0]) == 3.0
    assert clip_threshold([1.2345]) == 1.2
    assert clip_threshold([0.0, math.nan]) is None


@pytest.mark.parametrize(
    ("losses", "learns"),
    [
        ([3.0, 2.9, 2.8, 2.7, 2.6, 2.5], True),
        ([3.0, 3.1, 3.0, 2.99, 3.01, 3.0], False),
        ([3.0, 3.1, 3.0, 2.99, 3.01], True),
        ([3.0, 1.0, 1.0, 5.0, 6.0, 5.0], False),
        ([-1.0, -1.1, -1.2, -1.3, -1.4, -1.5], True),
    ],
)
def test_a_loss_that_has_not_fallen_after_six_looks_is_not_learning(losses, learns):
    assert (of_losses(losses, TrainingContext()) == []) == learns


def test_a_gradient_that_only_falls_from_a_peak_at_the_last_steps_does_not_vanish():
    norms = torch.full((4, 60), 1e-4).double()
    norms[:, :3] = 1.0
    assert findings_of(seen(GradientFlow(LSTM, "h", norms)), TrainingContext()) == []


@pytest.mark.parametrize(("cell", "offered"), [("LSTM", True), ("GRU", True), ("SRU", False), ("Elman", True)])
def test_open_gates_are_a_remedy_for_cells_whose_gates_a_setting_opens(cell, offered):
    finding = the(findings_of(seen(flow(0.5, layer=LSTM._replace(cell=cell))), TrainingContext()))
    assert any("forget_bias=4.1 for 60 steps" in remedy for remedy in finding.remedies) == offered
