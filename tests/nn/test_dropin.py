"""Torch's recurrent layers on this engine."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato import cells, nn
from ostinato.cells import LSTMState
from ostinato.engine import scan

LAYERS = ["RNN", "GRU", "LSTM"]
PRECISIONS = [(torch.float32, 1e-6), (torch.float64, 1e-12)]


def twins(name, *args, backend="auto", **kwargs):
    """Torch's layer and ours with the same weights."""
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(nn, name)(*args, backend=backend, **kwargs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return theirs, ours


def flat(output, hidden):
    """All tensors of a result."""
    return [
        output.data if isinstance(output, PackedSequence) else output,
        *(hidden if isinstance(hidden, tuple) else (hidden,)),
    ]


def gradients(layer, result, inputs):
    loss = sum((t * torch.arange(1.0, t.numel() + 1).reshape(t.shape) / t.numel()).sum() for t in flat(*result))
    return torch.autograd.grad(loss, [*inputs, *layer.parameters()], retain_graph=True)


def random_hidden(layer, *batch, dtype=None):
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    sizes = [layer.proj_size or layer.hidden_size, layer.hidden_size]
    tensors = [torch.randn(count, *batch, size, dtype=dtype, requires_grad=True) for size in sizes]
    return (tuple(tensors), tensors) if layer.mode == "LSTM" else (tensors[0], tensors[:1])


def assert_equal_results(theirs, ours, x, hidden, inputs, tolerance):
    expected, result = theirs(x, hidden), ours(x, hidden)
    for theirs_tensor, ours_tensor in zip(flat(*expected), flat(*result), strict=True):
        torch.testing.assert_close(ours_tensor, theirs_tensor, rtol=tolerance, atol=tolerance)
    for theirs_tensor, ours_tensor in zip(
        gradients(theirs, expected, inputs), gradients(ours, result, inputs), strict=True
    ):
        torch.testing.assert_close(ours_tensor, theirs_tensor, rtol=tolerance, atol=tolerance)
    return expected, result


# Results


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    precision=st.sampled_from(PRECISIONS),
    sizes=st.tuples(st.integers(1, 5), st.integers(2, 6), st.integers(1, 3)),
    bias=st.booleans(),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    relu=st.booleans(),
    proj_size=st.integers(0, 3),
    batch=st.integers(1, 3),
    time=st.integers(1, 5),
    kind=st.sampled_from(["batch", "no batch", "packed in order", "packed"]),
    given_state=st.booleans(),
    seed=st.integers(0, 99),
)
def test_results_states_and_every_gradient_equal_torchs(
    name,
    backend,
    precision,
    sizes,
    bias,
    bidirectional,
    batch_first,
    relu,
    proj_size,
    batch,
    time,
    kind,
    given_state,
    seed,
):
    torch.manual_seed(seed)
    dtype, tolerance = precision
    options = {"bias": bias, "bidirectional": bidirectional, "batch_first": batch_first, "dtype": dtype}
    if name == "RNN":
        options["nonlinearity"] = "relu" if relu else "tanh"
    if name == "LSTM":
        assume(proj_size < sizes[1])
        options["proj_size"] = proj_size
    theirs, ours = twins(name, *sizes, backend=backend, **options)
    if "packed" in kind:
        lengths = torch.randint(1, time + 1, (batch,))
        lengths = lengths.sort(descending=True).values if kind == "packed in order" else lengths
        shape = (batch, time) if batch_first else (time, batch)
        data = torch.randn(*shape, sizes[0], dtype=dtype, requires_grad=True)
        x = pack_padded_sequence(data, lengths, batch_first=batch_first, enforce_sorted=kind == "packed in order")
    else:
        shape = (time,) if kind == "no batch" else (batch, time) if batch_first else (time, batch)
        data = x = torch.randn(*shape, sizes[0], dtype=dtype, requires_grad=True)
    hidden, states = random_hidden(theirs, *([] if kind == "no batch" else [batch]), dtype=dtype)
    hidden, inputs = (hidden, [data, *states]) if given_state else (None, [data])

    expected, result = assert_equal_results(theirs, ours, x, hidden, inputs, tolerance)

    if isinstance(x, PackedSequence):
        for ours_part, theirs_part in zip(result[0][1:], expected[0][1:], strict=True):
            assert (ours_part is None and theirs_part is None) or torch.equal(ours_part, theirs_part)


