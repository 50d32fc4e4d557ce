import math
from collections import namedtuple
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from ostinato.engine import detach
from ostinato.errors import OstinatoError
from ostinato.training import TrainingSettings, seed_everything
from ostinato.training.averaging import moving_average
from ostinato.training.carried import leaves, pack, structure
from ostinato.training.optimizer import build_optimizer
from ostinato.training.schedule import Schedule

# Settings.


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"optimizer": "adagrad"},
        {"learning_rate": 0.0},
        {"learning_rate": math.inf},
        {"ema_decay": 1.0},
        {"schedule": "linear"},
        {"epoch": 3},
        {"seed": -1},
    ],
)
def test_settings_refuse_what_is_out_of_range_or_unknown(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrainingSettings(**wrong)


def test_settings_are_frozen_and_described():
    with pytest.raises(ValidationError, match="frozen"):
        TrainingSettings().epochs = 3
    assert all(field.description for field in TrainingSettings.model_fields.values())


# The schedule.


def rates(steps, scores=(), every=1, **changes):
    """The learning rate of each step."""
    settings = TrainingSettings(learning_rate=0.5, optimizer="sgd", **changes)
    optimizer = build_optimizer(nn.Linear(1, 1), settings)
    schedule, found = Schedule(optimizer, settings, steps), []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        assert optimizer.param_groups[1]["lr"] == found[-1]
        optimizer.step()
        schedule.step()
        if scores and (step + 1) % every == 0:
            schedule.epoch(scores[step // every])
    return found


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_rate_rises_linearly_and_then_stays(warmup):
    expected = [0.5 * min(1, (step + 1) / (warmup + 1)) for step in range(12)]
    assert rates(12, warmup=warmup) == pytest.approx(expected)


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_rate_rises_linearly_and_then_falls_along_half_a_cosine(warmup):
    rise = [0.5 * (step + 1) / (warmup + 1) for step in range(warmup)]
    fall = [0.25 * (1 + math.cos(math.pi * step / (12 - warmup))) for step in range(12 - warmup)]
    assert rates(12, warmup=warmup, schedule="cosine") == pytest.approx(rise + fall)


def test_a_cosine_is_over_when_the_time_is():
    optimizer = build_optimizer(nn.Linear(1, 1), TrainingSettings(learning_rate=0.5, optimizer="sgd"))
    schedule = Schedule(optimizer, TrainingSettings(schedule="cosine", warmup=1), 100)
    for spent, expected in ((0.0, 0.5), (0.5, 0.25), (0.75, 0.5 * (1 - 0.5**0.5) / 2), (1.0, 0.0)):
        schedule.spent = spent
        optimizer.step()
        schedule.step()
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, abs=1e-3)


def test_the_rate_is_cut_when_the_score_stops_falling():
    found = rates(
        12, scores=[3, 2, 2, 2, 2, 1], every=2, warmup=1, schedule="plateau", plateau_patience=1, plateau_factor=0.1
    )
    assert found == pytest.approx([0.25] + [0.5] * 7 + [0.05] * 4)


def test_a_warm_up_longer_than_the_training_is_refused():
    with pytest.raises(OstinatoError, match="warmup=9 optimiser steps, but the training has only 9"):
        rates(9, warmup=9)


# The optimiser.


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "rmsprop"])
def test_only_matrices_decay(name):
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)
    optimizer = build_optimizer(model, TrainingSettings(optimizer=name, weight_decay=0.1, learning_rate=0.1))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert (model.weight < 1).all()
    assert torch.equal(model.bias, torch.ones(2))


def test_frozen_parameters_are_left_out():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    groups = build_optimizer(model, TrainingSettings()).param_groups
    assert [len(group["params"]) for group in groups] == [0, 1]


# The moving average.


def test_the_average_keeps_buffers_equal_and_moves_weights_by_its_decay():
    model = nn.BatchNorm1d(2)
    average = moving_average(model, 0.9)
    average.update_parameters(model)
    model.weight.data += 1
    model(torch.randn(5, 2))
    average.update_parameters(model)
    torch.testing.assert_close(average.module.weight, torch.full((2,), 1.1))
    assert torch.equal(average.module.running_mean, model.running_mean)
    assert average.module.num_batches_tracked == 1


# The carried state.


class Memory(NamedTuple):
    hidden: torch.Tensor
    rest: object = None


tensors = st.builds(torch.zeros, st.integers(1, 3))
states = st.recursive(
    st.none() | tensors,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.builds(Memory, inner, inner),
    max_leaves=6,
)


def same(one, two):
    if isinstance(one, tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return one is two


@given(state=states)
def test_a_state_is_its_structure_and_its_leaves(state):
    assert same(pack(structure(state), iter(leaves(state))), state)


def test_detaching_keeps_named_tuples_and_cuts_the_graph():
    weight = torch.ones(2, requires_grad=True)
    state = detach(Memory(weight * 2, (weight * 3, None)))
    assert type(state) is Memory
    assert not state.hidden.requires_grad
    assert not state.rest[0].requires_grad


def test_a_class_that_is_not_imported_is_named():
    with pytest.raises(OstinatoError, match="a nowhere:Memory, which is not there"):
        pack({"tuple": "nowhere:Memory", "items": []}, iter(()))
    with pytest.raises(OstinatoError, match="os:system, which is not there"):
        pack({"tuple": "os:system", "items": []}, iter(()))


def test_what_is_no_tuple_of_tensors_is_refused_when_saving():
    with pytest.raises(TypeError, match="this one holds a list"):
        leaves((torch.zeros(1), [torch.zeros(1)]))


def test_a_class_that_could_not_be_found_again_is_refused_when_saving():
    hidden = namedtuple("hidden", "h")
    with pytest.raises(TypeError, match="define the class at the top of its module"):
        structure(hidden(torch.zeros(1)))


# Seeds.


def test_seeding_repeats_python_numpy_and_torch():
    import random

    import numpy as np

    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    seed_everything(3)
    first = draw()
    seed_everything(3)
    assert draw() == first
    seed_everything(4)
    assert draw() != first
