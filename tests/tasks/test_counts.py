"""Distributions of counts: their likelihood as SciPy has it, gradients, quantiles by definition."""

import numpy as np
import pytest
import torch
from scipy import stats

from ostinato.tasks.forecasting.counts import distribution, negative_log_likelihood, parameters
from ostinato.tasks.forecasting.forecast import mean_of_quantiles

MEANS = np.array([1e-3, 0.2, 1.0, 7.5, 300.0, 2e5])
SPREADS = np.array([1e-4, 0.05, 1.0, 30.0])
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


def pairs():
    """Parameters ``(n, 2)`` of negative binomial distributions."""
    return np.stack([each.ravel() for each in np.meshgrid(MEANS, SPREADS)], axis=-1)


def test_the_likelihood_of_poissons_distribution_is_that_of_scipy():
    counts = np.array([0, 1, 2, 10, 500, 200_000])
    ours = negative_log_likelihood(torch.tensor(MEANS)[:, None, None], torch.tensor(counts))
    np.testing.assert_allclose(ours, -stats.poisson.logpmf(counts, MEANS[:, None]), rtol=1e-9, atol=1e-9)


def test_the_likelihood_of_the_negative_binomial_distribution_is_that_of_scipy():
    counts = np.array([0, 1, 2, 10, 500, 200_000])
    mean, spread = pairs()[..., None].transpose(1, 0, 2)
    ours = negative_log_likelihood(torch.tensor(pairs())[:, None], torch.tensor(counts))
    theirs = -stats.nbinom.logpmf(counts, 1 / spread, 1 / (1 + spread * mean))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_without_dispersion_the_negative_binomial_distribution_is_poissons():
    counts = torch.arange(12.0)
    nearly = negative_log_likelihood(torch.tensor([3.0, 1e-7]), counts)
    torch.testing.assert_close(nearly, negative_log_likelihood(torch.tensor([3.0]), counts), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_gradients_are_those_of_small_changes(outputs):
    random = torch.Generator().manual_seed(0)
    out = torch.randn(3, 4, outputs, dtype=torch.float64, generator=random, requires_grad=True)
    size = 1 + 5 * torch.rand(3, 4, dtype=torch.float64, generator=random)
    counts = torch.tensor([0, 1, 4, 20])
    assert torch.autograd.gradcheck(lambda out: negative_log_likelihood(parameters(out, size), counts), (out,))


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("value", [-1e4, 1e4])
def test_the_loss_and_its_gradient_are_finite_whatever_the_network_says(outputs, value):
    out = torch.full((1, 1, outputs), value, requires_grad=True)
    for count in (0, 1, 10_000):
        loss = negative_log_likelihood(parameters(out, torch.ones(1, 1)), torch.tensor([[count]]))
        loss.sum().backward()
        assert loss.isfinite().all()
        assert out.grad.isfinite().all()


@pytest.mark.parametrize("given", [MEANS[:5, None], pairs()[pairs()[:, 0] < 1e3]], ids=["poisson", "negative binomial"])
def test_a_quantile_is_the_least_count_that_leaves_no_more_above(given):
    forecast = distribution(given, LEVELS)
    np.testing.assert_array_equal(forecast.mean, given[:, 0])
    np.testing.assert_array_equal(forecast.point, forecast.quantiles[:, 2])
    for row, quantiles in zip(given, forecast.quantiles, strict=True):
        counts = torch.arange(quantiles[-1] + 1)
        below = (-negative_log_likelihood(torch.tensor(row), counts)).exp().cumsum(0)
        least = [int(np.argmax(below.numpy() >= level - 1e-9)) for level in LEVELS]
        np.testing.assert_array_equal(quantiles, least)


def test_counting_up_ends_at_a_level_next_to_one():
    forecast = distribution(np.array([[2.0, 0.5]]), (0.5, 1 - 1e-16))
    assert 2 < forecast.quantiles[0, 1] < 1e4


# The mean of what only quantiles are known of.

FINE = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)


@pytest.mark.parametrize(
    "known",
    [stats.uniform(2, 3), stats.norm(5, 2), stats.norm(-5, 2), stats.expon(scale=3), stats.gamma(0.5, scale=4)],
    ids=["uniform", "normal", "normal below 0", "exponential", "gamma"],
)
def test_quantiles_tell_the_mean_of_their_distribution(known):
    mean = mean_of_quantiles(known.ppf(FINE)[None], FINE)
    np.testing.assert_allclose(mean, [known.mean()], atol=0.03 * known.std())


def test_the_mean_of_one_value_is_that_value():
    np.testing.assert_allclose(mean_of_quantiles(np.full((2, 11), 7.0), FINE), [7.0, 7.0])
    np.testing.assert_array_equal(mean_of_quantiles(np.array([[3.0]]), (0.5,)), [3.0])


def test_the_mean_of_what_is_never_below_zero_is_not_either():
    assert mean_of_quantiles(np.array([0.0, 4.0]), (0.5, 0.9)) > 0
