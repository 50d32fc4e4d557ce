"""Attention: which of the keys a query reads."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import AdditiveAttention, MultiplicativeAttention

KINDS = {
    "additive": lambda: AdditiveAttention(3, 3, 4),
    "general": lambda: MultiplicativeAttention(3, 3),
    "dot": lambda: MultiplicativeAttention(3, 3, score="dot"),
}


@pytest.fixture(params=KINDS)
def attention(request):
    torch.manual_seed(0)
    return KINDS[request.param]().double()


def score(attention, query, key):
    """The score of one query with one key, in the papers' words."""
    if isinstance(attention, AdditiveAttention):
        W, U, v = attention.query.weight, attention.key.weight, attention.score.weight[0]
        return v @ torch.tanh(W @ query + U @ key)
    return query @ key if attention.query is None else query @ attention.query.weight.T @ key


def one_by_one(attention, query, keys, values, mask):
    """Every query of every row by itself, over its valid keys only."""
    weights = torch.zeros(query.shape[0], query.shape[1], keys.shape[1], dtype=query.dtype)
    context = torch.zeros(query.shape[0], query.shape[1], values.shape[2], dtype=query.dtype)
    for b in range(query.shape[0]):
        valid = mask[b].nonzero()[:, 0]
        for q in range(query.shape[1] if len(valid) else 0):
            scores = torch.stack([score(attention, query[b, q], keys[b, t]) for t in valid])
            weights[b, q, valid] = scores.softmax(0)
            context[b, q] = scores.softmax(0) @ values[b, valid]
    return context, weights


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    masks=st.integers(0, 5).flatmap(
        lambda time: st.lists(st.lists(st.booleans(), min_size=time, max_size=time), min_size=1, max_size=3)
    ),
    queries=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_it_equals_the_papers_equation_for_each_query_alone_whatever_stands_in_masked_keys(kind, masks, queries, seed):
    torch.manual_seed(seed)
    attention = KINDS[kind]().double()
    mask = torch.tensor(masks, dtype=torch.bool)
    batch, time = mask.shape
    query = torch.randn(batch, queries, 3, dtype=torch.float64, requires_grad=True)
    keys = torch.randn(batch, time, 3, dtype=torch.float64).masked_fill(~mask[..., None], math.nan).requires_grad_()
    values = torch.randn(batch, time, 2, dtype=torch.float64).masked_fill(~mask[..., None], math.nan).requires_grad_()
    wanted = [query, keys, values, *attention.parameters()]

    def gradients(context, weights):
        loss = (context * torch.arange(1.0, 3.0)).sum() + (weights * torch.arange(time)).sum()
        return torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)

    expected = one_by_one(attention, query, keys, values, mask)
    result = attention(query, keys, values=values, mask=mask)
    for ours, theirs in zip(result, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    if mask.any():
        for ours, theirs in zip(gradients(*result), gradients(*expected), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_row_without_any_valid_key_reads_nothing_and_sends_no_gradient(attention):
    query = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    keys = torch.full((2, 4, 3), math.nan, dtype=torch.float64, requires_grad=True)
    context, weights = attention(query, keys, mask=torch.zeros(2, 4, dtype=torch.bool))
    (context.sum() + weights.square().sum()).backward()
    for tensor in (context, weights, query.grad, keys.grad, *(p.grad for p in attention.parameters())):
        assert torch.equal(tensor, torch.zeros_like(tensor))


def test_one_query_a_row_gives_one_context_a_row(attention):
    query, keys = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    context, weights = attention(query, keys)
    many = attention(query[:, None], keys)
    assert context.shape == (2, 3)
    assert weights.shape == (2, 5)
    assert torch.equal(context, many[0][:, 0])
    assert torch.equal(weights, many[1][:, 0])


def test_keys_can_be_projected_once_for_all_steps_of_a_decoder(attention):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    query = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    keys = torch.randn(2, 3, 3, dtype=torch.float64).masked_fill(~mask[..., None], math.nan)
    projected = attention.precompute(keys, mask=mask)
    ahead = attention(query, keys, mask=mask, projected=projected)
    at_once = attention(query, keys, mask=mask)
    ahead[0].sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(ahead, at_once, strict=True))
    assert all(parameter.grad.isfinite().all() for parameter in attention.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_of_a_row_sum_to_one_in_every_precision(attention, dtype):
    attention = attention.to(dtype)
    query, keys = torch.randn(2, 4, 3, dtype=dtype), torch.randn(2, 5, 3, dtype=dtype)
    context, weights = attention(query, keys, mask=torch.tensor([[True] * 5, [True] * 2 + [False] * 3]))
    assert context.dtype == weights.dtype == dtype
    torch.testing.assert_close(weights.float().sum(-1), torch.ones(2, 4), rtol=0, atol=0.02)
    assert torch.equal(weights[1, :, 2:], torch.zeros(4, 3, dtype=dtype))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": torch.zeros(2, 4), "keys": torch.zeros(2, 5, 3)}, "query must be"),
        ({"query": torch.zeros(1, 3), "keys": torch.zeros(2, 5, 3)}, "query must be"),
        ({"query": torch.zeros(3), "keys": torch.zeros(2, 5, 3)}, "query must be"),
        ({"query": torch.zeros(2, 3), "keys": torch.zeros(2, 5, 4)}, "keys must be"),
        ({"query": torch.zeros(2, 3), "keys": torch.zeros(5, 3)}, "keys must be"),
        ({"query": torch.zeros(2, 3), "keys": torch.zeros(2, 5, 3), "values": torch.zeros(2, 4, 3)}, "values must be"),
        (
            {"query": torch.zeros(2, 3), "keys": torch.zeros(2, 5, 3), "mask": torch.ones(2, 5)},
            "mask must be .* booleans",
        ),
        ({"query": torch.zeros(2, 3), "keys": torch.zeros(2, 5, 3), "mask": torch.ones(5, 2) > 0}, "mask must be"),
    ],
)
def test_shapes_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdditiveAttention(3, 3, 4)(**arguments)


def test_the_dot_product_needs_one_size():
    with pytest.raises(ValueError, match="use score='general'"):
        MultiplicativeAttention(3, 4, score="dot")


def test_an_unknown_score_is_refused():
    with pytest.raises(ValueError, match="one of general, dot"):
        MultiplicativeAttention(3, 3, score="cosine")


def test_scaled_dot_products_are_those_of_torch():
    query, keys = torch.randn(3, 2, 8).double(), torch.randn(3, 5, 8).double()
    attention = MultiplicativeAttention(8, 8, "dot", scaled=True)
    expected = torch.nn.functional.scaled_dot_product_attention(query, keys, keys)
    torch.testing.assert_close(attention(query, keys)[0], expected)
