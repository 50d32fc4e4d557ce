"""The feed-forward network."""

import pytest
import torch

from ostinato.topologies import OneToOne

FUNCTIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "sigmoid": torch.sigmoid,
}


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_it_is_its_equation(activation):
    torch.manual_seed(0)
    net = OneToOne(3, [5, 4], 2, activation=activation)
    x = torch.randn(6, 3)
    first, second = (layer for layer in net.hidden if isinstance(layer, torch.nn.Linear))

    f = FUNCTIONS[activation]
    hidden = f(f(x @ first.weight.T + first.bias) @ second.weight.T + second.bias)
    torch.testing.assert_close(net(x), hidden @ net.output.weight.T + net.output.bias)


@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 4, 2), (0,), ()])
def test_every_vector_is_mapped_by_itself_whatever_stands_before_the_features(shape):
    torch.manual_seed(0)
    net, x = OneToOne(3, [5], 2), torch.randn(*shape, 3)

    y = net(x)

    assert y.shape == (*shape, 2)
    torch.testing.assert_close(y.view(-1, 2), torch.stack([net(row) for row in x.view(-1, 3)]) if y.numel() else y)


def test_without_hidden_layers_it_is_linear():
    torch.manual_seed(0)
    net = OneToOne(3, [], 2)
    u, v = torch.randn(2, 4, 3)

    torch.testing.assert_close(net(u + v) + net(torch.zeros(4, 3)), net(u) + net(v))


def test_dropout_acts_in_training_only():
    torch.manual_seed(0)
    net, x = OneToOne(3, [64], 2, dropout=0.5), torch.randn(4, 3)

    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_it_learns_what_no_linear_map_can():
    torch.manual_seed(0)
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    either = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    net = OneToOne(2, [8], 1, activation="tanh")
    optimiser = torch.optim.Adam(net.parameters(), 0.05)

    for _ in range(200):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(net(x), either).backward()
        optimiser.step()

    assert ((net(x) > 0.5) == (either > 0.5)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": 0, "hidden_sizes": [4], "output_size": 2}, r"at least 1, got \[0, 4, 2\]"),
        ({"input_size": 3, "hidden_sizes": [4, 0], "output_size": 2}, r"at least 1, got \[3, 4, 0, 2\]"),
        ({"input_size": 3, "hidden_sizes": [], "output_size": 0}, r"at least 1, got \[3, 0\]"),
        (
            {"input_size": 3, "hidden_sizes": [4], "output_size": 2, "activation": "swish"},
            "relu, tanh, gelu, sigmoid",
        ),
        ({"input_size": 3, "hidden_sizes": [4], "output_size": 2, "dropout": 1.0}, r"probability in \[0, 1\), got 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        OneToOne(**arguments)


def test_an_input_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"x must be \(batch, \.\.\., 3\), got \(2, 4\)"):
        OneToOne(3, [5], 2)(torch.zeros(2, 4))
