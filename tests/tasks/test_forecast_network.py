"""The forecasting network: shapes, what each output may depend on, gradients, and the loss it is trained with."""

import numpy as np
import pytest
import torch
from forecast_scenario import COVARIATES, TINY, Leaky, long
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import CELLS
from ostinato.data import Panel, PanelSpec, Windows
from ostinato.tasks.forecasting.network import ForecastNetwork, Sizes
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.standardise import Standardiser
from ostinato.tasks.forecasting.train import forecast_loss

CASES = [
    {"decoding": "parallel"},
    {"decoding": "recurrent"},
    {"wiring": "many_to_one"},
    {"decoding": "parallel", "linear": False, "output": "mse"},
    {"decoding": "recurrent", "num_layers": 2, "output": "mae"},
    {"wiring": "many_to_one", "scaling": "standard", "linear": False},
]


@pytest.fixture(scope="module")
def panel():
    """Series at unit scale with a covariate of every kind."""
    panel = Panel.from_table(long(), PanelSpec(**COVARIATES))
    standardiser = Standardiser.fit(panel, panel.offsets[1:], log=False, season_length=7)
    return standardiser.transform(panel, standardiser.scales)


def network_and_batch(panel, rows=6, seed=0, **changes):
    torch.manual_seed(seed)
    chosen = ForecasterSettings(**TINY | {"segment": 3, "dropout": 0.0, "series_embedding": 2} | changes)
    windows = Windows(panel, chosen.window, chosen.horizon, minimum_context=4)
    names = panel.names
    sizes = Sizes(len(names.past), len(windows.known_names), len(names.static), len(panel))
    network = ForecastNetwork(chosen, sizes)
    batch = windows.gather(np.random.default_rng(seed).integers(0, len(windows), rows))
    with torch.no_grad():
        for parameter in network.parameters():  # also what starts at zero shall matter
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network, batch


@pytest.mark.parametrize("segment", [1, 2, 3, 4, 12])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_wiring_gives_every_output_for_every_step_whatever_the_segment(panel, case, segment):
    network, batch = network_and_batch(panel, segment=segment, **case)
    out = network(batch)
    assert out.shape == (6, 5, 1 if "output" in case else 3)
    assert out.isfinite().all()


@pytest.mark.parametrize("cell", [*CELLS, Leaky])
@pytest.mark.parametrize("case", [{}, {"wiring": "many_to_one"}], ids=str)
def test_any_cell_forecasts_and_the_gradient_reaches_every_parameter(panel, cell, case):
    network, batch = network_and_batch(panel, rows=32, cell=cell, num_layers=2, **case)
    forecast_loss(network.settings, network(batch), batch).mean.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_parallel_and_recurrent_decoding_agree_on_the_first_segment_and_differ_on_later_ones(panel):
    for segment in (1, 2, 6):
        parallel, batch = network_and_batch(panel, segment=segment, decoding="parallel")
        recurrent, _ = network_and_batch(panel, segment=segment, decoding="recurrent")
        first, second = parallel(batch), recurrent(batch)
        torch.testing.assert_close(first[:, :segment], second[:, :segment])
        assert segment == 6 or not torch.allclose(first[:, segment:], second[:, segment:], atol=1e-4)


def test_what_is_known_of_a_step_moves_the_forecast_of_its_segment_and_in_recurrent_decoding_of_later_ones(panel):
    for decoding in ("parallel", "recurrent"):
        network, batch = network_and_batch(panel, segment=2, decoding=decoding)
        known = batch.future_known.clone()
        known[:, 3] += 1
        moved = (network(batch._replace(future_known=known)) - network(batch)).abs().amax(dim=(0, 2)) > 1e-6
        assert moved.tolist() == [False, False, True, True, decoding == "recurrent"]


@pytest.mark.parametrize(
    "field", ["past_target", "past_covariates", "past_known", "future_known", "static", "series", "past_observed"]
)
@pytest.mark.parametrize("case", [{}, {"wiring": "many_to_one"}], ids=str)
def test_the_forecast_depends_on_every_input(panel, field, case):
    network, batch = network_and_batch(panel, **case)
    value = getattr(batch, field)
    other = (value + 1) % 3 if field == "series" else ~value if field == "past_observed" else value + 0.5
    if field == "past_target":
        other[:, -1] = value[:, -1] + 3
    assert not torch.allclose(network(batch._replace(**{field: other})), network(batch), atol=1e-4)


