"""A cell made a layer: stacked, run in one or both directions, regularised."""

import copy
from functools import partial
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ostinato.cells import GRU, LSTM, MGU, Cell, Chain, Elman, Jordan, PeepholeLSTM
from ostinato.engine import detach
from ostinato.nn import Recurrent

CELLS = {
    "Elman": Elman,
    "Jordan": Jordan,
    "GRU": GRU,
    "MGU": MGU,
    "LSTM": LSTM,
    "peephole LSTM": PeepholeLSTM,
    "projected LSTM": lambda i, h: LSTM(i, h + 1, proj_size=h),
    "LSTM-GRU": lambda i, h: Chain(LSTM(i, h), GRU(h, h)),
}
EXACT = {"rtol": 0, "atol": 1e-12}


class Held(NamedTuple):
    held: Tensor


class Probe(Cell[Held]):
    """Shows what it sees: its output is its recurrent weight times ones, masked as a state would be."""

    recurrent_weights = ("weight",)
    supports_recurrent_dropout = True

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = torch.nn.Parameter(torch.ones(hidden_size))

    def initial_state(self, batch_size, device=None, dtype=None):
        return Held(torch.full((batch_size, self.output_size), 0.5, device=device, dtype=dtype))

    def forward(self, x, state):
        _, seen = self.apply_recurrent_dropout(x, torch.ones_like(state.held))
        return seen * self.weight, Held(state.held + 1)


class Bare(Elman):
    """A cell that can neither drop its state nor its weights."""

    recurrent_weights = ()
    supports_recurrent_dropout = False


def alone(layer, row, first):
    """One row ``(steps, features)``, unpadded, one step and one layer at a time; `first` are the states of that row."""
    final = []
    directions = 2 if layer.bidirectional else 1
    for number in range(layer.num_layers):
        seen = layer.norms[number - 1](row) if number and layer.norms else row
        outputs = []
        for direction in range(directions):
            cell, state = layer.cells[len(final)], first[len(final)]
            ys = []
            for x in seen.flip(0) if direction else seen:
                y, state = cell(x[None], state)
                ys.append(y[0])
            y = torch.stack(ys) if ys else row.new_zeros(0, cell.output_size)
            outputs.append(y.flip(0) if direction else y)
            final.append(state)
        y = torch.cat(outputs, -1) if layer.merge == "concat" else sum(outputs)
        row = y + row if layer.residual and y.shape == row.shape else y
    return row, tuple(final)


def row_by_row(layer, x, lengths, states):
    ys, finals = [], []
    for b, n in enumerate(lengths.tolist()):
        y, final = alone(layer, x[b, :n], [type(s)(*(t[b : b + 1] for t in s)) for s in states])
        ys.append(torch.cat([y, y.new_zeros(x.shape[1] - n, layer.output_size)]))
        finals.append(final)
    return torch.stack(ys), tuple(
        type(parts[0])(*map(torch.cat, zip(*parts, strict=True))) for parts in zip(*finals, strict=True)
    )


def tensors(states):
    return [tensor for state in states for tensor in state]


def weighted(y, final):
    """A scalar that depends on every element differently."""
    return sum((t * torch.arange(1.0, t.numel() + 1).reshape(t.shape)).sum() for t in [y, *tensors(final)])


def some_states(layer, batch):
    return tuple(type(s)(*map(torch.randn_like, s)) for s in layer.initial_state(batch, dtype=torch.float64))


