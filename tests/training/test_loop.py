import json
import math
import os
import signal
import threading
import time
from typing import NamedTuple

import pytest
import torch
from torch import nn

from ostinato.data.batches import IndexBatches, StreamBatches
from ostinato.errors import OstinatoError
from ostinato.training import Interrupted, LossSum, Trainer, TrainingDiverged, TrainingLogger, TrainingSettings, latest
from ostinato.training import progress as progress_module
from ostinato.training.checkpoint import load_checkpoint
from ostinato.training.interruption import SIGNALS
from ostinato.training.progress import Clock, Progress

X = torch.randn(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = X @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)


def linear():
    torch.manual_seed(1)
    return nn.Linear(3, 1).double()


def squared(model, batch, state):
    errors = (model(X[batch]) - Y[batch]).square()
    return LossSum(errors.sum(), len(errors))


def score(model):
    return (model(X) - Y).square().mean().item()


def batches(size=12, batch_size=3, **options):
    return IndexBatches(size, batch_size, torch.from_numpy, **options)


def sgd(**changes):
    return TrainingSettings(**{"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.1, "clip_norm": None, **changes})


def fit(settings, *, model=None, loss=squared, data=None, validate=None, folder=None):
    model = model or linear()
    return model, Trainer(model, loss, settings, folder=folder).fit(data or batches(), validate)


def gradients(model, rows):
    return torch.autograd.grad(squared(model, rows, None).mean, list(model.parameters()))


def gradient_step(model, rows, rate=0.1):
    for parameter, gradient in zip(model.parameters(), gradients(model, rows), strict=True):
        parameter.data -= rate * gradient


def assert_close(model, other):
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


# What training does.


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_every_optimiser_learns_a_line(optimizer):
    model, history = fit(TrainingSettings(optimizer=optimizer, epochs=60, learning_rate=0.02), validate=score)
    assert score(model) < 0.05 * score(linear())
    assert history.best_score == score(model)
    assert len(history.epochs) == 60
    assert history.epochs[-1].step == 240


def test_a_step_is_the_gradient_step_of_its_batch():
    by_hand = linear()
    for number in range(2):
        for rows in batches(seed=4).epoch(number):
            gradient_step(by_hand, rows)
    model, _ = fit(sgd(epochs=2), data=batches(seed=4))
    assert_close(model, by_hand)


def test_accumulated_batches_make_the_step_of_one_batch_of_their_rows():
    whole, _ = fit(sgd(epochs=3), data=batches(batch_size=6, shuffle=False))
    parts, history = fit(sgd(epochs=3, accumulation_steps=2), data=batches(batch_size=3, shuffle=False))
    assert_close(whole, parts)
    assert history.epochs[-1].step == 6


def test_a_last_group_that_is_smaller_is_averaged_by_its_own_size():
    model, _ = fit(sgd(epochs=1, accumulation_steps=3), data=batches(batch_size=3, shuffle=False))
    by_hand = linear()
    gradient_step(by_hand, slice(0, 9))
    gradient_step(by_hand, slice(9, 12))
    assert_close(model, by_hand)


def weighed(weights):
    """The squared error with a weight for each row."""
    weights = torch.tensor(weights, dtype=torch.float64)

    def loss(model, batch, state):
        errors = (model(X[batch]) - Y[batch]).square()[:, 0]
        return LossSum((weights[batch] * errors).sum(), weights[batch].sum())

    return loss


def test_accumulated_batches_of_different_weight_make_the_step_of_one_batch_of_their_rows():
    loss = weighed([0, 0, 0, 1, 2, 3, 9, 0, 1, 0, 0, 5])
    whole, history = fit(sgd(epochs=3), loss=loss, data=batches(batch_size=12, shuffle=False))
    parts, its_history = fit(sgd(epochs=3, accumulation_steps=4), loss=loss, data=batches(batch_size=3, shuffle=False))
    assert_close(whole, parts)
    assert [record.loss for record in its_history.epochs] == pytest.approx([record.loss for record in history.epochs])


def test_the_loss_of_an_epoch_is_the_mean_over_all_that_was_weighed():
    data = batches(batch_size=5, shuffle=False)
    _, history = fit(sgd(epochs=1, learning_rate=1e-12), loss=weighed(range(12)), data=data)
    errors = (linear()(X) - Y).square()[:, 0].detach()
    expected = (torch.arange(12) * errors).sum() / sum(range(12))
    assert history.epochs[0].loss == pytest.approx(float(expected))


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_a_step_over_nothing_moves_no_weight_but_the_schedule(optimizer, tmp_path):
    seen = []

    def loss(model, batch, state):
        seen.append(model.weight.clone())
        return weighed([1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1])(model, batch, state)

    settings = TrainingSettings(optimizer=optimizer, epochs=1, schedule="cosine", weight_decay=0.1)
    logger = TrainingLogger(tmp_path, every=1, progress=False)
    model = linear()
    Trainer(model, loss, settings, logger=logger).fit(batches(batch_size=3, shuffle=False))
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2])  # momentum and decay included
    assert torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[3], model.weight)
    steps = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if line["kind"] == "step"] == [1, 4]
    rate = 1e-3 * (1 + math.cos(math.pi * 3 / 4)) / 2
    assert steps[1]["learning_rate"] == pytest.approx(rate)