@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_of_no_rows_gives_no_rows(name):
    theirs, ours = twins(name, 3, 4, 2, bidirectional=True)
    x = torch.zeros(5, 0, 3)
    for ours_tensor, theirs_tensor in zip(flat(*ours(x)), flat(*theirs(x)), strict=True):
        assert ours_tensor.shape == theirs_tensor.shape


@pytest.mark.parametrize("name", LAYERS)
def test_in_training_one_seed_draws_torchs_own_dropout_masks_on_every_backend(name):
    theirs, ours = twins(name, 3, 8, 3, dropout=0.5, bidirectional=True, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    results = []
    for layer, backend in ((theirs, None), (ours, "aten"), (ours, "reference")):
        layer.backend = backend
        torch.manual_seed(1)
        results.append(layer(x)[0])
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(results[2], results[0], rtol=0, atol=1e-12)
    assert not torch.equal(ours(x)[0], ours(x)[0])
    assert torch.equal(ours.eval()(x)[0], ours(x)[0])


def test_dropout_of_everything_leaves_the_biases_only():
    theirs, ours = twins("GRU", 3, 4, 2, dropout=1.0)
    torch.testing.assert_close(ours(torch.randn(5, 2, 3))[0], theirs(torch.randn(5, 2, 3))[0])


# Lengths


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch_first", [False, True])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), given_state=st.booleans())
def test_padded_rows_with_lengths_equal_torchs_packed_rows_whatever_stands_in_the_padding(
    name, batch_first, lengths, given_state
):
    torch.manual_seed(0)
    lengths = torch.tensor(lengths)
    theirs, ours = twins(name, 2, 3, 2, bidirectional=True, batch_first=batch_first, dtype=torch.float64)
    x = torch.randn(len(lengths), 5, 2, dtype=torch.float64)
    x[torch.arange(5) >= lengths[:, None]] = torch.nan
    x = (x if batch_first else x.transpose(0, 1)).requires_grad_()
    hidden = random_hidden(theirs, len(lengths), dtype=torch.float64)[0] if given_state else None

    y, final = ours(x, hidden, lengths=lengths)
    packed, expected = theirs(pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=False), hidden)
    padded, _ = pad_packed_sequence(packed, batch_first=batch_first, total_length=5)

    for ours_tensor, theirs_tensor in zip(flat(y, final), flat(padded, expected), strict=True):
        torch.testing.assert_close(ours_tensor, theirs_tensor, rtol=0, atol=1e-12)
    for ours_tensor, theirs_tensor in zip(
        gradients(ours, (y, final), [x]), gradients(theirs, (padded, expected), [x]), strict=True
    ):
        torch.testing.assert_close(ours_tensor, theirs_tensor, rtol=0, atol=1e-10)


def test_a_row_of_no_step_keeps_its_initial_state():
    ours = nn.LSTM(2, 3, bidirectional=True)
    hidden, _ = random_hidden(ours, 2)
    y, (h, c) = ours(torch.randn(4, 2, 2), hidden, lengths=torch.tensor([0, 3]))
    assert torch.equal(y[:, 0], torch.zeros(4, 6))
    assert torch.equal(h[:, 0], hidden[0][:, 0])
    assert torch.equal(c[:, 0], hidden[1][:, 0])


