"""A conditional random field against the sum over all of its paths."""

from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.nn import CRF, Transitions

law = settings(deadline=None, derandomize=True, max_examples=25)
sizes = st.tuples(st.integers(1, 3), st.lists(st.integers(0, 4), min_size=1, max_size=3), st.integers(0, 99))


def field(tags, seed=0, allowed=None):
    torch.manual_seed(seed)
    crf = CRF(tags, allowed=allowed).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


def padded(lengths, tags):
    """Random scores ``(batch, time, tags)`` that are NaN past each row's length, and the lengths."""
    emissions = torch.randn(len(lengths), max(lengths), tags).double()
    for row, length in enumerate(lengths):
        emissions[row, length:] = torch.nan
    return emissions, torch.tensor(lengths)


def score(crf, row, path):
    """The definition."""
    if not path:
        return row[:0].sum()
    total = crf.start[path[0]] + crf.end[path[-1]]
    total = total + sum(row[step, tag] for step, tag in enumerate(path))
    return total + sum(crf.transition[a, b] for a, b in pairwise(path))


def paths(crf, length):
    return list(product(range(crf.num_tags), repeat=length))


def log_partition(crf, row, length):
    return torch.stack([score(crf, row, path) for path in paths(crf, length)]).logsumexp(0)


@law
@given(sizes)
def test_the_log_likelihood_and_its_gradients_are_those_of_the_sum_over_all_paths(drawn):
    tags, lengths, seed = drawn
    crf = field(tags, seed)
    emissions, ends = padded(lengths, tags)
    emissions.requires_grad_()
    chosen = torch.randint(0, tags, emissions.shape[:2])

    ours = crf.log_likelihood(emissions, chosen, ends)
    theirs = torch.stack(
        [
            score(crf, emissions[row], chosen[row, :length].tolist()) - log_partition(crf, emissions[row], length)
            for row, length in enumerate(lengths)
        ]
    )

    torch.testing.assert_close(ours, theirs)
    wanted = [emissions, *crf.parameters()]
    weights = torch.randn(len(lengths)).double()
    mine = torch.autograd.grad((weights * ours).sum(), wanted, allow_unused=True, materialize_grads=True)
    exact = torch.autograd.grad((weights * theirs).sum(), wanted, allow_unused=True, materialize_grads=True)
    torch.testing.assert_close(mine, exact)


@law
@given(sizes)
def test_decoding_finds_the_best_of_all_paths_and_its_score(drawn):
    tags, lengths, seed = drawn
    crf = field(tags, seed)
    emissions, ends = padded(lengths, tags)

    found, scores = crf.decode(emissions, ends)

    for row, length in enumerate(lengths):
        best = max(paths(crf, length), key=lambda path, row=row: score(crf, emissions[row], path).item())
        assert found[row].tolist() == [*best, *[0] * (max(lengths) - length)]
        torch.testing.assert_close(scores[row], score(crf, emissions[row], best).detach())


@law
@given(sizes)
def test_marginals_are_the_summed_probabilities_of_the_paths_through_a_tag(drawn):
    tags, lengths, seed = drawn
    crf = field(tags, seed)
    emissions, ends = padded(lengths, tags)

    with torch.no_grad():
        ours = crf.marginals(emissions, ends)

        for row, length in enumerate(lengths):
            exact = torch.zeros(max(lengths), tags).double()
            for path in paths(crf, length):
                share = (score(crf, emissions[row], path) - log_partition(crf, emissions[row], length)).exp()
                for step, tag in enumerate(path):
                    exact[step, tag] += share
            torch.testing.assert_close(ours[row], exact)


def test_without_lengths_every_step_is_valid():
    crf, emissions = field(3), torch.randn(2, 4, 3).double()
    tags, ends = torch.randint(0, 3, (2, 4)), torch.tensor([4, 4])
    assert torch.equal(crf.log_likelihood(emissions, tags), crf.log_likelihood(emissions, tags, ends))
    assert torch.equal(crf.decode(emissions)[0], crf.decode(emissions, ends)[0])
    assert torch.equal(crf.marginals(emissions), crf.marginals(emissions, ends))


