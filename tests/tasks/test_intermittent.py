"""Simple forecasts of intermittent demand: by hand, and as statsforecast has them."""

import numpy as np
import pytest

from ostinato.tasks.forecasting.intermittent import INTERMITTENT, expected_demand

HAND = np.array([[0.0, 2.0, 0.0, 0.0, 4.0, 0.0]])  # sizes 2, 4; intervals 2, 3; came 0, 1, 0, 0, 1, 0


def expected(name, demand, lengths=None):
    demand = np.atleast_2d(np.asarray(demand, np.float64))
    return expected_demand(name, demand, np.full(len(demand), demand.shape[1]) if lengths is None else lengths)


def random_demand(rows=60, steps=48, seed=0):
    random = np.random.default_rng(seed)
    return random.poisson(random.uniform(0.5, 3, (rows, 1)), (rows, steps)) * (random.random((rows, steps)) < 0.3)


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("zero", 0.0),
        ("mean", 1.0),
        ("Croston SBA", 0.95 * (2 + 0.1 * 2) / (2 + 0.1 * 1)),
        ("TSB", (2 + 0.1 * 2) * (0.1 * 0.9**4 + 0.1 * 0.9)),
    ],
)
def test_a_small_example_by_hand(name, by_hand):
    np.testing.assert_allclose(expected(name, HAND), [by_hand])


def test_imapa_by_hand():
    """The mean interval is 5 / 2, so sums of one step and of two are smoothed; 0.3 and 0.1 would have done best."""
    best = []
    for sums in (HAND[0], np.array([2.0, 0.0, 4.0])):
        tried = []
        for smoothing in np.linspace(0.1, 0.3, 11):
            level, error = sums[0], 0.0
            for value in sums[1:]:
                error += (value - level) ** 2
                level += smoothing * (value - level)
            tried.append((error, level))
        best.append(min(tried)[1])
    np.testing.assert_allclose(expected("IMAPA", HAND), [(best[0] + best[1] / 2) / 2])


@pytest.mark.parametrize(("name", "tolerance"), [("Croston SBA", 1e-9), ("TSB", 1e-9), ("IMAPA", 0.03)])
def test_they_are_those_of_statsforecast(name, tolerance):
    """IMAPA's smoothing is one of eleven here, any number there."""
    models = pytest.importorskip("statsforecast.models")
    theirs = {"Croston SBA": models.CrostonSBA(), "TSB": models.TSB(0.1, 0.1), "IMAPA": models.IMAPA()}[name]
    demand = random_demand()
    demand[0] = 0
    ours = expected(name, demand)
    wanted = [theirs.forecast(row.astype(np.float64), h=1)["mean"][0] for row in demand]
    np.testing.assert_allclose(ours, wanted, rtol=tolerance)


@pytest.mark.parametrize("name", INTERMITTENT)
def test_what_stands_before_a_short_context_is_ignored(name):
    demand, lengths = random_demand(rows=20).astype(np.float64), np.arange(1, 21)
    demand[:, -1] += 1
    alone = [expected(name, row[-length:])[0] for row, length in zip(demand, lengths, strict=True)]
    np.testing.assert_allclose(expected(name, demand, lengths), alone)
    other = np.where(np.arange(48) < 48 - lengths[:, None], 7.0, demand)
    np.testing.assert_array_equal(expected(name, other, lengths), expected(name, demand, lengths))


@pytest.mark.parametrize("name", INTERMITTENT)
def test_nothing_is_expected_where_nothing_ever_came(name):
    np.testing.assert_array_equal(expected(name, np.zeros((3, 9))), np.zeros(3))


@pytest.mark.parametrize("name", INTERMITTENT)
def test_demand_in_other_units_is_expected_in_those(name):
    demand = random_demand()
    np.testing.assert_allclose(expected(name, 7.5 * demand), 7.5 * expected(name, demand))
    rounded = (demand + 0.123).astype(np.float32).astype(np.float64) - 0.123
    np.testing.assert_allclose(expected(name, rounded), expected(name, demand), rtol=1e-5)
