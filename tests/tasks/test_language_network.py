"""The network of a LanguageModel: its three softmaxes, and each means of AWD-LSTM, in training only."""

import pytest
import torch

from ostinato.tasks.language.network import LanguageNetwork
from ostinato.tasks.language.settings import LanguageSettings
from ostinato.tasks.language.train import activation_loss

SIZES = {"hidden_size": 10, "embedding_size": 6, "num_layers": 2}


def network(units=30, seed=0, **changes):
    torch.manual_seed(seed)
    return LanguageNetwork(LanguageSettings(**SIZES | changes), units).double()


def text(batch=3, steps=9, units=30):
    ids = torch.randint(units, (batch, steps + 1), generator=torch.Generator().manual_seed(1))
    return ids[:, :-1], ids[:, 1:]


@pytest.mark.parametrize("softmax", ["full", "tied", "adaptive"])
@pytest.mark.parametrize("last_size", [None, 6])
def test_probabilities_sum_to_one_and_are_those_of_the_loss(softmax, last_size):
    reader = network(softmax=softmax, last_size=last_size).eval()
    x, y = text()
    reading = reader(x, y, each=True)
    state = None
    for step in range(x.shape[1]):
        scores, state = reader.following(x[:, step : step + 1], state)
        torch.testing.assert_close(scores.exp().sum(-1), torch.ones(3, dtype=torch.float64))
        torch.testing.assert_close(-scores.gather(1, y[:, step : step + 1])[:, 0], reading.nats[:, step])
    for one, other in zip(state, reading.state, strict=True):
        torch.testing.assert_close(tuple(one), tuple(other))


@pytest.mark.parametrize("softmax", ["full", "tied", "adaptive"])
def test_the_sum_is_that_of_each_unit_value_and_gradients(softmax):
    reader, batch = network(softmax=softmax), text()
    together, each = reader(*batch).nats, reader(*batch, each=True).nats
    torch.testing.assert_close(together, each.sum())
    weights = list(reader.parameters())
    theirs = torch.autograd.grad(each.sum(), weights)
    torch.testing.assert_close(torch.autograd.grad(together, weights), theirs)


def test_rows_of_different_lengths_are_continued_as_if_alone():
    reader = network(softmax="tied").eval()
    x, _ = text()
    lengths = torch.tensor([9, 4, 1])
    together, states = reader.following(x, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, state = reader.following(x[row : row + 1, :length])
        torch.testing.assert_close(together[row : row + 1], alone)
        torch.testing.assert_close(states[0].h[row : row + 1], state[0].h)


def test_ids_of_any_integer_type_are_read():
    reader = network().eval()
    x, y = text()
    expected = reader(x, y, each=True).nats
    for dtype in (torch.uint8, torch.int16, torch.int32):
        assert torch.equal(reader(x.to(dtype), y.to(dtype), each=True).nats, expected)


def test_tied_weights_are_the_embedding_with_a_map_where_sizes_differ():
    same = network(softmax="tied", last_size=6)
    assert same.softmax.weight is same.embedding.weight
    assert isinstance(same.narrow, torch.nn.Identity)
    other = network(softmax="tied")
    assert (other.narrow.in_features, other.narrow.out_features) == (10, 6)
    full = network(softmax="full")
    assert full.softmax.weight is not full.embedding.weight


def test_the_last_layer_may_have_a_size_of_its_own():
    assert [cell.output_size for cell in network(num_layers=3, last_size=4).recurrent.cells] == [10, 10, 4]


@pytest.mark.parametrize("means", ["embedding_dropout", "input_dropout", "dropout", "output_dropout", "weight_drop"])
def test_each_dropout_acts_in_training_only(means):
    plain, dropping = network(), network(**{means: 0.5})
    x, y = text()
    expected = plain.eval()(x, y, each=True).nats
    torch.testing.assert_close(dropping.eval()(x, y, each=True).nats, expected)
    dropping.train()
    torch.manual_seed(1)
    first, second = dropping(x, y, each=True).nats, dropping(x, y, each=True).nats
    assert not torch.allclose(first, expected)
    assert not torch.allclose(first, second)


def test_locked_dropout_drops_the_same_features_at_every_step():
    dropping = network(output_dropout=0.5).train()
    reading = dropping(*text())
    kept = reading.dropped / reading.outputs
    assert set(kept.round(decimals=6).unique().tolist()) == {0.0, 2.0}
    assert (kept == kept[:, :1]).all()


def test_activation_regularisation_is_the_mean_square_of_what_the_softmax_reads():
    reading = network(output_dropout=0.5).train()(*text())
    settings = LanguageSettings(activation_regularisation=2.0)
    torch.testing.assert_close(activation_loss(settings, reading), 2 * reading.dropped.square().mean())


def test_temporal_regularisation_is_the_mean_square_of_the_change():
    reading = network(output_dropout=0.5).train()(*text())
    settings = LanguageSettings(temporal_regularisation=3.0)
    change = torch.stack([reading.outputs[:, t + 1] - reading.outputs[:, t] for t in range(8)])
    torch.testing.assert_close(activation_loss(settings, reading), 3 * change.square().mean())
    assert activation_loss(settings, network()(*text(steps=1))) == 0
    assert activation_loss(LanguageSettings(), reading) == 0


@pytest.mark.parametrize("backend", ["reference", "aten", "auto"])
def test_every_backend_reads_alike(backend):
    x, y = text()
    torch.testing.assert_close(
        network(backend=backend).eval()(x, y, each=True).nats, network(backend="reference").eval()(x, y, each=True).nats
    )
