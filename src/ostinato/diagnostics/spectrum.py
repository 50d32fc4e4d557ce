"""Spectra: how much the recurrent weights, and one whole step on the data, stretch and shrink a state."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch
from operator import attrgetter
from typing import Any, cast

import torch
from torch import Tensor

from ostinato import cells
from ostinato.cells import Cell
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.probe import Track
from ostinato.diagnostics.steps import drawn_steps, pulled_back

LARGEST_STATE = 1024
"""Units of a state up to which the Jacobian of a step is worth its eigenvalues."""


@dataclass(frozen=True)
class Spectrum:
    """What a recurrent weight does to what it multiplies.

    Attributes:
        name: The parameter, and the block of it: "weight_hh", "weight_hh r", "weight_hh[0]".
        radius: The largest modulus of its eigenvalues; None where it is not square, NaN where it is not finite.
        singular: Its singular values, the largest first ``(count,)``, float64.

    Example:
        >>> from ostinato.cells import Elman
        >>> from ostinato.diagnostics import weight_spectra
        >>> (spectrum,) = weight_spectra(Elman(3, 16, init="orthogonal"))
        >>> round(spectrum.radius, 3), round(float(spectrum.singular[0]), 3)
        (1.0, 1.0)
    """

    name: str
    radius: float | None
    singular: Tensor


@dataclass(frozen=True)
class StepSpectrum:
    """The Jacobian of the whole state after a step with respect to the whole state before it, on the data.

    All tensors of the state count, side by side. Steps whose Jacobian is not finite are left out; where all are, every
    number is NaN.

    Attributes:
        layer: Which.
        radius: The median, over the steps drawn, of the largest modulus of the eigenvalues.
        largest_radius: The largest.
        singular: The median of each singular value, the largest first ``(state size,)``, float64.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import step_spectra
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> spectrum = step_spectra(recording.tracks[0])
        >>> spectrum.singular.shape  # h and c side by side
        torch.Size([32])
    """

    layer: Layer
    radius: float
    largest_radius: float
    singular: Tensor


def weight_spectra(cell: Cell[Any]) -> list[Spectrum]:
    """The spectra of everything that multiplies the state in one step of a cell.

    These are the blocks of its `recurrent_weights` as the step uses them: one square block for each gate, the product
    of a weight's two factors, a bounded weight within its bound, the complex decay of an LRU. A vector is a diagonal.
    Of a cell that is not of this library, ``(k n, n)`` and ``(n, k n)`` are k square blocks.

    Args:
        cell: Any; one that names no recurrent weights has no spectra.

    Returns:
        One for each block, in the order of the weights.

    Example:
        >>> from ostinato.cells import GRU
        >>> from ostinato.diagnostics import weight_spectra
        >>> [spectrum.name for spectrum in weight_spectra(GRU(3, 16))]
        ['weight_hh r', 'weight_hh z', 'weight_hh n']
    """
    with torch.no_grad():
        return [_spectrum(name, _in_double(matrix)) for name, matrix in _matrices(cell).items()]


def step_spectra(track: Track, count: int = 16, seed: int = 0) -> StepSpectrum | None:
    """The spectrum of a layer's step, linearised where the data led it.

    Args:
        track: A recorded layer.
        count: Steps drawn uniformly from all valid ones.
        seed: Of the draw.

    Returns:
        The spectrum; None for a state of more than 1024 units, or where no step is valid.

    Example:
        >>> import torch
        >>> from ostinato.cells import LSTM
        >>> from ostinato.diagnostics import step_spectra
        >>> from ostinato.diagnostics.probe import record
        >>> from ostinato.nn import Recurrent
        >>> net, x = Recurrent(LSTM, 3, 16), torch.randn(8, 50, 3)
        >>> recording = record(net, lambda: net(x)[0].square().mean())
        >>> step_spectra(recording.tracks[0], count=4).radius < 1
        True
    """
    cell = track.calls[0].cell
    size = sum(tensor.shape[1] for tensor in track.calls[0].first)
    x, state = drawn_steps(track, count, seed)
    if size > LARGEST_STATE or not len(x):
        return None
    unit = torch.eye(size, dtype=x.dtype, device=x.device)[None]
    radii, singular = [], []
    for row in range(len(x)):
        one = type(state)(*(tensor[row : row + 1] for tensor in state))
        jacobian = pulled_back(cell, x[row : row + 1], one, unit)[0]
        found = _spectrum("", jacobian.to(torch.promote_types(jacobian.dtype, torch.float32)))
        radii.append(torch.tensor(found.radius))
        singular.append(found.singular)
    known = torch.stack(radii)
    return StepSpectrum(
        track.layer, float(known.nanmedian()), _largest(known), torch.stack(singular).nanmedian(0).values
    )


def _largest(values: Tensor) -> float:
    known = values[~values.isnan()]
    return float(known.max()) if len(known) else float("nan")


def _in_double(matrix: Tensor) -> Tensor:
    return matrix.to(torch.complex128 if matrix.is_complex() else torch.float64)


def _spectrum(name: str, matrix: Tensor) -> Spectrum:
    """Of a matrix, or of a diagonal given as a vector, which may be complex; eigenvalues in the matrix's own type."""
    if matrix.dim() == 1:
        moduli = matrix.abs().sort(descending=True).values.cpu()
        return Spectrum(name, float(moduli[0]), moduli)
    rows, columns = matrix.shape
    if not bool(matrix.isfinite().all()):
        unknown = torch.full((min(rows, columns),), torch.nan, dtype=torch.float64)
        return Spectrum(name, float("nan") if rows == columns else None, unknown)
    radius = float(torch.linalg.eigvals(matrix).abs().max()) if rows == columns else None
    return Spectrum(name, radius, torch.linalg.svdvals(matrix.double()).cpu())


