"""What torch asks of its own recurrent layers, asked of the drop-ins."""

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence

from ostinato import nn
from ostinato.cells import Elman
from ostinato.nn import Recurrent

LAYERS = ["RNN", "GRU", "LSTM"]
CLOSE = {"rtol": 0, "atol": 1e-12}

every_layer = pytest.mark.parametrize("name", LAYERS)


def twins(name, *args, **kwargs):
    """Torch's layer and ours with the same weights."""
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def flat(result):
    output, hidden = result
    return [output, *(hidden if isinstance(hidden, tuple) else (hidden,))]


# What is refused, and how

MISTAKES = {
    "no units": ((10, 0), {}),
    "no features": ((0, 5), {}),
    "no layers": ((10, 10, 0), {}),
    "features that are no whole number": ((3.0, 5), {}),
    "features that are a text": (("10", 5), {}),
    "units that are no whole number": ((3, 5.0), {}),
    "a bias that is a number": ((3, 5), {"bias": 0}),
    "a bias that is a text": ((3, 5), {"bias": "True"}),
    "batch_first that is a number": ((3, 5), {"batch_first": 1}),
    "batch_first that is a text": ((3, 5), {"batch_first": "False"}),
    "a dropout above one": ((3, 5), {"dropout": 1.5}),
    "a dropout below zero": ((3, 5), {"dropout": -0.1}),
    "a dropout that is a truth": ((3, 5), {"dropout": True}),
    "an unknown type of number": ((3, 5), {"dtype": torch.int64}),
}


@every_layer
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_constructor_raises_what_torchs_raises(name, mistake):
    args, kwargs = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError, RuntimeError)) as expected:
        getattr(torch.nn, name)(*args, **kwargs)
    with pytest.raises(type(expected.value)) as refused:
        getattr(nn, name)(*args, **kwargs)
    assert str(refused.value) == str(expected.value)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("RNN", {"proj_size": 2}),
        ("GRU", {"proj_size": 2}),
        ("LSTM", {"proj_size": -1}),
        ("LSTM", {"proj_size": 5}),
        ("RNN", {"nonlinearity": "sigmoid"}),
    ],
)
def test_what_one_layer_only_refuses_is_refused_in_torchs_words(name, settings):
    with pytest.raises(ValueError) as expected:  # noqa: PT011
        getattr(torch.nn, name)(3, 5, **settings)
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        getattr(nn, name)(3, 5, **settings)
    assert str(refused.value) == str(expected.value)


REFUSED = {
    "no steps": (torch.zeros(0, 2, 3), None),
    "a state without a batch": (torch.zeros(5, 2, 3), torch.zeros(2, 4)),
    "a state with a batch": (torch.zeros(5, 3), torch.zeros(2, 1, 4)),
    "a state of other rows": (torch.zeros(5, 2, 3), torch.zeros(2, 3, 4)),
    "another type": (torch.zeros(5, 2, 3).double(), None),
    "other features": (torch.zeros(5, 2, 4), None),
}


@every_layer
@pytest.mark.parametrize("case", REFUSED)
def test_the_message_of_a_refusal_says_what_torchs_says(name, case):
    x, hidden = REFUSED[case]
    hidden = (hidden, hidden) if name == "LSTM" and hidden is not None else hidden
    theirs, ours = twins(name, 3, 4, 2)
    with pytest.raises((RuntimeError, ValueError)) as expected:
        theirs(x, hidden)
    with pytest.raises(type(expected.value)) as refused:
        ours(x, hidden)
    said = set(str(expected.value).replace("(", "").replace(")", "").replace(",", "").split())
    missing = said - set(str(refused.value).replace("(", "").replace(")", "").replace(",", "").split())
    assert missing <= {"tensor", "tensors", "RNN", name}


@every_layer
@pytest.mark.parametrize("backend", ["auto", "cpp", "aten", "reference"])
def test_a_layer_and_its_input_on_two_devices_are_refused(name, backend):
    x = torch.zeros(5, 2, 3)
    layer = getattr(nn, name)(3, 4, device="meta", backend=backend)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        layer(x)
    state = torch.zeros(1, 2, 4, device="meta")
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        getattr(nn, name)(3, 4, backend=backend)(x, (state, state) if name == "LSTM" else state)


# A module like torch's


