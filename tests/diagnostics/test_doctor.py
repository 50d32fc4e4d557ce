"""The doctor in a training: it changes nothing when it watches, tells what is wrong, mends what is safe, and stops."""

import json
import math
import statistics
from functools import partial

import pytest
import torch
from torch import nn

from ostinato import OstinatoError
from ostinato.cells import LSTM, Elman
from ostinato.data.batches import IndexBatches
from ostinato.diagnostics import Doctor, explain_divergence, gradient_flow
from ostinato.nn import Recurrent
from ostinato.tasks.settings import NetworkSettings
from ostinato.training import Interrupted, LossSum, Trainer, TrainingDiverged, TrainingLogger, TrainingSettings

ROWS, STEPS = 16, 30
X = torch.randn(ROWS, STEPS, 2, generator=torch.Generator().manual_seed(0))
Y = X[:, 0, :1]  # to be remembered over all steps


class Reader(nn.Module):
    def __init__(self, cell, size=8, **options):
        super().__init__()
        self.layers, self.head = Recurrent(cell, 2, size, **options), nn.Linear(size, 1)

    def forward(self, x):
        return self.head(self.layers(x)[0][:, -1])


def squared(model, batch, state):
    return LossSum((model(X[batch]) - Y[batch]).square().sum(), len(batch))


def made(cell, scale=1.0, **options):
    torch.manual_seed(0)
    model = Reader(cell, **options)
    with torch.no_grad():
        for own in model.layers.cells:
            own.weight_hh.mul_(scale)
    return model


def fit(model, folder=None, resume=False, logger=None, batches=None, **settings):
    often = {"doctor_every": 5} if settings.get("doctor") else {}
    settings = TrainingSettings(**{"epochs": 6, "learning_rate": 1e-3} | often | settings)
    batches = batches or IndexBatches(ROWS, 4, torch.from_numpy, seed=1)
    trainer = Trainer(model, squared, settings, folder=folder, logger=logger, monitor=Doctor(model, settings))
    return trainer.fit(batches, resume=resume)


def looks(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "doctor"]


LINEAR = partial(Elman, activation="identity", init="orthogonal")


@pytest.mark.parametrize("own", [{"doctor_every": 5}, {"state_limit": 10.0}])
def test_settings_of_the_doctor_are_refused_without_one(own):
    with pytest.raises(ValueError, match="only with a doctor: set doctor='watch' or 'fix'"):
        TrainingSettings(**own)
    assert TrainingSettings(**own, doctor="watch")


def test_watching_changes_no_weight():
    plain, watched = made(LSTM, num_layers=2, dropout=0.3), made(LSTM, num_layers=2, dropout=0.3)
    fit(plain)
    fit(watched, doctor="watch")
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_look_at_the_first_step_and_then_every_few_is_written_down(tmp_path):
    fit(made(LSTM), doctor="watch", logger=TrainingLogger(tmp_path, progress=False))
    seen = looks(tmp_path)
    assert [look["step"] for look in seen] == [1, 5, 10, 15, 20]
    layer = seen[0]["layers"]["layers"]
    assert layer["rate"] < 0
    assert 0 < layer["reach"] < STEPS
    assert layer["largest_state"] > 0


def test_tensorboard_gets_the_figures_of_each_look(tmp_path):
    fit(made(LSTM), doctor="watch", logger=TrainingLogger(tmp_path, progress=False, tensorboard=True))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rates = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("doctor/layers/rate")
    assert [event.step for event in rates] == [1, 5, 10, 15, 20]
    assert [event.value for event in rates] == pytest.approx(
        [look["layers"]["layers"]["rate"] for look in looks(tmp_path)]
    )


@pytest.mark.parametrize(("scale", "issue"), [(1.3, "exploding"), (0.5, "vanishing")])
def test_it_says_what_is_wrong_with_the_figure_and_what_helps(scale, issue, tmp_path, capsys):
    fit(made(LINEAR, scale), doctor="watch", learning_rate=1e-6, logger=TrainingLogger(tmp_path))
    said = [words for look in looks(tmp_path) for words in look["said"]]
    assert sum(issue in words for words in said) == 1  # once is enough
    assert said[0].startswith(f"{issue}: layers: the gradient ")
    assert f"a factor of {scale:.3g} a step" in said[0]
    assert "What helps most: " in said[0]
    assert f"doctor, step 1: {said[0]}" in capsys.readouterr().err


def test_fixing_an_exploding_gradient_sets_a_clipping_threshold_from_the_norms_seen(tmp_path):
    model = made(LINEAR, 1.2)
    fit(
        model,
        doctor="fix",
        clip_norm=None,
        learning_rate=1e-9,
        logger=TrainingLogger(tmp_path, every=1, progress=False),
    )
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    norms = [line["gradient_norm"] for line in lines if line["kind"] == "step"][:10]
    (fixed,) = [words for look in looks(tmp_path) for words in look["said"] if words.startswith("fixed")]
    threshold = float(fixed.removeprefix("fixed: clip_norm=").removesuffix(", was None"))
    assert threshold == pytest.approx(statistics.median(norms), rel=0.05)
    assert [look["step"] for look in looks(tmp_path) if fixed in look["said"]] == [10]


def test_a_clipping_threshold_of_a_remedy_clips():
    model, plain = made(LINEAR, 1.2), made(LINEAR, 1.2)
    for each, doctor in ((model, "fix"), (plain, None)):
        fit(each, doctor=doctor, clip_norm=None, epochs=12, optimizer="sgd", momentum=0.0, learning_rate=1e-11)
    assert not torch.equal(model.layers.cells[0].weight_hh, plain.layers.cells[0].weight_hh)


