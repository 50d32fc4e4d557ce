"""Dropout for sequences: masks that last for a row, or for a unit of the vocabulary."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import LockedDropout, TokenEmbedding

law = settings(deadline=None, derandomize=True, max_examples=20)
chances = st.sampled_from([0.1, 0.5, 0.9])


# Locked dropout


@law
@given(p=chances, batch=st.integers(0, 4), time=st.integers(0, 5))
def test_a_row_has_one_mask_for_all_of_its_steps(p, batch, time):
    mask = LockedDropout(p)(torch.ones(batch, time, 64))
    assert mask.shape == (batch, time, 64)
    assert torch.equal(mask, mask[:, :1].expand_as(mask))
    assert ((mask == 0) | ((mask - 1 / (1 - p)).abs() < 1e-6)).all()


def test_rows_have_masks_of_their_own():
    torch.manual_seed(0)
    first, second = LockedDropout(0.5)(torch.ones(2, 1, 64))
    assert not torch.equal(first, second)


def test_the_expectation_is_the_input():
    torch.manual_seed(0)
    x = torch.randn(1, 1, 8).expand(20_000, 2, 8)
    torch.testing.assert_close(LockedDropout(0.3)(x).mean(0), x[0], rtol=0, atol=0.05)


def test_gradients_go_where_values_went():
    x = torch.ones(2, 3, 8, requires_grad=True)
    y = LockedDropout(0.5)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_at_evaluation_and_without_a_chance_nothing_changes():
    x = torch.randn(2, 3, 4)
    assert LockedDropout(0.9).eval()(x) is x
    assert LockedDropout(0.0)(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.0, 2.0, float("nan")])
def test_a_chance_out_of_range_is_refused(p):
    with pytest.raises(ValueError, match=r"must be a probability in \[0, 1\)"):
        LockedDropout(p)
    with pytest.raises(ValueError, match=r"must be a probability in \[0, 1\)"):
        TokenEmbedding(3, 2, dropout=p)


# Embedding


@law
@given(p=chances, shape=st.lists(st.integers(0, 6), max_size=3))
def test_a_unit_is_zero_wherever_it_stands_or_nowhere(p, shape):
    embedding = TokenEmbedding(7, 4, dropout=p)
    ids = torch.randint(0, 7, shape)
    vectors = embedding(ids)
    assert vectors.shape == (*shape, 4)
    for unit in ids.unique():
        own = vectors[ids == unit]
        gone, kept = torch.zeros_like(own), (embedding.weight[unit] / (1 - p)).expand_as(own)
        assert torch.equal(own, gone) or torch.allclose(own, kept)


def test_the_expectation_is_the_vector():
    torch.manual_seed(0)
    embedding = TokenEmbedding(3, 4, dropout=0.4)
    with torch.no_grad():
        mean = torch.stack([embedding(torch.arange(3)) for _ in range(5000)]).mean(0)
    torch.testing.assert_close(mean, embedding.weight.detach(), rtol=0, atol=0.1)


def test_a_unit_that_is_dropped_gets_no_gradient():
    torch.manual_seed(0)
    embedding = TokenEmbedding(50, 4, dropout=0.5)
    vectors = embedding(torch.arange(50))
    vectors.sum().backward()
    assert torch.equal(embedding.weight.grad == 0, vectors == 0)


def test_at_evaluation_it_is_an_embedding():
    embedding = TokenEmbedding(5, 4, 0, dropout=0.9).eval()
    plain = torch.nn.Embedding(5, 4, 0)
    plain.load_state_dict(embedding.state_dict())
    ids = torch.randint(0, 5, (2, 3))
    assert torch.equal(embedding(ids), plain(ids))


def test_the_vector_of_padding_is_zero_and_stays_so():
    embedding = TokenEmbedding(5, 4, 2)
    optimizer = torch.optim.SGD(embedding.parameters(), 1.0)
    embedding(torch.arange(5)).sum().backward()
    optimizer.step()
    assert not embedding.weight[2].any()
    assert embedding.weight[1].any()
