"""Weights averaged once the score stops falling, and steps whose learning rate follows the length of their batch."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from ostinato.data.batches import IndexBatches, StreamBatches
from ostinato.errors import OstinatoError
from ostinato.training import LossSum, Trainer, TrainingSettings
from ostinato.training.checkpoint import latest, load_checkpoint

STEPS = 5
SETTINGS = TrainingSettings(
    epochs=7, optimizer="sgd", learning_rate=0.05, averaging_trigger=2, checkpoint_every=3, clip_norm=None
)


class Killed(Exception):  # noqa: N818
    pass


def model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))


def batches(jitter=1.0):
    x = torch.randn(4, 4 * STEPS, 2, generator=torch.Generator().manual_seed(0))
    return StreamBatches(x, chunk=4, jitter=jitter)


def fit(settings=SETTINGS, folder=None, *, kill_at=None, resume=False, seen=None):
    """A training whose score never gets better: averaging begins after its third epoch."""
    network, calls = model(), 0

    def loss(trained, batch, state):
        nonlocal calls
        calls += 1
        if calls == kill_at:
            raise Killed
        if seen is not None:
            seen.append({name: parameter.detach().clone() for name, parameter in network.named_parameters()})
        return LossSum((trained(batch[0]) - 1).square().mean(), 1)

    history = Trainer(network, loss, settings, folder=folder).fit(batches(), lambda _: 1.0, resume=resume)
    return network, history


def last_tensors(folder):
    return load_checkpoint(latest(folder))[0]


def test_after_epochs_without_a_better_score_the_weights_of_all_later_steps_are_averaged(tmp_path):
    seen = []
    fit(folder=tmp_path, seen=seen)
    tensors = last_tensors(tmp_path)
    for name in seen[0]:
        after = [*(weights[name] for weights in seen[3 * STEPS + 1 :]), tensors[f"model.{name}"]]
        torch.testing.assert_close(tensors[f"average.module.{name}"], torch.stack(after).mean(0))
    assert int(tensors["average.n_averaged"]) == 4 * STEPS


def test_before_that_there_is_no_average(tmp_path):
    fit(SETTINGS.model_copy(update={"epochs": 2}), tmp_path)
    assert not any(name.startswith("average") for name in last_tensors(tmp_path))


@pytest.mark.parametrize("kill_at", [2 * STEPS + 3, 3 * STEPS + 1, 4 * STEPS + 4])
def test_killed_before_or_after_averaging_began_it_ends_bit_for_bit_as_if_it_had_not_been(kill_at, tmp_path):
    whole, history = fit(folder=tmp_path / "whole")
    with pytest.raises(Killed):
        fit(folder=tmp_path / "killed", kill_at=kill_at)
    resumed, its_history = fit(folder=tmp_path / "killed", resume=True)
    assert [record.loss for record in history.epochs] == [record.loss for record in its_history.epochs]
    theirs = last_tensors(tmp_path / "killed")
    for name, tensor in last_tensors(tmp_path / "whole").items():
        assert torch.equal(tensor, theirs[name]), name
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_patience_counts_anew_from_where_averaging_began():
    _, history = fit(SETTINGS.model_copy(update={"patience": 3, "epochs": 20}))
    assert len(history.epochs) == 3 + 3
    assert history.stopped == "patience"


def test_it_needs_a_score():
    trainer = Trainer(model(), lambda trained, batch, state: LossSum(trained(batch[0]).mean(), 1), SETTINGS)
    with pytest.raises(OstinatoError, match="averaging_trigger need a validation score"):
        trainer.fit(batches())


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"ema_decay": 0.9}, "two kinds of average"),
        ({"patience": 2}, r"patience \(2\) would stop training before averaging_trigger \(2\)"),
    ],
)
def test_settings_that_contradict_it_are_refused(wrong, why):
    with pytest.raises(ValidationError, match=why):
        TrainingSettings(averaging_trigger=2, **wrong)


# Pace.


class Weight(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


def steps_of(source, accumulation_steps=1):
    """How far each step moves a weight whose gradient is always 1, at a learning rate of 1."""
    network, places = Weight(), []

    def loss(trained, batch, state):
        places.append(trained.weight.item())
        return LossSum(trained.weight.sum(), 1)

    settings = TrainingSettings(
        epochs=2,
        optimizer="sgd",
        momentum=0.0,
        learning_rate=1.0,
        clip_norm=None,
        accumulation_steps=accumulation_steps,
    )
    history = Trainer(network, loss, settings).fit(source)
    assert all(record.learning_rate == 1 for record in history.epochs)
    places.append(network.weight.item())
    return -torch.tensor(places).diff()


def test_the_learning_rate_follows_the_length_of_a_chunk():
    source = batches()
    expected = [source.lr_scale(epoch, index) for epoch in range(2) for index in range(STEPS)]
    assert len(set(expected)) > 1
    torch.testing.assert_close(steps_of(source), torch.tensor(expected))


def test_accumulated_chunks_take_their_mean():
    source = batches()
    moved = steps_of(source, accumulation_steps=STEPS)
    expected = [sum(source.lr_scale(epoch, index) for index in range(STEPS)) / STEPS for epoch in range(2)]
    torch.testing.assert_close(moved[moved != 0], torch.tensor(expected))


def test_other_batches_leave_it_alone():
    assert (steps_of(IndexBatches(8, 4, lambda rows: rows)) == 1).all()