# Rows by themselves


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    padding=st.integers(0, 2),
    num_layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    merge=st.sampled_from(["concat", "sum"]),
    residual=st.booleans(),
    layer_norm=st.booleans(),
    given_state=st.booleans(),
    seed=st.integers(0, 99),
)
def test_it_equals_running_each_row_alone_whatever_stands_in_the_padding(
    cell, lengths, padding, num_layers, bidirectional, merge, residual, layer_norm, given_state, seed
):
    torch.manual_seed(seed)
    size = 4 if residual and bidirectional and merge == "concat" else 2
    layer = Recurrent(
        CELLS[cell],
        size,
        2,
        num_layers=num_layers,
        bidirectional=bidirectional,
        merge=merge,
        residual=residual,
        layer_norm=layer_norm,
        trainable_initial_state=not given_state,
    ).double()
    lengths = torch.tensor(lengths)
    x = torch.randn(len(lengths), int(lengths.max()) + padding, size, dtype=torch.float64)
    x[torch.arange(x.shape[1]) >= lengths[:, None]] = torch.nan
    x.requires_grad_()
    states = some_states(layer, len(lengths)) if given_state else layer.initial_state(len(lengths), dtype=torch.float64)

    y, final = layer(x, states if given_state else None, lengths=lengths)
    expected = row_by_row(layer, x, lengths, states)

    wanted = [x, *layer.parameters()]
    torch.testing.assert_close([y, *tensors(final)], [expected[0], *tensors(expected[1])], **EXACT)
    if not lengths.any():
        return  # no step, no gradient
    ours, theirs = (
        torch.autograd.grad(weighted(*result), wanted, allow_unused=True, materialize_grads=True)
        for result in ((y, final), expected)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_without_lengths_every_step_is_valid():
    layer = Recurrent(GRU, 3, 4, num_layers=2, bidirectional=True)
    x = torch.randn(2, 5, 3)
    y, final = layer(x)
    full = layer(x, lengths=torch.tensor([5, 5]))
    torch.testing.assert_close([y, *tensors(final)], [full[0], *tensors(full[1])])


def test_states_are_layer_major_with_the_forward_direction_first():
    layer = Recurrent(LSTM, 3, 4, num_layers=2, bidirectional=True)
    y, final = layer(torch.randn(2, 5, 3))
    assert layer.output_size == 8
    assert y.shape == (2, 5, 8)
    assert [cell.input_size for cell in layer.cells] == [3, 3, 8, 8]
    torch.testing.assert_close(final[2].h, y[:, -1, :4])
    torch.testing.assert_close(final[3].h, y[:, 0, 4:])


def test_the_sum_of_both_directions_has_the_size_of_one():
    torch.manual_seed(0)
    joined = Recurrent(GRU, 3, 4, bidirectional=True)
    added = Recurrent(GRU, 3, 4, bidirectional=True, merge="sum")
    added.load_state_dict(joined.state_dict())
    x = torch.randn(2, 5, 3)
    assert added.output_size == 4
    torch.testing.assert_close(added(x)[0], joined(x)[0].unflatten(-1, (2, 4)).sum(-2))


def test_no_rows_and_no_steps_are_allowed():
    layer = Recurrent(LSTM, 3, 4, num_layers=2, bidirectional=True)
    assert layer(torch.zeros(0, 5, 3))[0].shape == (0, 5, 8)
    y, final = layer(torch.zeros(2, 0, 3))
    assert y.shape == (2, 0, 8)
    assert all(torch.equal(tensor, torch.zeros(2, 4)) for tensor in tensors(final))


# Packed sequences


@settings(max_examples=20, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), ordered=st.booleans(), given_state=st.booleans())
def test_a_packed_sequence_gives_what_its_padded_rows_give_in_the_users_order(lengths, ordered, given_state):
    torch.manual_seed(0)
    lengths = torch.tensor(sorted(lengths, reverse=True) if ordered else lengths)
    layer = Recurrent(LSTM, 2, 3, num_layers=2, bidirectional=True).double()
    x = torch.randn(len(lengths), int(lengths.max()), 2, dtype=torch.float64)
    state = some_states(layer, len(lengths)) if given_state else None
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=ordered)

    y, final = layer(packed, state)
    expected, expected_final = layer(x, state, lengths=lengths)

    assert torch.equal(y.batch_sizes, packed.batch_sizes)
    assert (y.sorted_indices is None) == ordered
    torch.testing.assert_close(pad_packed_sequence(y, batch_first=True)[0], expected, **EXACT)
    torch.testing.assert_close(tensors(final), tensors(expected_final), **EXACT)