def test_fixing_a_vanishing_gradient_opens_forget_gates_before_anything_is_learned(tmp_path):
    model = made(partial(LSTM, forget_bias=-2.0))
    before = gradient_flow(model, lambda: squared(model, torch.arange(4), None).mean)[1]
    fit(model, doctor="fix", learning_rate=1e-9, logger=TrainingLogger(tmp_path, progress=False))
    cell = model.layers.cells[0]
    torch.testing.assert_close(cell.bias_ih[8:16] + cell.bias_hh[8:16], torch.full((8,), 3.4), rtol=0, atol=1e-5)
    after = gradient_flow(model, lambda: squared(model, torch.arange(4), None).mean)[1]
    assert after.rate > before.rate + 1
    said = [words for look in looks(tmp_path) for words in look["said"]]
    assert "fixed: forget gates of 1 cells opened (forget_bias=3.4)" in said


def test_fixing_leaves_gates_that_were_set_to_begin_more_open(tmp_path):
    model = made(partial(LSTM, forget_bias=-2.0))  # vanishes, whatever the settings say
    settings = NetworkSettings(cell="lstm", forget_bias=5.0, doctor="fix", learning_rate=1e-9, epochs=1)
    logger = TrainingLogger(tmp_path, progress=False)
    trainer = Trainer(model, squared, settings, logger=logger, monitor=Doctor(model, settings))
    trainer.fit(IndexBatches(ROWS, 4, torch.from_numpy, seed=1))
    said = [words for look in looks(tmp_path) for words in look["said"]]
    assert said
    assert not any(words.startswith("fixed: forget gates") for words in said)


class Killed(IndexBatches):
    """Batches that end the training at one of them."""

    def epoch(self, epoch, start=0):
        for number, batch in enumerate(super().epoch(epoch, start), start):
            if (epoch, number) == (3, 2):
                raise Interrupted(None, 0)
            yield batch


def test_a_training_with_remedies_when_resumed_ends_bit_for_bit_as_if_it_had_not_been(tmp_path):
    whole, resumed = made(LINEAR, 1.2), made(LINEAR, 1.2)
    chosen = {"doctor": "fix", "clip_norm": None, "learning_rate": 1e-4, "checkpoint_every": 7}
    fit(whole, **chosen)
    with pytest.raises(Interrupted):
        fit(resumed, tmp_path, batches=Killed(ROWS, 4, torch.from_numpy, seed=1), **chosen)
    fit(resumed, tmp_path, resume=True, **chosen)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_that_runs_away_stops_training_with_its_place_and_cause():
    with pytest.raises(
        TrainingDiverged, match=r"state h of layers has the norm .* \(step \d+ of 30, lag \d+ "
    ) as error:
        fit(made(LINEAR, 1.5), doctor="watch", state_limit=1e3)
    assert "it grew by a factor of 1.5 a step until then" in str(error.value)
    assert error.value.step == 1


def test_a_loss_that_overflows_is_traced_to_the_first_state_that_did():
    model = made(LINEAR, 30.0)
    with pytest.raises(
        TrainingDiverged, match=r"the loss is (inf|nan) at optimiser step 1 .*: state h of layers is not"
    ) as error:
        fit(model)
    step = next(step for step in range(STEPS) if not model.layers(X[:, : step + 1])[0].isfinite().all())
    assert f"(step {step + 1} of 30, lag {STEPS - 1 - step} from the end" in str(error.value)
    assert "it grew by a factor of 30" in str(error.value)


def test_a_gradient_that_overflows_is_traced_to_its_layer_and_lag():
    model = made(LINEAR, 1e3)
    x = torch.zeros(3, 20, 2)
    with torch.no_grad():
        for bias in (model.layers.cells[0].bias_ih, model.layers.cells[0].bias_hh):
            bias.zero_()
    found = explain_divergence(model, lambda: model(x).sum())
    assert found.startswith("the gradient of state h of layers overflows at lag 14")
    assert "a factor of 1e+03 a step" in found


def test_what_is_wrong_with_the_data_is_not_blamed_on_the_network():
    model, x = made(LINEAR), X.clone()
    x[1, 4] = math.nan
    found = explain_divergence(model, lambda: model(x).sum())
    assert "state h of layers is not finite (step 5 of 30, lag 25 from the end, row 2 of the batch)" in found
    assert "look at the data" in found


def test_a_healthy_network_has_no_divergence_to_explain():
    model = made(LSTM)
    assert explain_divergence(model, lambda: model(X).sum()) == ""


def test_gradients_that_stay_zero_stop_training_and_name_the_layer():
    model = made(partial(Elman, activation="relu"))
    with torch.no_grad():
        model.layers.cells[0].bias_ih.fill_(-100)
        model.head.bias.requires_grad_(False)
    with pytest.raises(
        TrainingDiverged, match=r"all gradients were zero for 10 optimiser steps, up to step 10: "
    ) as error:
        fit(model)
    assert "no gradient reaches layers at any lag: dead units (ReLU)" in str(error.value)


def test_a_doctor_that_nobody_is_there_to_be_is_refused():
    with pytest.raises(OstinatoError, match=r"doctor='watch' needs somebody to look: Trainer\(..., monitor=Doctor"):
        Trainer(made(LSTM), squared, TrainingSettings(doctor="watch"))
