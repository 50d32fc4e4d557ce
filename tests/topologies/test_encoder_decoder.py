"""A sequence in, another sequence out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.cells import CELLS, GRU, LSTM, Elman
from ostinato.nn import Recurrent
from ostinato.topologies import EncoderDecoder, EncoderOutput, select_rows

law = settings(deadline=None, derandomize=True, max_examples=12)
every_attention = pytest.mark.parametrize("attention", [None, "additive", "multiplicative", "scaled_multiplicative"])


def translator(
    attention=None, *, cell=LSTM, bidirectional=True, encoder_layers=1, decoder_layers=2, input_feeding=True
):
    """Reads 3 features, writes 2, is fed 2."""
    torch.manual_seed(0)
    encoder = Recurrent(cell, 3, 4, num_layers=encoder_layers, bidirectional=bidirectional)
    context = encoder.output_size if attention and input_feeding else 0
    decoder = Recurrent(cell, 2 + context, 5, num_layers=decoder_layers)
    return EncoderDecoder(encoder, decoder, 2, attention=attention, input_feeding=input_feeding).double()


def padded(x, lengths):
    return x.masked_fill((torch.arange(x.shape[1]) >= torch.tensor(lengths)[:, None])[..., None], torch.nan)


@every_attention
@law
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=4),
)
def test_rows_of_varying_lengths_are_what_they_are_alone(attention, rows):
    net = translator(attention)
    lengths, target_lengths = (list(column) for column in zip(*rows, strict=True))
    x = padded(torch.randn(len(rows), 5, 3).double(), lengths)
    targets = padded(torch.randn(len(rows), 4, 2).double(), target_lengths)

    y = net(x, targets, lengths=torch.tensor(lengths), target_lengths=torch.tensor(target_lengths))

    assert y.shape == (len(rows), 4, 2)
    for row, (length, steps) in enumerate(rows):
        one = slice(row, row + 1)
        torch.testing.assert_close(y[one, :steps], net(x[one, :length], targets[one, :steps]))
        assert not y[row, steps:].any()


@every_attention
def test_no_gradient_reaches_the_padding_and_none_is_broken_by_it(attention):
    net, lengths, target_lengths = translator(attention), [5, 0, 2], [4, 3, 0]
    x = padded(torch.randn(3, 5, 3).double(), lengths).requires_grad_()
    targets = padded(torch.randn(3, 4, 2).double(), target_lengths).requires_grad_()

    y = net(x, targets, lengths=torch.tensor(lengths), target_lengths=torch.tensor(target_lengths))
    y.square().sum().backward()

    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    for tensor, valid in ((x, lengths), (targets, target_lengths)):
        assert not tensor.grad[torch.arange(tensor.shape[1]) >= torch.tensor(valid)[:, None]].any()
    assert x.grad[0].any(-1).all()


@every_attention
def test_what_was_read_once_can_be_written_from_again(attention):
    net, lengths, target_lengths = translator(attention), torch.tensor([5, 2, 0]), torch.tensor([4, 0, 2])
    x, targets = torch.randn(3, 5, 3).double(), torch.randn(3, 4, 2).double()

    memory = net.encode(x, lengths)

    for inputs in (targets, -targets):
        whole = net(x, inputs, lengths=lengths, target_lengths=target_lengths)
        torch.testing.assert_close(net.decode(memory, inputs, lengths=target_lengths), whole)


def test_without_attention_each_step_can_be_a_row_that_starts_from_a_state_of_its_own():
    net = translator()
    x, targets = torch.randn(3, 5, 3).double(), torch.randn(3, 4, 2).double()
    memory = net.encode(x)

    apart = tuple(type(state)(*(tensor.repeat_interleave(4, 0) for tensor in state)) for state in memory.state)
    written = net.decode(memory._replace(state=apart), targets.view(12, 1, 2))

    for t in range(4):
        torch.testing.assert_close(written.view(3, 4, 2)[:, t], net(x, targets[:, t, None])[:, 0])


@every_attention
def test_dropout_acts_on_what_the_output_reads_in_training_only(attention):
    net = translator(attention)
    x, targets = torch.randn(3, 5, 3).double(), torch.randn(3, 4, 2).double()
    plain = net(x, targets)
    net.dropout.p = 0.5

    assert not torch.equal(net(x, targets), net(x, targets))
    net.eval()
    torch.testing.assert_close(net(x, targets), plain)


@every_attention
def test_teacher_forcing_is_stepping_with_the_same_inputs(attention):
    net, lengths = translator(attention), torch.tensor([5, 2, 0])
    x, targets = torch.randn(3, 5, 3).double(), torch.randn(3, 4, 2).double()

    memory, carry, outputs = net.encode(x, lengths), None, []
    for y in targets.unbind(1):
        output, carry, _ = net.step(y, memory, carry)
        outputs.append(output)

    torch.testing.assert_close(net(x, targets, lengths=lengths), torch.stack(outputs, 1))


@every_attention
@pytest.mark.parametrize("every_row", [True, False])
def test_generating_is_teacher_forcing_with_its_own_outputs(attention, every_row):
    net, lengths = translator(attention), torch.tensor([5, 2, 0])
    x = torch.randn(3, 5, 3).double()
    first = torch.randn(3, 2).double() if every_row else torch.ones(2).double()

    written = net.generate(x, 6, lengths=lengths, first=first)

    inputs = torch.cat([first.expand(3, 2)[:, None], written[:, :-1]], 1)
    torch.testing.assert_close(net(x, inputs, lengths=lengths), written)


def test_what_is_fed_back_can_be_made_of_the_output():
    net, x, first = translator(), torch.randn(3, 5, 3).double(), torch.zeros(3, 2).double()

    written = net.generate(x, 4, first=first, feedback=lambda output: output.round())

    inputs = torch.cat([first[:, None], written[:, :-1].round()], 1)
    torch.testing.assert_close(net(x, inputs), written)


@pytest.mark.parametrize("attention", ["additive", "multiplicative", "scaled_multiplicative"])
def test_attention_reads_valid_steps_only_and_is_fed_to_the_next_step(attention):
    net, lengths = translator(attention), torch.tensor([5, 2, 0])
    x, y = torch.randn(3, 5, 3).double(), torch.randn(3, 2).double()

    memory = net.encode(x, lengths)
    first, carry, weights = net.step(y, memory)

    torch.testing.assert_close(weights.sum(-1), torch.tensor([1.0, 1.0, 0.0]).double())
    assert not weights[torch.arange(5) >= lengths[:, None]].any()
    torch.testing.assert_close(carry.context, (weights[..., None] * memory.keys).sum(1))
    h, state = net.decoder(torch.cat([y, torch.zeros(3, 8).double()], 1)[:, None], memory.state)
    torch.testing.assert_close(first, net.output(torch.cat([h[:, 0], carry.context], 1)))
    h, _ = net.decoder(torch.cat([y, carry.context], 1)[:, None], state)
    second, later, _ = net.step(y, memory, carry)
    torch.testing.assert_close(second, net.output(torch.cat([h[:, 0], later.context], 1)))


@pytest.mark.parametrize("attention", ["additive", "multiplicative", "scaled_multiplicative"])
@law
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=4))
def test_without_input_feeding_all_steps_at_once_are_the_steps_one_by_one_gradients_too(attention, rows):
    net = translator(attention, input_feeding=False)
    lengths, target_lengths = (torch.tensor(column) for column in zip(*rows, strict=True))
    x, targets = torch.randn(len(rows), 5, 3).double(), torch.randn(len(rows), 4, 2).double()

    def gradients(y):
        net.zero_grad()
        (y * (torch.arange(4) < target_lengths[:, None])[..., None]).square().sum().backward()
        return [parameter.grad.clone() for parameter in net.parameters()]

    at_once = net(x, targets, lengths=lengths, target_lengths=target_lengths)
    memory, carry, outputs = net.encode(x, lengths), None, []
    for y in targets.unbind(1):
        output, carry, weights = net.step(y, memory, carry)
        outputs.append(output)
        assert weights.shape == (len(rows), 5)
        assert carry.context is None
    one_by_one = torch.stack(outputs, 1)

    for row, steps in enumerate(target_lengths):
        torch.testing.assert_close(at_once[row, :steps], one_by_one[row, :steps])
        assert not at_once[row, steps:].any()
    torch.testing.assert_close(gradients(at_once), gradients(one_by_one))


def test_input_feeding_is_the_decoder_fed_with_what_it_read_before():
    fed, plain = translator("multiplicative"), translator("multiplicative", input_feeding=False)
    with torch.no_grad():  # the same weights, but for those that read the context, which are zero
        for name, weights in plain.state_dict().items():
            mine = fed.state_dict()[name]
            mine.zero_()
            mine[tuple(slice(size) for size in weights.shape)] = weights
    x, targets = torch.randn(3, 5, 3).double(), torch.randn(3, 4, 2).double()

    torch.testing.assert_close(fed(x, targets), plain(x, targets))
    assert fed.target_size == plain.target_size == 2


def test_without_attention_there_are_no_weights_and_no_context():
    net = translator()

    _, carry, weights = net.step(torch.zeros(3, 2).double(), net.encode(torch.randn(3, 5, 3).double()))

    assert (carry.context, weights) == (None, None)


def test_a_memory_and_a_carry_can_be_reordered_by_row_for_a_beam():
    net, order = translator("additive"), torch.tensor([2, 0, 0])
    memory = net.encode(torch.randn(3, 5, 3).double(), torch.tensor([5, 2, 0]))
    _, carry, _ = net.step(torch.zeros(3, 2).double(), memory)

    y = torch.randn(3, 2).double()
    torch.testing.assert_close(
        net.step(y[order], select_rows(memory, order), select_rows(carry, order))[0],
        net.step(y, memory, carry)[0][order],
    )
    assert isinstance(select_rows(memory, order), EncoderOutput)


def test_where_layers_agree_the_state_passes_as_it_is():
    torch.manual_seed(0)
    net = EncoderDecoder(Recurrent(LSTM, 3, 4, num_layers=2), Recurrent(LSTM, 2, 4, num_layers=2), 2)
    x = torch.randn(3, 5, 3)

    assert not list(net.bridge.parameters())
    torch.testing.assert_close(net.encode(x).state, net.encoder(x)[1], rtol=0, atol=0)


def test_one_network_can_be_both():
    torch.manual_seed(0)
    both = Recurrent(GRU, 3, 4)
    net = EncoderDecoder(both, both, 2)
    x, z = torch.randn(2, 5, 3), torch.randn(2, 4, 3)

    torch.testing.assert_close(net(x, z), net.output(both(torch.cat([x, z], 1))[0][:, 5:]))


@pytest.mark.parametrize(("encoder_layers", "decoder_layers"), [(1, 1), (1, 3), (3, 1), (2, 3)])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_layers_are_matched_from_the_top_and_every_state_is_learned(encoder_layers, decoder_layers, bidirectional):
    net = translator(bidirectional=bidirectional, encoder_layers=encoder_layers, decoder_layers=decoder_layers)
    final = list(net.encoder(torch.randn(2, 5, 3).double())[1])
    directions = 2 if bidirectional else 1

    started = net.bridge(tuple(final))

    for from_top in range(decoder_layers):
        top = (encoder_layers - 1 - min(from_top, encoder_layers - 1)) * directions
        source = torch.cat([tensor for state in final[top : top + directions] for tensor in state], -1)
        expected = net.bridge.maps[-1 - from_top].linear(source).chunk(2, -1)
        torch.testing.assert_close(tuple(started[-1 - from_top]), expected)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_every_cell_can_read_and_write(cell):
    net = translator("multiplicative", cell=cell)

    y = net(torch.randn(2, 5, 3).double(), torch.randn(2, 4, 2).double())
    y.square().sum().backward()

    assert y.shape == (2, 4, 2)
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_one_cell_can_read_for_another():
    torch.manual_seed(0)
    net = EncoderDecoder(Recurrent(LSTM, 3, 4), Recurrent(GRU, 2, 4), 2)
    x = torch.randn(2, 5, 3, requires_grad=True)

    net(x, torch.randn(2, 4, 2)).sum().backward()

    assert x.grad.all()


@every_attention
def test_without_rows_steps_or_anything_to_read_shapes_hold(attention):
    net = translator(attention)

    assert net(torch.zeros(0, 5, 3).double(), torch.zeros(0, 4, 2).double()).shape == (0, 4, 2)
    assert net(torch.zeros(2, 5, 3).double(), torch.zeros(2, 0, 2).double()).shape == (2, 0, 2)
    assert net(torch.zeros(2, 0, 3).double(), torch.zeros(2, 4, 2).double()).isfinite().all()


@pytest.mark.parametrize("attention", [None, "multiplicative"])
def test_it_learns_to_write_backwards_what_it_read(attention):
    torch.manual_seed(0)
    symbols, time = 4, 4
    encoder = Recurrent(GRU, symbols, 24)
    decoder = Recurrent(GRU, symbols + (24 if attention else 0), 24)
    net = EncoderDecoder(encoder, decoder, symbols, attention=attention)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)

    def batch(rows):
        sequence = torch.randint(symbols, (rows, time))
        one_hot = torch.nn.functional.one_hot(sequence, symbols).float()
        backwards = one_hot.flip(1)
        start = torch.zeros(rows, 1, symbols)
        return one_hot, torch.cat([start, backwards[:, :-1]], 1), sequence.flip(1)

    for _ in range(100):
        x, inputs, target = batch(64)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x, inputs).transpose(1, 2), target).backward()
        optimiser.step()

    x, _, target = batch(200)
    written = net.generate(
        x,
        time,
        first=torch.zeros(symbols),
        feedback=lambda output: torch.nn.functional.one_hot(output.argmax(-1), symbols).float(),
    )
    assert (written.argmax(-1) == target).float().mean() > 0.7  # chance is 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EncoderDecoder(Recurrent(GRU, 3, 4), Recurrent(GRU, 2, 4, bidirectional=True), 2), "bidirectional"),
        (lambda: EncoderDecoder(Recurrent(GRU, 3, 4), Recurrent(GRU, 2, 4), 0), "output_size must be at least 1"),
        (
            lambda: EncoderDecoder(Recurrent(GRU, 3, 4), Recurrent(GRU, 2, 4), 2, attention="dot"),
            "attention must be None or one of additive, multiplicative, scaled_multiplicative, got 'dot'",
        ),
        (
            lambda: EncoderDecoder(Recurrent(GRU, 3, 4), Recurrent(GRU, 4, 4), 2, attention="additive"),
            "decoder takes 4 features, but the context alone has 4",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


X, Z = torch.zeros(2, 5, 3), torch.zeros(2, 4, 2)


@every_attention
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": X[..., :2], "targets_in": Z}, r"x must be \(batch, time, 3\)"),
        ({"x": X, "targets_in": Z[..., :1]}, r"targets_in must be \(2, steps, 2\), got \(2, 4, 1\)"),
        ({"x": X, "targets_in": Z[:1]}, r"targets_in must be \(2, steps, 2\), got \(1, 4, 2\)"),
        ({"x": X, "targets_in": Z[0]}, r"targets_in must be \(2, steps, 2\), got \(4, 2\)"),
        ({"x": X, "targets_in": Z, "lengths": torch.tensor([5, 6])}, "lengths must lie between 0 and 5"),
        ({"x": X, "targets_in": Z, "target_lengths": torch.tensor([4, 5])}, "target_lengths must lie between 0 and 4"),
        ({"x": X, "targets_in": Z, "target_lengths": torch.tensor([-1, 4])}, "target_lengths must lie between 0 and 4"),
        ({"x": X, "targets_in": Z, "target_lengths": torch.tensor([4])}, "target_lengths must be 2 integers"),
        ({"x": X, "targets_in": Z, "target_lengths": torch.tensor([4.0, 1.0])}, "target_lengths must be 2 integers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(attention, arguments, message):
    with pytest.raises(ValueError, match=message):
        translator(attention).float()(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0, "first": torch.zeros(2)}, "steps must be at least 1, got 0"),
        ({"steps": 3, "first": torch.zeros(3)}, r"first must be \(2, 2\), got \(3,\)"),
        ({"steps": 3, "first": torch.zeros(1, 2)}, r"first must be \(2, 2\), got \(1, 2\)"),
        ({"steps": 3, "first": torch.zeros(2), "feedback": lambda y: y[:, :1]}, r"y must be \(2, 2\), got \(2, 1\)"),
    ],
)
def test_generating_from_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        translator(cell=Elman).float().generate(X, **arguments)