@every_layer
def test_dropout_with_one_layer_warns_and_without_dropout_nothing_does(name):
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        getattr(nn, name)(3, 4, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(nn, name)(3, 4, 2, dropout=0.5)
        getattr(nn, name)(3, 4)


@every_layer
def test_one_seed_gives_torchs_dropout_again_and_evaluation_draws_nothing(name):
    theirs, ours = twins(name, 3, 4, 3, dropout=0.5, dtype=torch.float64)
    x, results = torch.randn(5, 2, 3, dtype=torch.float64), []
    for layer in (theirs, ours, ours):
        torch.manual_seed(2)
        results.append([*flat(layer(x)), torch.rand(2)])
    torch.testing.assert_close(results[1], results[0], **CLOSE)
    torch.testing.assert_close(results[2], results[1], **CLOSE)
    generator = torch.get_rng_state()
    ours.eval()(x)
    assert torch.equal(torch.get_rng_state(), generator)


@every_layer
@pytest.mark.parametrize(
    "normed", [torch.nn.utils.weight_norm, parametrizations.weight_norm, parametrizations.spectral_norm]
)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
def test_normed_weights_give_torchs_results_and_gradients(name, normed):
    theirs, ours = twins(name, 3, 4, 2, dtype=torch.float64)
    for layer in (theirs, ours):
        torch.manual_seed(0)
        normed(layer, "weight_hh_l0")
    x, found = torch.randn(5, 2, 3, dtype=torch.float64), []
    for layer in (theirs, ours):
        result = flat(layer.eval()(x))
        found.append([*result, *torch.autograd.grad(result[0].square().sum(), [*layer.parameters()])])
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]
    torch.testing.assert_close(found[1], found[0], **CLOSE)


@every_layer
def test_copies_of_every_kind_give_the_same(name):
    theirs, ours = twins(name, 3, 4, 2, bidirectional=True)
    x, file = torch.randn(5, 2, 3), io.BytesIO()
    torch.save(ours, file)
    file.seek(0)
    copies = [
        pickle.loads(pickle.dumps(ours)),
        torch.load(file, weights_only=False),
        copy.deepcopy(ours),
        copy.copy(ours),
    ]
    for layer in copies:
        torch.testing.assert_close(flat(layer(x)), flat(ours(x)), rtol=0, atol=0)
        assert repr(layer) == repr(theirs)
    with torch.no_grad():
        copies[0].weight_hh_l0.zero_()
    assert not torch.equal(copies[0](x)[0], ours(x)[0])


@every_layer
def test_weights_are_drawn_anew_flattened_and_listed_as_torchs(name):
    theirs, ours = twins(name, 3, 4, 2, bidirectional=True)
    for layer in (theirs, ours):
        torch.manual_seed(3)
        layer.reset_parameters()
        layer.flatten_parameters()
    assert [len(weights) for weights in ours.all_weights] == [4] * 4
    torch.testing.assert_close(ours.all_weights, theirs.all_weights, rtol=0, atol=0)
    assert ours.all_weights[0][0] is ours.weight_ih_l0


@every_layer
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_factory_keywords_and_to_give_the_type(name, dtype):
    x = torch.randn(5, 2, 3).to(dtype)
    for layer in (getattr(nn, name)(3, 4, 2, dtype=dtype), getattr(nn, name)(3, 4, 2).to(dtype)):
        assert {weight.dtype for weight in layer.parameters()} == {dtype}
        assert {tensor.dtype for tensor in flat(layer(x))} == {dtype}
    assert {weight.device.type for weight in getattr(nn, name)(3, 4, device="meta").parameters()} == {"meta"}


@every_layer
def test_weights_in_shared_memory_are_those_of_the_layer(name):
    ours = getattr(nn, name)(3, 4).share_memory()
    assert all(weight.is_shared() for weight in ours.parameters())
    assert ours(torch.zeros(5, 2, 3))[0].shape == (5, 2, 4)


@every_layer
def test_a_weight_replaced_is_the_one_that_counts(name):
    theirs, ours = twins(name, 3, 4)
    weight = torch.nn.Parameter(torch.randn_like(ours.weight_hh_l0))
    for layer in (theirs, ours):
        layer.weight_hh_l0 = weight
    x = torch.randn(5, 2, 3)
    torch.testing.assert_close(flat(ours(x)), flat(theirs(x)))