def test_tags_past_a_rows_end_are_not_read():
    crf, (emissions, ends) = field(3), padded([4, 2], 3)
    tags = torch.zeros(2, 4, dtype=torch.int64)
    wild = tags.clone()
    wild[1, 2:] = -1
    assert torch.equal(crf.log_likelihood(emissions, tags, ends), crf.log_likelihood(emissions, wild, ends))


def test_no_rows_and_no_steps_are_allowed():
    crf = field(3)
    for shape in ((0, 4, 3), (2, 0, 3)):
        emissions = torch.zeros(shape).double()
        assert not crf.log_likelihood(emissions, torch.zeros(shape[:2], dtype=torch.int64)).any()
        assert crf.decode(emissions)[0].shape == shape[:2]
        assert crf.marginals(emissions).shape == shape


def ring(tags):
    """Each tag may be followed by the next alone; the first comes first and the last last."""
    start, end = torch.zeros(tags, dtype=torch.bool), torch.zeros(tags, dtype=torch.bool)
    start[0] = end[-1] = True
    return Transitions(start, end, torch.eye(tags).roll(1, 1).bool())


def test_a_forbidden_step_is_never_decoded_however_large_its_score():
    crf = field(3, allowed=ring(3))
    emissions = 1e6 * torch.randn(5, 6, 3).double()
    assert crf.decode(emissions)[0].tolist() == [[0, 1, 2, 0, 1, 2]] * 5


def test_where_no_path_is_allowed_the_score_says_so():
    found, scores = field(3, allowed=ring(3)).decode(torch.zeros(2, 3, 3).double(), torch.tensor([3, 2]))
    assert found[0].tolist() == [0, 1, 2]
    assert scores.isfinite().tolist() == [True, False]


def test_forbidden_steps_have_no_probability_and_break_no_gradient():
    crf = field(3, allowed=ring(3))
    emissions = torch.randn(1, 3, 3).double().requires_grad_()
    allowed, not_allowed = torch.tensor([[0, 1, 2]]), torch.tensor([[0, 0, 2]])
    torch.testing.assert_close(crf.log_likelihood(emissions, allowed), torch.zeros(1).double())
    likelihood = crf.log_likelihood(emissions, not_allowed)
    assert likelihood.item() < -9000
    likelihood.sum().backward()
    assert emissions.grad.isfinite().all()
    assert torch.equal(crf.marginals(emissions).round(), torch.eye(3).double()[None])


def test_it_learns_that_one_tag_follows_another():
    torch.manual_seed(0)
    crf = CRF(2)
    tags = torch.arange(6).remainder(2).expand(8, -1)
    optimizer = torch.optim.Adam(crf.parameters(), 0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (-crf.log_likelihood(torch.zeros(8, 6, 2), tags).mean()).backward()
        optimizer.step()
    emissions = torch.zeros(1, 6, 2)
    emissions[0, 2, 1] = 1.0  # what this step looks like says 1, its neighbours say more
    assert crf.decode(emissions)[0].tolist() == [[0, 1, 0, 1, 0, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CRF(0), "num_tags must be at least 1"),
        (lambda: CRF(2, allowed=ring(3)), "allowed must be of 2 tags"),
        (lambda: CRF(2).decode(torch.zeros(1, 4, 3)), r"emissions must be \(batch, time, 2\)"),
        (lambda: CRF(2).decode(torch.zeros(1, 4, 2), torch.tensor([5])), "between 0 and 4"),
        (lambda: CRF(2).marginals(torch.zeros(2, 4, 2), torch.tensor([4])), "lengths must be 2 integers"),
        (lambda: CRF(2).log_likelihood(torch.zeros(1, 4, 2), torch.zeros(1, 3).long()), "tags must be"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
