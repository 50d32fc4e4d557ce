"""Spectra of recurrent weights and of whole steps: closed forms, every cell, and Jacobians taken one by one."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import ostinato.nn
from ostinato.cells import CELLS, LRU, LSTM, SLSTM, SRU, Cell, ContractiveElman, Elman, FastGRNN, IndRNN
from ostinato.diagnostics import step_spectra, weight_spectra
from ostinato.diagnostics.probe import record
from ostinato.nn import Recurrent


class H(NamedTuple):
    h: Tensor


def track_of(model, call):
    return record(model, call).tracks[0]


def names(cell):
    return [spectrum.name for spectrum in weight_spectra(cell)]


@pytest.mark.parametrize("rho", [0.5, 1.0, 1.3])
def test_rho_times_an_orthogonal_matrix_stretches_everything_by_rho(rho):
    torch.manual_seed(0)
    cell = Elman(2, 12, init="orthogonal").double()
    with torch.no_grad():
        cell.weight_hh.copy_(rho * torch.linalg.qr(torch.randn(12, 12, dtype=torch.float64)).Q)
    (found,) = weight_spectra(cell)
    assert found.name == "weight_hh"
    assert found.radius == pytest.approx(rho)
    torch.testing.assert_close(found.singular, torch.full((12,), rho, dtype=torch.float64))


def test_a_nilpotent_matrix_stretches_but_has_no_radius_to_speak_of():
    cell = Elman(1, 2)
    with torch.no_grad():
        cell.weight_hh.copy_(torch.tensor([[0.0, 3.0], [0.0, 0.0]]))
    (found,) = weight_spectra(cell)
    assert found.radius == 0
    assert found.singular.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("elman", [""]),
        ("lstm", [" i", " f", " g", " o"]),
        ("coupled_lstm", [" f", " g", " o"]),
        ("gru", [" r", " z", " n"]),
        ("mgu", [" f", " n"]),
        ("janet", [" f", " g"]),
        ("slstm", [" i", " f", " z", " o"]),
        ("cornn", [" W", " Z"]),
    ],
)
def test_every_block_of_a_weight_has_the_spectrum_of_its_matrix(name, blocks):
    cell = CELLS[name](3, 5)
    found = weight_spectra(cell)
    assert [spectrum.name for spectrum in found] == [f"weight_hh{block}" for block in blocks]
    parts = cell.weight_hh.detach().double().chunk(len(blocks), 1 if name == "cornn" else 0)
    for spectrum, part in zip(found, parts, strict=True):
        assert spectrum.radius == pytest.approx(float(torch.linalg.eigvals(part).abs().max()))
        torch.testing.assert_close(spectrum.singular, torch.linalg.svdvals(part))


def test_blocks_that_are_not_square_have_singular_values_only():
    for spectrum in weight_spectra(LSTM(3, 8, proj_size=4)):
        assert spectrum.radius is None
        assert spectrum.singular.shape == (4,)


def test_weights_count_as_the_step_uses_them():
    torch.manual_seed(0)
    (bounded,) = weight_spectra(ContractiveElman(2, 6, norm_bound=0.3))
    assert float(bounded.singular[0]) == pytest.approx(0.3)
    cell = IndRNN(2, 3, longest=1)
    with torch.no_grad():
        cell.weight_hh.copy_(torch.tensor([-5.0, 0.5, 1.0]))
    (clipped,) = weight_spectra(cell)
    assert clipped.singular.tolist() == [2, 1, 0.5]
    low_rank = FastGRNN(4, 6, rank_u=2)
    (product,) = weight_spectra(low_rank)
    assert product.name == "weight_hh factor_hh"
    assert int((product.singular > 1e-6).sum()) == 2
    heads = SLSTM(2, 6, heads=3)
    own = heads.weight_hh.detach().double()[:6].split(2)  # the input gate's
    assert weight_spectra(heads)[0].radius == pytest.approx(
        max(float(torch.linalg.eigvals(head).abs().max()) for head in own)
    )


def test_diagonals_have_their_moduli_for_spectrum():
    forget, reset = weight_spectra(cell := SRU(3, 5))
    assert forget.name, reset.name == ("weight_hh f", "weight_hh r")
    torch.testing.assert_close(reset.singular, cell.weight_hh[1].detach().double().abs().sort(descending=True).values)
    lru = LRU(3, 5, r_min=0.9, r_max=0.99)
    (ring,) = weight_spectra(lru)
    assert ring.name == "lambda"
    assert 0.9 <= float(ring.singular[-1]) <= ring.radius <= 0.99


def test_cells_within_cells_are_found():
    assert names(CELLS["lstm_gru"](3, 4)) == [f"cells.0.weight_hh {gate}" for gate in "ifgo"] + [
        f"cells.1.weight_hh {gate}" for gate in "rzn"
    ]
    assert names(Recurrent(Elman, 3, 4, zoneout=0.1).cells[0]) == ["weight_hh"]


def test_blocks_of_a_users_cell_are_numbered():
    class Mine(Cell[H]):
        recurrent_weights = ("up", "across", "gains", "odd", "cube")

        def __init__(self):
            super().__init__(2, 3)
            self.up, self.across = self.new_weight(6, 3), self.new_weight(3, 6)
            self.gains, self.odd, self.cube = self.new_bias(3), self.new_weight(4, 3), nn.Parameter(torch.ones(2, 2, 2))

        def initial_state(self, batch_size, device=None, dtype=None):
            return H(torch.zeros(batch_size, 3, device=device, dtype=dtype))

        def forward(self, x, state):
            return state.h, state

    assert names(Mine()) == ["up[0]", "up[1]", "across[0]", "across[1]", "gains", "odd"]


def test_weights_that_torchs_layers_lend_are_read():
    layers, x = ostinato.nn.GRU(2, 4, backend="reference"), torch.randn(5, 3, 2)
    track = track_of(layers, lambda: layers(x)[0].sum())
    found = weight_spectra(track.calls[0].cell)
    torch.testing.assert_close(found[0].singular, torch.linalg.svdvals(layers.weight_hh_l0[:4].detach().double()))


def test_a_weight_that_is_not_finite_has_no_spectrum():
    cell = Elman(2, 3)
    with torch.no_grad():
        cell.weight_hh[0, 0] = torch.inf
    (found,) = weight_spectra(cell)
    assert found.radius != found.radius
    assert found.singular.isnan().all()


@pytest.mark.parametrize("name", CELLS)
def test_the_step_of_every_cell_has_the_spectrum_of_its_jacobian(name):
    torch.manual_seed(0)
    layers, x = Recurrent(CELLS[name], 3, 4, backend="reference").double(), torch.randn(2, 5, 3, dtype=torch.float64)
    track = track_of(layers, lambda: layers(x)[0].sum())
    (call,) = track.calls
    kind, singular, radii = type(call.first), [], []
    for row in range(2):
        for step in range(5):
            before = tuple(tensor[row, step] for tensor in call.before)

            def flat(*state, row=row, step=step, kind=kind):
                new = call.cell(x[row : row + 1, step], kind(*(tensor[None] for tensor in state)))[1]
                return torch.cat([tensor[0] for tensor in new])

            jacobian = torch.cat(torch.autograd.functional.jacobian(flat, before), 1)
            singular.append(torch.linalg.svdvals(jacobian))
            radii.append(float(torch.linalg.eigvals(jacobian).abs().max()))
    found = step_spectra(track)
    torch.testing.assert_close(found.singular, torch.stack(singular).median(0).values)
    assert found.radius == pytest.approx(sorted(radii)[4])
    assert found.largest_radius == pytest.approx(max(radii))


def test_a_step_of_a_linear_recurrence_is_its_matrix_and_only_valid_steps_are_looked_at():
    torch.manual_seed(0)
    cell = Elman(2, 5, activation="relu")
    layers, x = Recurrent(lambda *_: cell, 2, 5, backend="reference"), torch.full((2, 50, 2), torch.nan)
    x[0, :3], x[1, :1] = 1, 1
    with torch.no_grad():
        cell.bias_ih.fill_(100)  # every unit stays on
        cell.weight_hh.mul_(0.1)
    track = track_of(layers, lambda: layers(x, lengths=torch.tensor([3, 1]))[0].sum())
    found, (weights,) = step_spectra(track), weight_spectra(cell)
    assert found.radius == pytest.approx(found.largest_radius) == pytest.approx(weights.radius, rel=1e-5)
    torch.testing.assert_close(found.singular, weights.singular, rtol=1e-5, atol=1e-6)


def test_what_is_too_large_or_has_no_step_has_no_spectrum():
    layers, x = Recurrent(LSTM, 2, 513, backend="reference"), torch.randn(1, 1, 2)
    assert step_spectra(track_of(layers, lambda: layers(x)[0].sum())) is None
    layers = Recurrent(LSTM, 2, 3, backend="reference")
    none = torch.zeros(1, dtype=torch.int64)
    assert step_spectra(track_of(layers, lambda: layers(x, lengths=none)[0].sum())) is None


def test_a_step_whose_jacobian_is_not_finite_is_left_out():
    layers, x = Recurrent(Elman, 1, 3, backend="reference"), torch.tensor([[[1.0], [torch.nan]]])
    found = step_spectra(track_of(layers, lambda: layers(x)[0].sum()))
    assert found.radius == found.largest_radius
    assert found.radius < 1
    broken = step_spectra(track_of(layers, lambda: layers(x * torch.nan)[0].sum()))
    assert broken.radius != broken.radius