@pytest.mark.parametrize("name", ["RNN", "GRU"])
def test_under_autocast_the_state_of_one_call_goes_into_the_next(name):
    theirs, ours = twins(name, 8, 8, 2)
    x = torch.randn(5, 2, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for layer in (theirs, ours):
            _, state = layer(x)
            result = flat(layer(x, state))
            if layer is theirs:
                expected = result
    assert [tensor.dtype for tensor in result] == [tensor.dtype for tensor in expected]
    torch.testing.assert_close(result, expected, rtol=0.02, atol=0.02)


@every_layer
@pytest.mark.parametrize("batch_first", [True, False])
def test_a_residual_added_in_place_to_the_output_has_torchs_gradient(name, batch_first):
    found = []
    layers = twins(name, 4, 4, dtype=torch.float64, batch_first=batch_first)
    x = torch.randn(5, 2, 4, dtype=torch.float64, requires_grad=True)
    for layer in layers:
        out, _ = layer(x)
        out += x
        found.append(torch.autograd.grad(out.square().sum(), [x, *layer.parameters()]))
    torch.testing.assert_close(found[1], found[0], **CLOSE)


@every_layer
@pytest.mark.parametrize("lengths", [[5, 0, 2], (5, 0, 2)])
def test_lengths_are_taken_as_a_list_or_a_tuple(name, lengths):
    layer, stack = getattr(nn, name)(3, 4, 2, batch_first=True), Recurrent(Elman, 3, 3, residual=True)
    x = torch.randn(3, 5, 3)
    for module in (layer, stack):
        torch.testing.assert_close(module(x, lengths=lengths), module(x, lengths=torch.tensor(lengths)))
    with pytest.raises(ValueError, match="lengths must be 3 integers"):
        layer(x, lengths=[5.0, 0.0, 2.0])
    with pytest.raises(ValueError, match="lengths must be 3 integers"):
        stack(x, lengths=[5, 2])


# In one graph


@pytest.fixture
def dynamo():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@every_layer
def test_one_graph_serves_every_batch_time_and_lengths(dynamo, name):
    layer = getattr(nn, name)(3, 4, 2, bidirectional=True, dtype=torch.float64)
    counter = CompileCounterWithBackend("aot_eager")
    whole = torch.compile(layer, backend=counter, fullgraph=True)
    for batch, steps in ((2, 5), (3, 7), (4, 6)):
        x = torch.randn(steps, batch, 3, dtype=torch.float64, requires_grad=True)
        lengths = torch.randint(0, steps + 1, (batch,))
        for tensor, dims in ((x, (0, 1)), (lengths, (0,))):
            torch._dynamo.mark_dynamic(tensor, dims)
        found = []
        for run in (layer, whole):
            result = flat(run(x, lengths=lengths))
            found.append(
                [*result, *torch.autograd.grad(sum(t.square().sum() for t in result), [x, *layer.parameters()])]
            )
        torch.testing.assert_close(found[1], found[0], **CLOSE)
    assert counter.frame_count == 1


@every_layer
def test_states_rows_alone_dropout_and_normed_weights_are_in_the_graph(dynamo, name):
    layer = getattr(nn, name)(3, 4, 2, dropout=0.5)
    parametrizations.weight_norm(layer, "weight_hh_l0")
    whole = torch.compile(layer, backend="aot_eager", fullgraph=True)
    assert whole(torch.randn(5, 2, 3))[0].shape == (5, 2, 4)
    layer.eval()
    for x in (torch.randn(5, 2, 3), torch.randn(5, 3)):
        _, state = layer(x)
        torch.testing.assert_close(flat(whole(x, state)), flat(layer(x, state)))


@every_layer
def test_other_weights_in_the_graph_leave_none_behind(dynamo, name):
    layer, other, x = getattr(nn, name)(3, 4), getattr(nn, name)(3, 4), torch.randn(5, 2, 3)
    before = layer(x)[0]
    weights = dict(other.named_parameters())
    whole = torch.compile(
        lambda weights, x: torch.func.functional_call(layer, weights, (x,))[0], backend="aot_eager", fullgraph=True
    )
    torch.testing.assert_close(whole(weights, x), other(x)[0])
    torch.testing.assert_close(layer(x)[0], before)


def test_a_packed_sequence_breaks_the_graph_and_gives_the_same(dynamo):
    layer = nn.GRU(3, 4)
    packed = pack_padded_sequence(torch.randn(5, 2, 3), torch.tensor([5, 2]))
    torch.testing.assert_close(torch.compile(layer, backend="eager")(packed)[0].data, layer(packed)[0].data)