def test_an_epoch_with_nothing_to_learn_from_is_refused():
    with pytest.raises(OstinatoError, match="nothing to learn from in epoch 1: the losses of 4 batches weigh 0 in all"):
        fit(sgd(), loss=weighed([0] * 12))


@pytest.mark.parametrize("weight", [-3, math.nan, math.inf, 0])
def test_a_weight_that_makes_no_mean_is_refused(weight):
    with pytest.raises(
        OstinatoError, match=rf"step 1 \(epoch 1, batch 1\) add up to .* over a weight of {weight}: give"
    ):
        fit(sgd(), loss=lambda model, batch, state: LossSum(squared(model, batch, state).total, weight))


def test_a_loss_without_its_weight_is_refused():
    with pytest.raises(TypeError, match=r"a loss gives LossSum\(total, weight, state\).*; this one gives a tuple"):
        fit(sgd(), loss=lambda model, batch, state: (squared(model, batch, state).mean, None))


def test_gradients_are_clipped_by_value_and_then_by_norm():
    model, history = fit(sgd(epochs=1, clip_value=0.5, clip_norm=0.3), data=batches(batch_size=12))
    before = linear()
    raw = gradients(before, slice(0, 12))
    cut = [gradient.clamp(-0.5, 0.5) for gradient in raw]
    norm = torch.cat([gradient.flatten() for gradient in cut]).norm()
    for parameter, gradient in zip(before.parameters(), cut, strict=True):
        parameter.data -= 0.1 * gradient * 0.3 / norm
    for one, two in zip(model.parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
    assert history.epochs[0].gradient_norm == pytest.approx(float(torch.cat([g.flatten() for g in raw]).norm()))


def test_the_same_seed_gives_the_same_weights():
    model, _ = fit(sgd(epochs=2, seed=5), model=nn.Sequential(linear(), nn.Dropout(0.5)))
    again, _ = fit(sgd(epochs=2, seed=5), model=nn.Sequential(linear(), nn.Dropout(0.5)))
    other, _ = fit(sgd(epochs=2, seed=6), model=nn.Sequential(linear(), nn.Dropout(0.5)))
    assert torch.equal(model[0].weight, again[0].weight)
    assert not torch.equal(model[0].weight, other[0].weight)


def test_gradients_left_over_from_before_do_not_enter():
    stale = linear()
    stale(X).sum().backward()
    assert_close(fit(sgd(epochs=1), model=stale)[0], fit(sgd(epochs=1))[0])


# Validation, early stopping, averaging.


def test_the_best_weights_are_kept_and_training_stops_when_patience_is_lost():
    weights = []
    scores = iter([3.0, 1.0, 2.0, math.inf, 1.0, 0.0])

    def validate(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        weights.append(model.weight.clone())
        return next(scores)

    model, history = fit(sgd(epochs=20, patience=3), validate=validate)
    assert (history.best_epoch, history.best_score, history.stopped) == (2, 1.0, "patience")
    assert [record.score for record in history.epochs] == [3.0, 1.0, 2.0, math.inf, 1.0]
    assert torch.equal(model.weight, weights[1])
    assert not model.training


def test_training_goes_on_in_training_mode_after_a_validation():
    modes = []

    def loss(model, batch, state):
        modes.append(model.training)
        return squared(model, batch, state)

    fit(sgd(epochs=2), loss=loss, validate=score)
    assert modes == [True] * 8


def test_the_moving_average_is_what_is_scored_and_kept():
    scored = []

    def validate(model):
        scored.append(model.weight.clone())
        return -float(len(scored))

    by_hand, average = linear(), None
    for rows in batches().epoch(0):
        gradient_step(by_hand, rows)
        average = (
            by_hand.weight.detach().clone() if average is None else 0.75 * average + 0.25 * by_hand.weight.detach()
        )
    model, _ = fit(sgd(epochs=1, ema_decay=0.75), validate=validate)
    torch.testing.assert_close(scored[0], average)
    assert torch.equal(model.weight, scored[0])
    model, _ = fit(sgd(epochs=1, ema_decay=0.75))
    assert torch.equal(model.weight, scored[0])


@pytest.mark.parametrize("precision", ["high", "medium"])
def test_matrices_are_multiplied_as_exactly_as_asked_in_training_alone(precision):
    seen = []

    def loss(model, batch, state):
        seen.append(torch.get_float32_matmul_precision())
        return squared(model, batch, state)

    def broken(model):
        seen.append(torch.get_float32_matmul_precision())
        raise ZeroDivisionError

    fit(sgd(epochs=1), loss=loss)
    assert set(seen) == {"highest"}
    seen.clear()
    with pytest.raises(ZeroDivisionError):
        fit(sgd(epochs=1, matmul_precision=precision), loss=loss, validate=broken)
    assert seen == [precision] * 5
    assert torch.get_float32_matmul_precision() == "highest"


def test_a_precision_that_the_user_gave_torch_stays_unless_another_is_asked_for():
    products = torch.backends.mkldnn.matmul
    seen = []

    def loss(model, batch, state):
        seen.append(products.fp32_precision)
        return squared(model, batch, state)

    before = products.fp32_precision
    products.fp32_precision = "bf16"  # for one backend only: torch has no single answer then
    try:
        fit(sgd(epochs=1), loss=loss)
    finally:
        products.fp32_precision = before
    assert set(seen) == {"bf16"}


@pytest.mark.parametrize("changes", [{"patience": 2}, {"schedule": "plateau"}])
def test_what_needs_a_score_is_refused_without_validation(changes):
    with pytest.raises(OstinatoError, match="need a validation score"):
        fit(sgd(**changes))


def test_the_time_budget_ends_training_with_a_scored_model(tmp_path):
    def slow(model, batch, state):
        time.sleep(0.02)
        return squared(model, batch, state)

    model, history = fit(sgd(epochs=50, max_seconds=0.1), loss=slow, validate=score, folder=tmp_path)
    assert history.stopped == "seconds"
    assert history.epochs[-1].step < 20
    assert score(model) == min(record.score for record in history.epochs)
    resumed, history = linear(), None
    history = Trainer(resumed, squared, sgd(epochs=50), folder=tmp_path).fit(batches(), score, resume=True)
    assert len(history.epochs) == 50
    assert_close(resumed, fit(sgd(epochs=50), validate=score)[0])


def test_a_validation_that_outlasts_the_budget_is_broken_off_and_taken_up_by_a_resumed_training(tmp_path, monkeypatch):
    monkeypatch.setattr(progress_module, "GRACE", 0.0)
    called = []

    def slow(model):
        called.append(score(model))
        time.sleep(0.3)
        return score(model)  # the model is called once more, when the time is over

    _, history = fit(sgd(epochs=50, max_seconds=0.2), validate=slow, folder=tmp_path)
    assert (history.stopped, history.best_epoch) == ("seconds", None)
    assert len(history.epochs) == len(called) == 1
    assert history.epochs[-1].score is None
    history = Trainer(linear(), squared, sgd(epochs=2), folder=tmp_path).fit(batches(), score, resume=True)
    assert [record.score is not None for record in history.epochs] == [True, True]


def test_time_for_a_validation_is_kept_from_what_is_trained():
    clock = Clock(Progress(), 100.0, validates=True)
    assert clock.spent == pytest.approx(0, abs=0.01)
    with clock.validating(linear()):
        time.sleep(0.05)
    clock = Clock(Progress(), 0.06, validates=True)
    with clock.validating(linear()):
        time.sleep(0.05)
    assert clock.overtime
    assert not Clock(Progress(), None, validates=True).overtime


# Truncated backpropagation through time.


class Carried(NamedTuple):
    total: torch.Tensor
    pair: tuple[torch.Tensor, None]


def test_state_is_carried_between_chunks_cut_from_its_graph_and_forgotten_at_the_start():
    model, seen = nn.Linear(1, 1), []

    def loss(model, batch, state):
        assert state is None or (type(state) is Carried and not state.total.requires_grad)
        seen.append(None if state is None else (float(state.total), float(state.pair[0])))
        own = sum(piece.sum() for piece in batch) + 0 * model.weight.sum()
        return LossSum(own, 1, Carried(own if state is None else own + state.total, (own * 2, None)))

    stream = torch.tensor([[1.0, 2, 3, 4, 5]])
    fit(TrainingSettings(epochs=2, accumulation_steps=2), model=model, loss=loss, data=StreamBatches(stream, chunk=2))
    assert seen == [None, (3.0, 6.0), (10.0, 14.0)] * 2


def test_a_state_of_something_else_is_refused():
    with pytest.raises(TypeError, match="nested tuples of tensors; this one holds a list"):
        fit(sgd(), loss=lambda model, batch, state: squared(model, batch, state)._replace(state=[torch.ones(1)]))


# What is not finite never reaches the weights.


def test_a_loss_that_is_not_finite_stops_before_the_step():
    calls, last = 0, None

    def loss(model, batch, state):
        nonlocal calls, last
        calls += 1
        last = model.weight.clone()
        return LossSum(squared(model, batch, state).mean * (math.nan if calls == 6 else 1), 1)

    model = linear()
    with pytest.raises(TrainingDiverged) as caught:
        fit(sgd(epochs=3), model=model, loss=loss)
    assert str(caught.value).startswith(
        "the loss is nan at optimiser step 6 (epoch 2, batch 2): lower learning_rate (now 0.1)"
    )
    assert "set clip_norm" in str(caught.value)
    assert caught.value.step == 6
    assert torch.equal(model.weight, last)


def test_a_gradient_that_is_not_finite_names_its_parameters():
    def loss(model, batch, state):
        return LossSum(squared(model, batch, state).mean + (model.bias * 0).sqrt().sum(), 1)

    model = linear()
    with pytest.raises(
        TrainingDiverged, match=r"gradient of bias is not finite at optimiser step 1 \(epoch 1, batches 1 to 2\)"
    ):
        fit(sgd(accumulation_steps=2), model=model, loss=loss)
    assert torch.equal(model.weight, linear().weight)


def test_a_gradient_norm_that_overflows_stops_too():
    def loss(model, batch, state):
        return LossSum((model.weight * 1e30).sum(), 1)

    with pytest.raises(TrainingDiverged, match=r"the norm of the gradient is too large .*lower clip_norm \(now 1\)"):
        fit(TrainingSettings(), model=nn.Linear(2, 2), loss=loss)


def test_a_score_that_is_no_number_stops():
    with pytest.raises(TrainingDiverged, match="validation score is nan after epoch 1"):
        fit(sgd(), validate=lambda model: math.nan)


# Interruption.


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_middle_of_a_batch_ends_with_a_checkpoint_that_resumes_exactly(tmp_path, number):
    calls = 0

    def loss(model, batch, state):
        nonlocal calls
        calls += 1
        if calls == 6:
            os.kill(os.getpid(), number)
        return squared(model, batch, state)

    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(Interrupted) as caught:
        fit(sgd(epochs=4, ema_decay=0.5), loss=loss, folder=tmp_path)
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert (caught.value.step, caught.value.checkpoint) == (6, latest(tmp_path))
    assert "checkpoint-6.safetensors" in str(caught.value)
    assert load_checkpoint(latest(tmp_path))[1]["progress"]["batch"] == 2
    model = linear()
    Trainer(model, squared, sgd(epochs=4, ema_decay=0.5), folder=tmp_path).fit(batches(), resume=True)
    assert torch.equal(model.weight, fit(sgd(epochs=4, ema_decay=0.5))[0].weight)


def test_a_signal_during_validation_is_heeded_after_it(tmp_path):
    def validate(model):
        os.kill(os.getpid(), signal.SIGINT)
        return score(model)

    with pytest.raises(Interrupted):
        fit(sgd(epochs=4), validate=validate, folder=tmp_path)
    assert load_checkpoint(latest(tmp_path))[1]["progress"]["epoch"] == 1


def test_a_second_signal_breaks_off_at_once():
    def loss(model, batch, state):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(sgd(), loss=loss)
    assert not isinstance(caught.value, Interrupted)


def test_an_interruption_without_a_folder_says_that_nothing_was_saved():
    def loss(model, batch, state):
        os.kill(os.getpid(), signal.SIGINT)
        return squared(model, batch, state)

    with pytest.raises(Interrupted, match="after optimiser step 1; nothing was saved") as caught:
        fit(sgd(), loss=loss)
    assert caught.value.checkpoint is None


def test_training_works_outside_the_main_thread():
    models = []
    worker = threading.Thread(target=lambda: models.append(fit(sgd(epochs=2))[0]))
    worker.start()
    worker.join()
    assert_close(models[0], fit(sgd(epochs=2))[0])