def test_a_packed_sequence_brings_its_own_lengths():
    packed = pack_padded_sequence(torch.zeros(1, 2, 3), torch.tensor([2]), batch_first=True)
    with pytest.raises(ValueError, match="it has its own"):
        Recurrent(GRU, 3, 4)(packed, lengths=torch.tensor([2]))


# Truncated backpropagation through time


@pytest.mark.parametrize("cell", [LSTM, GRU, CELLS["LSTM-GRU"]])
def test_chunks_with_a_carried_state_equal_one_pass_and_cut_the_gradient(cell):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, num_layers=2, residual=True, layer_norm=True, zoneout=0.1).double().eval()
    x = torch.randn(2, 9, 3, dtype=torch.float64, requires_grad=True)
    whole, last = layer(x)
    state, chunks = None, []
    for chunk in x.split(4, dim=1):
        y, state = layer(chunk, detach(state))
        chunks.append(y)
    torch.testing.assert_close(torch.cat(chunks, 1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(tuple(tensors(state)), tuple(tensors(last)), rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad(chunks[-1].sum(), x)
    assert torch.equal(gradient[:, :8], torch.zeros_like(gradient[:, :8]))
    assert gradient[:, 8].abs().min() > 0


# Regularisers


def test_dropout_zeroes_what_the_layers_above_the_first_read_in_training_only():
    torch.manual_seed(0)
    layer = Recurrent(partial(Elman, activation="identity", bias=False), 6, 6, num_layers=2, dropout=0.5)
    with torch.no_grad():
        for cell in layer.cells:
            cell.weight_ih.copy_(torch.eye(6))
            cell.weight_hh.zero_()
    x = torch.ones(50, 20, 6)
    y = layer(x)[0]
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert abs(y.mean() - 1) < 0.05
    assert torch.equal(layer.eval()(x)[0], x)


def test_dropout_leaves_the_residual_path_whole():
    torch.manual_seed(0)
    layer = Recurrent(Elman, 3, 3, num_layers=2, dropout=0.9, residual=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    x = torch.randn(2, 4, 3)
    assert torch.equal(layer(x)[0], x)


@pytest.mark.parametrize("locked", [True, False])
def test_locked_dropout_takes_one_mask_a_row_for_what_the_layers_above_the_first_read(locked):
    torch.manual_seed(0)
    layer = Recurrent(Probe, 6, 6, num_layers=2, dropout=0.5, locked_dropout=locked)
    seen = layer._read(torch.ones(4, 5, 6), 1)
    assert set(seen.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(seen, seen[:, :1].expand_as(seen)) == locked
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(layer._read(torch.ones(4, 5, 6), 0), torch.ones(4, 5, 6))
    assert torch.equal(layer.eval()._read(torch.ones(4, 5, 6), 1), torch.ones(4, 5, 6))


def test_locked_dropout_gives_the_same_numbers_on_every_backend():
    outputs = []
    for backend in ("reference", "aten", "auto"):
        torch.manual_seed(0)
        layer = Recurrent(GRU, 3, 4, num_layers=2, dropout=0.5, locked_dropout=True, backend=backend).double()
        outputs.append(layer(torch.ones(2, 5, 3).double(), lengths=torch.tensor([5, 2]))[0])
    torch.testing.assert_close(outputs[0], outputs[1], **EXACT)
    torch.testing.assert_close(outputs[0], outputs[2], **EXACT)


def test_recurrent_dropout_keeps_one_mask_a_row_for_all_steps_in_training_only():
    torch.manual_seed(0)
    layer = Recurrent(Probe, 3, 8, recurrent_dropout=0.5)
    seen = layer(torch.zeros(50, 6, 3))[0]
    assert set(seen.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(seen, seen[:, :1].expand_as(seen))
    assert len(seen[:, 0].unique(dim=0)) > 25
    assert abs(seen.mean() - 1) < 0.15
    assert not torch.equal(layer(torch.zeros(50, 6, 3))[0], seen)
    assert torch.equal(layer.eval()(torch.zeros(50, 6, 3))[0], torch.ones(50, 6, 8))


@pytest.mark.parametrize("cell", ["Elman", "Jordan", "GRU", "MGU", "LSTM", "peephole LSTM", "projected LSTM"])
def test_every_cell_of_the_house_but_a_chain_takes_recurrent_dropout_and_zoneout_together(cell):
    layer = Recurrent(CELLS[cell], 3, 4, num_layers=2, bidirectional=True, recurrent_dropout=0.3, zoneout=0.2)
    y, _ = layer(torch.randn(2, 5, 3), lengths=torch.tensor([5, 0]))
    y.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


def test_zoneout_keeps_old_values_by_chance_in_training():
    torch.manual_seed(0)
    layer = Recurrent(LSTM, 2, 16, zoneout=(0.0, 0.25)).double()
    x = torch.randn(200, 1, 2, dtype=torch.float64)
    first = some_states(layer, 200)
    _, (state,) = layer(x, first)
    _, fresh = layer.cells[0].cell(x[:, 0], first[0])
    kept = state.c == first[0].c
    torch.testing.assert_close(state.h, fresh.h, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state.c[~kept], fresh.c[~kept], rtol=1e-12, atol=1e-12)
    assert abs(kept.double().mean() - 0.25) < 0.03


def test_zoneout_gives_the_expected_state_at_evaluation():
    torch.manual_seed(0)
    layer = Recurrent(LSTM, 2, 3, zoneout=(0.1, 0.4)).double().eval()
    x = torch.randn(2, 4, 2, dtype=torch.float64)
    y, (final,) = layer(x)
    h = c = torch.zeros(2, 3, dtype=torch.float64)
    for t in range(4):
        _, fresh = layer.cells[0].cell(x[:, t], final._replace(h=h, c=c))
        h, c = 0.1 * h + 0.9 * fresh.h, 0.4 * c + 0.6 * fresh.c
        torch.testing.assert_close(y[:, t], h, **EXACT)
    torch.testing.assert_close(final.c, c, **EXACT)


def test_weight_drop_zeroes_recurrent_weights_once_a_pass_in_training_only():
    torch.manual_seed(0)
    layer = Recurrent(Probe, 3, 400, weight_drop=0.5)
    weights = layer(torch.zeros(2, 3, 3))[0]
    assert set(weights.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(weights, weights[:1, :1].expand_as(weights))
    assert abs(weights.mean() - 1) < 0.2
    assert not torch.equal(layer(torch.zeros(2, 3, 3))[0], weights)
    assert torch.equal(layer.cells[0].weight, torch.ones(400))
    assert torch.equal(layer.eval()(torch.zeros(2, 3, 3))[0], torch.ones(2, 3, 400))


def test_a_dropped_weight_gets_no_gradient():
    torch.manual_seed(0)
    layer = Recurrent(Probe, 3, 40, weight_drop=0.5)
    y = layer(torch.zeros(1, 1, 3))[0]
    y.sum().backward()
    assert torch.equal(layer.cells[0].weight.grad, y[0, 0])


@pytest.mark.parametrize("zoneout", [0.0, 0.1])
def test_weight_drop_finds_the_recurrent_weights_inside_chains_and_zoneout(zoneout):
    torch.manual_seed(0)
    layer = Recurrent(CELLS["LSTM-GRU"], 3, 30, weight_drop=0.5, zoneout=zoneout)
    layer(torch.randn(2, 4, 3))[0].sum().backward()
    for name, parameter in layer.named_parameters():
        zeros = (parameter.grad == 0).float().mean()
        assert 0.4 < zeros < 0.6 if "weight_hh" in name else zeros < 0.1


def test_weight_drop_changes_no_name_in_the_state_dict():
    plain, dropped = Recurrent(LSTM, 3, 4), Recurrent(LSTM, 3, 4, weight_drop=0.5)
    dropped(torch.zeros(1, 2, 3))
    assert list(plain.state_dict()) == list(dropped.state_dict())


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
@pytest.mark.parametrize(("bidirectional", "lengths"), [(False, None), (True, torch.tensor([5, 0, 3]))])
def test_one_seed_gives_the_same_numbers_on_every_backend(cell, bidirectional, lengths):
    make = partial(Recurrent, cell, 3, 4, num_layers=3, bidirectional=bidirectional, dropout=0.4, weight_drop=0.3)
    reference, aten = make(backend="reference").double(), make(backend="aten").double()
    aten.load_state_dict(reference.state_dict())
    x, results = torch.randn(3, 5, 3, dtype=torch.float64), []
    for layer in (reference, aten):
        torch.manual_seed(1)
        y, final = layer(x, lengths=lengths)
        results.append([y, *tensors(final), *torch.autograd.grad(weighted(y, final), list(layer.parameters()))])
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_one_seed_gives_the_same_numbers_twice_and_another_seed_others():
    settings = {"dropout": 0.2, "recurrent_dropout": 0.3, "zoneout": 0.1, "weight_drop": 0.2}
    layer = Recurrent(GRU, 3, 4, num_layers=2, **settings)
    x, results = torch.randn(2, 5, 3), []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(layer(x)[0])
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


# The state before the first step


def test_a_trainable_initial_state_begins_as_the_cells_and_is_shared_by_all_rows():
    layer = Recurrent(Probe, 3, 4, num_layers=2, bidirectional=True, trainable_initial_state=True).double()
    assert list(layer.initial) == ["held_l0", "held_l0_reverse", "held_l1", "held_l1_reverse"]
    assert all(torch.equal(parameter, torch.full((4,), 0.5)) for parameter in layer.initial.values())
    x, lengths = torch.zeros(3, 2, 3, dtype=torch.float64), torch.tensor([2, 1, 0])
    _, final = layer(x, lengths=lengths)
    assert final[1].held.tolist() == [[2.5] * 4, [1.5] * 4, [0.5] * 4]
    final[1].held.sum().backward()
    assert torch.equal(layer.initial["held_l0_reverse"].grad, torch.full((4,), 3.0))
    assert layer.initial["held_l0"].grad is None


def test_a_given_state_takes_the_place_of_the_trainable_one():
    layer = Recurrent(GRU, 3, 4, trainable_initial_state=True)
    x = torch.randn(2, 5, 3)
    with torch.no_grad():
        layer.initial["h_l0"].fill_(1.0)
    assert torch.equal(layer(x)[0], layer(x, layer.initial_state(2))[0])
    zeros = tuple(cell.initial_state(2) for cell in layer.cells)
    assert not torch.equal(layer(x)[0], layer(x, zeros)[0])


@pytest.mark.parametrize("trainable", [False, True])
def test_the_initial_state_comes_on_the_device_and_in_the_type_asked_for(trainable):
    layer = Recurrent(LSTM, 3, 4, trainable_initial_state=trainable)
    (state,) = layer.initial_state(2, torch.device("meta"), torch.float16)
    assert state.h.shape == state.c.shape == (2, 4)
    assert state.h.device.type == "meta"
    assert state.c.dtype == torch.float16


# A module like any other


def test_it_can_be_copied_moved_saved_and_called_with_other_parameters():
    torch.manual_seed(0)
    layer = Recurrent(GRU, 3, 4, num_layers=2, trainable_initial_state=True, zoneout=0.1, weight_drop=0.2).eval()
    x = torch.randn(2, 5, 3)
    expected = layer(x)[0]
    other = Recurrent(GRU, 3, 4, num_layers=2, trainable_initial_state=True, zoneout=0.1, weight_drop=0.2).eval()
    parameters = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    assert torch.equal(torch.func.functional_call(other, parameters, (x,))[0], expected)
    other.load_state_dict(parameters)
    assert torch.equal(other(x)[0], expected)
    assert torch.equal(copy.deepcopy(layer)(x)[0], expected)
    torch.testing.assert_close(layer.double()(x.double())[0], expected.double())


def test_it_traces_into_one_graph():
    layer = Recurrent(GRU, 3, 4, dropout=0.2, weight_drop=0.2, trainable_initial_state=True, backend="reference")
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    x = torch.randn(2, 2, 3)
    torch.manual_seed(1)
    expected = layer(x)[0]
    torch.manual_seed(1)
    torch.testing.assert_close(compiled(x)[0], expected)


def test_its_text_shows_the_settings():
    text = repr(Recurrent(GRU, 3, 4, num_layers=2, bidirectional=True, merge="sum", zoneout=0.1))
    assert "3, 4, num_layers=2, merge='sum', bidirectional=True, zoneout=0.1" in text


# What cannot be built


@pytest.mark.parametrize(
    ("cell", "arguments", "message"),
    [
        (GRU, {"num_layers": 0}, "num_layers must be at least 1, got 0"),
        (GRU, {"merge": "mean"}, "merge must be one of concat, sum, got 'mean'"),
        (GRU, {"dropout": 1.0}, "dropout must be a probability in .0, 1., got 1.0"),
        (GRU, {"dropout": float("nan")}, "dropout must be a probability"),
        (GRU, {"recurrent_dropout": -0.1}, "recurrent_dropout must be a probability"),
        (GRU, {"weight_drop": 1.5}, "weight_drop must be a probability"),
        (GRU, {"zoneout": 1.0}, "zoneout must be a probability"),
        (LSTM, {"zoneout": (0.1, 1.0)}, "zoneout must be a probability"),
        (LSTM, {"zoneout": (0.1,)}, "zoneout must be one number for each of LSTM's h, c"),
        (CELLS["LSTM-GRU"], {"recurrent_dropout": 0.1}, "Chain does not drop its state; call Cell.apply_recurrent"),
        (Bare, {"recurrent_dropout": 0.1}, "Bare does not drop its state"),
        (Bare, {"weight_drop": 0.1}, "Bare has no recurrent_weights"),
        (lambda i, h: GRU(i, h + i), {"residual": True, "num_layers": 2}, "layer 1 takes 7 features and gives 11"),
        (lambda i, h: GRU(3, h), {"num_layers": 2}, "GRU that takes 3 features where 4 come in"),
        (torch.nn.Linear, {}, "it made a Linear"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_the_reason(cell, arguments, message):
    with pytest.raises(ValueError, match=message):
        Recurrent(cell, 3, 4, **arguments)


def test_a_residual_layer_needs_equal_sizes_above_the_first_only():
    layer = Recurrent(GRU, 3, 2, num_layers=2, bidirectional=True, residual=True)
    assert layer(torch.zeros(1, 5, 3))[0].shape == (1, 5, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.zeros(5, 3)}, "x must be .batch, time, 3., got .5, 3."),
        ({"x": torch.zeros(2, 5, 4)}, "x must be .batch, time, 3."),
        ({"x": torch.zeros(2, 5, 7)}, "x must be .batch, time, 3."),  # a mask is not the user's to give
        ({"x": torch.zeros(2, 5, 3), "state": ()}, "state must hold 4 states .* got 0"),
        ({"x": torch.zeros(2, 5, 3), "lengths": torch.tensor([5])}, "lengths must be 2 integers"),
        ({"x": torch.zeros(2, 5, 3), "lengths": torch.tensor(5)}, "lengths must be 2 integers"),
        ({"x": torch.zeros(2, 5, 3), "lengths": torch.tensor([5, 6])}, "lengths must lie between 0 and 5"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_the_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        Recurrent(GRU, 3, 4, num_layers=2, bidirectional=True)(**arguments)


def test_a_state_of_other_rows_is_refused():
    layer = Recurrent(GRU, 3, 4)
    with pytest.raises(ValueError, match=r"state.h must be \(2, 4\), got \(3, 4\)"):
        layer(torch.zeros(2, 5, 3), layer.initial_state(3))