@pytest.mark.parametrize(
    ("x", "lengths", "message"),
    [
        (torch.zeros(4, 2, 3), torch.tensor([4]), "lengths must be 2 integers"),
        (torch.zeros(4, 2, 3), torch.tensor([4, 5]), "lengths must lie between 0 and 4"),
        (torch.zeros(4, 3), torch.tensor([4]), "lengths need a batch"),
        (pack_padded_sequence(torch.zeros(4, 2, 3), torch.tensor([4, 2])), torch.tensor([4, 2]), "it has its own"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(x, lengths, message):
    with pytest.raises(ValueError, match=message):
        nn.GRU(3, 4)(x, lengths=lengths)


# The same constructor, parameters and checkpoints


@pytest.mark.parametrize("name", LAYERS)
def test_one_seed_makes_the_parameters_torch_makes_under_the_same_names(name):
    layers = []
    for module in (torch.nn, nn):
        torch.manual_seed(3)
        layers.append(getattr(module, name)(3, 4, 2, bidirectional=True))
    theirs, ours = layers
    assert isinstance(ours, torch.nn.RNNBase)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert [n for n, _ in ours.named_modules()] == [""]
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", LAYERS)
def test_checkpoints_move_both_ways(name):
    theirs, ours = getattr(torch.nn, name)(3, 4, 2), getattr(nn, name)(3, 4, 2)
    x = torch.randn(5, 2, 3)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    torch.testing.assert_close(theirs(x)[0], ours(x)[0])
    other = getattr(torch.nn, name)(3, 4, 2)
    ours.load_state_dict(other.state_dict(), strict=True)
    torch.testing.assert_close(ours(x)[0], other(x)[0])


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("RNN", (3, 4, 1, "relu", False, True), {}),
        ("RNN", (3, 4), {"nonlinearity": "relu", "dtype": torch.float64}),
        ("GRU", (3, 4, 2, False, True, 0.1, True), {}),
        ("LSTM", (3, 4, 2, True, False, 0.0, True, 2), {"device": "cpu"}),
        ("LSTM", (), {"input_size": 3, "hidden_size": 4, "proj_size": 1, "bias": False}),
    ],
)
def test_the_constructor_takes_what_torchs_takes(name, args, kwargs):
    theirs, ours = twins(name, *args, **kwargs)
    assert repr(ours) == repr(theirs)
    assert [p.dtype for p in ours.parameters()] == [p.dtype for p in theirs.parameters()]
    x = torch.randn(5, 2, 3, dtype=next(theirs.parameters()).dtype)
    torch.testing.assert_close(flat(*ours.eval()(x)), flat(*theirs.eval()(x)))


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("RNN", (3, 4), {"nonlinearity": "sigmoid"}),
        ("RNN", (3, 4), {"proj_size": 1}),
        ("GRU", (3, 4), {"proj_size": 1}),
        ("GRU", (3, 0), {}),
        ("GRU", (0, 4), {}),
        ("GRU", (3, 4, 0), {}),
        ("GRU", (3.0, 4), {}),
        ("GRU", (3, 4), {"dropout": 1.5}),
        ("GRU", (3, 4), {"batch_first": 1}),
        ("LSTM", (3, 4), {"proj_size": 4}),
        ("LSTM", (3, 4), {"proj_size": -1}),
        ("LSTM", (3,), {}),
        ("LSTM", (3, 4), {"size": 1}),
    ],
)
def test_the_constructor_refuses_what_torchs_refuses(name, args, kwargs):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        getattr(torch.nn, name)(*args, **kwargs)
    with pytest.raises(type(theirs.value)):
        getattr(nn, name)(*args, **kwargs)


# A module like any other


@pytest.mark.parametrize("name", LAYERS)
def test_it_can_be_copied_moved_and_called_with_other_parameters(name):
    theirs, ours = twins(name, 3, 4, 2, bidirectional=True)
    x = torch.randn(5, 2, 3)
    expected = theirs(x)[0]
    other = getattr(nn, name)(3, 4, 2, bidirectional=True)
    parameters = {key: tensor.clone().requires_grad_() for key, tensor in theirs.state_dict().items()}
    y = torch.func.functional_call(other, parameters, (x,))[0]
    y.sum().backward()
    torch.testing.assert_close(y, expected)
    assert all(tensor.grad is not None for tensor in parameters.values())
    assert all(parameter.grad is None for parameter in other.parameters())
    torch.testing.assert_close(copy.deepcopy(ours)(x)[0], expected)
    torch.testing.assert_close(ours.double()(x.double())[0], theirs.double()(x.double())[0])
    assert ours.to("meta")(x.double().to("meta"))[0].shape == expected.shape


def test_a_call_with_other_parameters_leaves_none_of_them_behind():
    ours = nn.GRU(3, 4)
    x = torch.randn(5, 2, 3)
    expected = ours(x)[0]
    torch.func.functional_call(ours, {key: 2 * tensor for key, tensor in ours.named_parameters()}, (x,))
    assert torch.equal(copy.deepcopy(ours)(x)[0], expected)  # a tensor with a history could not be copied
    assert all(weight.is_meta for cell in ours._cells for weight in cell.parameters())


def test_a_parametrised_weight_is_computed_at_each_call():
    theirs, ours = twins("GRU", 3, 4)
    for layer in (theirs, ours):
        torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])
    with torch.no_grad():
        for layer in (theirs, ours):
            layer.parametrizations.weight_hh_l0.original0.mul_(2)
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])


def test_an_optimizer_step_is_seen_by_the_next_call():
    theirs, ours = twins("LSTM", 3, 4, 2)
    x = torch.randn(5, 2, 3)
    for layer in (theirs, ours):
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        layer(x)[0].square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(ours(x)[0], theirs(x)[0])


