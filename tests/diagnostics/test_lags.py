"""How far back data reaches: closed forms, delays, noise."""

import pytest
import torch

from ostinato import OstinatoError
from ostinato.diagnostics import data_lags


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def ar1(phi, rows, steps, seed=0):
    """``x_t = phi x_{t-1} + e_t``, begun where it is stationary."""
    e = noise(rows, steps, seed=seed)
    x = [e[:, 0] / (1 - phi**2) ** 0.5]
    for step in range(1, steps):
        x.append(phi * x[-1] + e[:, step])
    return torch.stack(x, 1)[..., None]


@pytest.mark.parametrize("phi", [0.8, -0.6])
def test_an_autoregressive_series_has_the_autocorrelation_phi_to_the_lag(phi):
    found = data_lags(ar1(phi, 40, 1000), longest=20)
    assert found.lags.tolist() == list(range(1, 21))
    torch.testing.assert_close(found.autocorrelation, phi ** found.lags.double(), rtol=0, atol=0.02)


def test_an_autoregressive_series_tells_what_a_gaussian_pair_tells():
    phi = 0.8
    found = data_lags(ar1(phi, 40, 1000), longest=20)
    exact = -0.5 * torch.log(1 - phi ** (2 * found.lags.double()))  # bins lose some of it
    assert bool((found.information < exact + 0.01).all())
    assert float(found.information[0] / exact[0]) > 0.8
    assert 6 <= found.needed <= 12  # 5 % of the first lag's is left at lag 7


@pytest.mark.parametrize("rows", [1, 16])
def test_a_target_that_is_the_input_of_seven_steps_ago_needs_seven(rows):
    x = noise(rows, 800 // rows + 50, 1)
    target = torch.zeros_like(x)
    target[:, 7:] = x[:, :-7]
    found = data_lags(x, target=target)
    assert found.lags[0] == 0
    assert found.needed == 7
    assert int(found.information.argmax()) == 7


def test_noise_needs_no_lag():
    assert sum(data_lags(noise(8, 200, 3, seed=seed)).needed is not None for seed in range(20)) <= 1


def test_a_target_of_the_last_step_may_be_a_class_of_the_first_one():
    x = noise(400, 12, 2)
    found = data_lags(x, target=(x[:, 0, 1] > 0).long())
    assert found.needed == 11
    assert found.information[-1] == pytest.approx(0.69, abs=0.05)  # log 2


def test_rows_end_at_their_own_length():
    lengths = torch.tensor([300, 200, 120, 0])
    x = ar1(0.7, 4, 300)
    padded = x.clone()
    for row, length in enumerate(lengths.tolist()):
        padded[row, length:] = torch.nan
    filled = torch.where(padded.isnan(), 7.0, x)
    one, other = data_lags(padded, lengths), data_lags(filled, lengths)
    assert torch.equal(one.autocorrelation, other.autocorrelation)
    assert torch.equal(one.information, other.information)
    target = (x[torch.arange(4), lengths.clamp(min=1) - 1, 0] > 0).double()
    assert len(data_lags(padded, lengths, target).lags) == 200  # of a single pair nothing can be told


def test_features_weigh_by_their_variance():
    x = torch.cat([10 * ar1(0.9, 20, 500), 0.1 * noise(20, 500, 1)], -1)
    found = data_lags(x, longest=3)
    torch.testing.assert_close(found.autocorrelation, 0.9 ** found.lags.double(), rtol=0, atol=0.03)


def test_a_rare_event_is_not_lost_in_a_bin():
    x = (noise(20, 500, 1) > 1.7).float()
    target = torch.zeros_like(x)
    target[:, 3:] = x[:, :-3]
    assert data_lags(x, target=target).needed == 3


def test_constant_data_and_data_without_steps_need_nothing():
    constant = data_lags(torch.ones(3, 20, 2))
    assert constant.needed is None
    assert constant.autocorrelation.count_nonzero() == 0
    for x, lengths in ((torch.ones(3, 1, 2), None), (torch.ones(3, 5, 2), torch.zeros(3, dtype=torch.int64))):
        found = data_lags(x, lengths)
        assert len(found.lags) == 0
        assert found.needed is None


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(OstinatoError, match="x holds values that are not finite"):
        data_lags(torch.full((2, 5, 1), torch.inf))
    with pytest.raises(OstinatoError, match="target holds values"):
        data_lags(torch.ones(2, 5, 1), target=torch.full((2, 5), torch.nan))


def test_the_same_seed_gives_the_same_figures_and_leaves_torchs_own_numbers_alone():
    before, x = torch.random.get_rng_state(), noise(4, 6000, 1)
    one, other = data_lags(x, longest=5), data_lags(x, longest=5)
    assert torch.equal(one.information, other.information)
    assert torch.equal(torch.random.get_rng_state(), before)