def test_the_targets_are_not_looked_at(panel):
    network, batch = network_and_batch(panel)
    blind = batch._replace(target=torch.full_like(batch.target, torch.nan), target_observed=~batch.target_observed)
    torch.testing.assert_close(network(blind), network(batch))


@pytest.mark.parametrize("scaling", ["last", "level", "trend", "standard", "difference"])
def test_a_shift_of_the_window_shifts_the_forecast(panel, scaling):
    network, batch = network_and_batch(panel, scaling=scaling)
    inside = torch.arange(12) >= 12 - batch.lengths[:, None]
    shifted = batch._replace(past_target=batch.past_target + 4 * inside)
    torch.testing.assert_close(network(shifted), network(batch) + 4, rtol=1e-4, atol=1e-4)


def test_a_forecast_does_not_depend_on_the_rest_of_its_batch(panel):
    network, batch = network_and_batch(panel)
    alone = network(type(batch)(*(tensor[2:3] for tensor in batch)))
    torch.testing.assert_close(alone, network(batch)[2:3])


def test_calibration_brings_what_is_read_and_what_is_to_be_written_to_unit_size(panel):
    network, batch = network_and_batch(panel, rows=100, scaling="last")
    network.calibrate(batch)
    last, seen = batch.past_target[:, -1:], batch.past_observed
    torch.testing.assert_close(network.input_scale, (batch.past_target - last)[seen].square().mean().sqrt())
    rest = (batch.target - last)[batch.target_observed]
    torch.testing.assert_close(network.output_scale, rest.square().mean().sqrt())


# The loss.


def plain_loss(chosen, forecast, target, observed):
    total, count = 0.0, 0
    for row, step in np.argwhere(observed):
        for number, value in enumerate(forecast[row, step]):
            error = target[row, step] - value
            if chosen.output == "quantiles":
                level = chosen.quantiles[number]
                total += 2 * (level * error if error >= 0 else (level - 1) * error)
            else:
                total += abs(error) if chosen.output == "mae" else error**2
            count += 1
    return total / count


@given(seed=st.integers(0, 1000), output=st.sampled_from(["quantiles", "mae", "mse"]))
@settings(max_examples=40, deadline=None)
def test_the_loss_is_the_plain_mean_over_the_observed_targets(panel, seed, output):
    random = np.random.default_rng(seed)
    chosen = ForecasterSettings(output=output, quantiles=(0.1, 0.5, 0.7))
    target, observed = random.normal(size=(4, 6)), random.random((4, 6)) < 0.6
    observed[0, 0] = True
    forecast = torch.tensor(random.normal(size=(4, 6, chosen.outputs)), requires_grad=True)
    _, batch = network_and_batch(panel)
    batch = batch._replace(
        target=torch.tensor(np.where(observed, target, np.nan)), target_observed=torch.tensor(observed)
    )
    loss = forecast_loss(chosen, forecast, batch).mean
    np.testing.assert_allclose(loss.item(), plain_loss(chosen, forecast.detach().numpy(), target, observed))
    loss.backward()
    assert forecast.grad.isfinite().all()
    assert (forecast.grad[~torch.tensor(observed)] == 0).all()


def test_the_median_alone_has_the_absolute_error_as_its_loss(panel):
    network, batch = network_and_batch(panel, quantiles=(0.5,))
    median, point = (forecast_loss(ForecasterSettings(**each), network(batch), batch).mean for each in (
        {"quantiles": (0.5,)}, {"output": "mae"}
    ))  # fmt: skip
    torch.testing.assert_close(median, point)


def test_a_batch_without_an_observed_target_has_no_loss(panel):
    network, batch = network_and_batch(panel)
    nothing = batch._replace(
        target=torch.full_like(batch.target, torch.nan), target_observed=torch.zeros_like(batch.target_observed)
    )
    loss = forecast_loss(network.settings, network(nothing), nothing)
    assert (loss.total, loss.weight, loss.mean) == (0, 0, 0)