def test_threads_can_share_a_layer():
    ours = nn.LSTM(3, 4, 2, bidirectional=True).eval()
    x = torch.randn(5, 2, 3)
    with torch.no_grad():
        expected = ours(x)[0]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: ours(x)[0].detach(), range(200)))
    assert all(torch.equal(result, expected) for result in results)


def test_the_layer_is_the_scan_of_its_cell():
    ours = nn.LSTM(3, 4, batch_first=True)
    x = torch.randn(2, 5, 3)
    y, (h, c) = ours(x)
    cell = cells.LSTM(3, 4)
    cell.load_state_dict({name.removesuffix("_l0"): weight for name, weight in ours.state_dict().items()})
    expected, final = scan(cell, x, LSTMState(torch.zeros(2, 4), torch.zeros(2, 4)))
    torch.testing.assert_close([y, h[0], c[0]], [expected, *final])


# The same refusals


def zeros(*shape, dtype=torch.float32):
    return torch.zeros(*shape, dtype=dtype)


def packed(*shape, ordered=True):
    lengths = torch.tensor([3, 2] if ordered else [2, 3])
    return pack_padded_sequence(zeros(*shape), lengths, enforce_sorted=ordered)


REFUSED = {
    "one dimension": (zeros(3), None),
    "four dimensions": (zeros(5, 2, 3, 1), None),
    "other features": (zeros(5, 2, 4), None),
    "other features without a batch": (zeros(5, 4), None),
    "another type": (zeros(5, 2, 3, dtype=torch.float64), None),
    "integers": (zeros(5, 2, 3, dtype=torch.int64), None),
    "no steps": (zeros(0, 2, 3), None),
    "no steps without a batch": (zeros(0, 3), None),
    "state without a batch": (zeros(5, 2, 3), zeros(2, 4)),
    "state with a batch": (zeros(5, 3), zeros(2, 1, 4)),
    "state of other rows": (zeros(5, 2, 3), zeros(2, 3, 4)),
    "state of other layers": (zeros(5, 2, 3), zeros(1, 2, 4)),
    "state of another size": (zeros(5, 2, 3), zeros(2, 2, 5)),
    "state of another size without a batch": (zeros(5, 3), zeros(2, 5)),
    "state of another type": (zeros(5, 2, 3), zeros(2, 2, 4, dtype=torch.float64)),
    "packed with other features": (packed(3, 2, 4), None),
    "packed with a state of other rows": (packed(3, 2, 3), zeros(2, 3, 4)),
    "packed with a state of other layers": (packed(3, 2, 3), zeros(1, 2, 4)),
    "packed out of order with a state of fewer rows": (packed(3, 2, 3, ordered=False), zeros(2, 1, 4)),
    "packed out of order with a state of another size": (packed(3, 2, 3, ordered=False), zeros(2, 2, 5)),
}


@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_torch_refuses_is_refused_with_the_same_type_and_a_reason(name, case, backend):
    theirs, ours = twins(name, 3, 4, 2, backend=backend)
    x, hidden = REFUSED[case]
    if name == "LSTM" and hidden is not None:
        hidden = (hidden, hidden)
    with pytest.raises(Exception) as expected:  # noqa: PT011
        theirs(x, hidden)
    with pytest.raises(type(expected.value)) as refused:
        ours(x, hidden)
    assert type(refused.value) is type(expected.value)
    assert len(str(refused.value)) > 20


@pytest.mark.parametrize("bad", [1, 0])
@pytest.mark.parametrize("proj_size", [0, 2])
def test_both_states_of_an_lstm_are_checked(bad, proj_size):
    theirs, ours = twins("LSTM", 3, 4, proj_size=proj_size)
    hidden = [torch.zeros(1, 2, proj_size or 4), torch.zeros(1, 2, 4)]
    ours(torch.zeros(5, 2, 3), tuple(hidden))
    hidden[bad] = torch.zeros(1, 2, 3)
    for layer in (theirs, ours):
        with pytest.raises(RuntimeError, match=rf"Expected hidden\[{bad}\] size"):
            layer(torch.zeros(5, 2, 3), tuple(hidden))


@pytest.mark.parametrize("hidden", [zeros(2, 1, 2, 4), (zeros(1, 2, 4),), (zeros(1, 2, 4),) * 3])
def test_an_lstm_needs_a_pair_of_states(hidden):
    with pytest.raises(RuntimeError, match="the pair"):
        nn.LSTM(3, 4)(zeros(5, 2, 3), hidden)