@singledispatch
def _matrices(cell: Cell[Any]) -> dict[str, Tensor]:
    """What multiplies the state in one step, by name: matrices, and diagonals as vectors."""
    found: dict[str, Tensor] = {}
    for name in cell.recurrent_weights:
        weight: Tensor = attrgetter(name)(cell)
        rows, columns = (*weight.shape, 1)[:2]
        if weight.dim() == 1 or (weight.dim() == 2 and (rows == columns or max(rows, columns) % min(rows, columns))):
            found[name] = weight
        elif weight.dim() == 2:
            blocks = torch.split(weight, columns, 0) if rows > columns else torch.split(weight, rows, 1)
            found |= {f"{name}[{index}]": block for index, block in enumerate(blocks)}
    return found


def _blocks(name: str, weight: Tensor, blocks: str, dim: int = 0) -> dict[str, Tensor]:
    """Equal blocks of a weight by their names, given in one string."""
    names = blocks.split()
    return {f"{name} {block}": part for block, part in zip(names, weight.chunk(len(names), dim), strict=True)}


@_matrices.register
def _(cell: cells.Elman) -> dict[str, Tensor]:
    return {"weight_hh": cell.recurrent_matrix()}


@_matrices.register
def _(cell: cells.Jordan) -> dict[str, Tensor]:
    return {"weight_yh": cell.weight_yh}


@_matrices.register
def _(cell: cells.LSTM) -> dict[str, Tensor]:
    return _blocks("weight_hh", cell.weight_hh, " ".join(cell.blocks))


@_matrices.register
def _(cell: cells.GRU) -> dict[str, Tensor]:
    return _blocks("weight_hh", cell.weight_hh, "r z n")


@_matrices.register
def _(cell: cells.MGU) -> dict[str, Tensor]:
    return _blocks("weight_hh", cell.weight_hh, "f n")


@_matrices.register
def _(cell: cells.JANET) -> dict[str, Tensor]:
    return _blocks("weight_hh", cell.weight_hh, "f g")


@_matrices.register
def _(cell: cells.SLSTM) -> dict[str, Tensor]:
    size = cell.output_size // cell.heads
    gates = _blocks("weight_hh", cell.weight_hh, "i f z o")
    return {name: torch.block_diag(*torch.split(gate, size)) for name, gate in gates.items()}  # type: ignore[no-untyped-call]


@_matrices.register
def _(cell: cells.LEM) -> dict[str, Tensor]:
    return {**_blocks("weight_yh", cell.weight_yh, "1 2 z"), "weight_zy": cell.weight_zy}


@_matrices.register
def _(cell: cells.CoRNN) -> dict[str, Tensor]:
    return _blocks("weight_hh", cell.weight_hh, "W Z", dim=1)


@_matrices.register(cells.FastRNN)
@_matrices.register(cells.FastGRNN)
def _(cell: cells.FastRNN | cells.FastGRNN) -> dict[str, Tensor]:
    if cell.factor_hh is None:
        return {"weight_hh": cell.weight_hh}
    return {"weight_hh factor_hh": cell.weight_hh @ cell.factor_hh}


@_matrices.register
def _(cell: cells.IndRNN) -> dict[str, Tensor]:
    weight = cell.weight_hh
    return {"weight_hh": weight if cell.bound is None else weight.clamp(-cell.bound, cell.bound)}


@_matrices.register
def _(cell: cells.SRU) -> dict[str, Tensor]:
    return {"weight_hh f": cell.weight_hh[0], "weight_hh r": cell.weight_hh[1]}


@_matrices.register
def _(cell: cells.LRU) -> dict[str, Tensor]:
    return {"lambda": torch.polar(torch.exp(-torch.exp(cell.nu_log)), torch.exp(cell.theta_log))}


@_matrices.register
def _(cell: cells.Zoneout) -> dict[str, Tensor]:
    return _matrices(cell.cell)


@_matrices.register
def _(cell: cells.Chain) -> dict[str, Tensor]:
    parts = enumerate(cast(Iterable[Cell[Any]], cell.cells))
    return {f"cells.{index}.{name}": matrix for index, part in parts for name, matrix in _matrices(part).items()}
