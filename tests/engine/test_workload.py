"""What is measured: every contender is given the same, and gives the same."""

import pytest
import torch

from ostinato.cells import GRU, LSTM, Elman, Zoneout
from ostinato.engine import cpp
from ostinato.engine.measure import check
from ostinato.engine.workload import Workload, torch_layer

TORCH_HAS = [
    GRU(3, 5),
    GRU(3, 5, bias=False),
    LSTM(3, 5),
    LSTM(3, 5, proj_size=2),
    Elman(3, 5),
    Elman(3, 5, activation="relu", bias=False),
]


@pytest.fixture
def without_compiler(monkeypatch):
    monkeypatch.setattr(cpp, "prepare", lambda *arguments: "there is no compiler")


@pytest.mark.parametrize("cell", TORCH_HAS, ids=repr)
def test_every_contender_gives_the_outputs_states_and_gradients_of_the_reference(cell, without_compiler):
    work = Workload.drawn(cell, steps=6, batch=4)
    everyone = work.everyone()

    assert list(everyone) == ["aten", f"torch.nn.{type(torch_layer(cell)).__name__}", "reference"]
    truth = work.truth()
    for contender in everyone.values():
        results = contender.results()
        assert list(results) == list(truth)
        assert check(results, truth) < 1e-5


def test_results_name_the_output_the_final_state_and_every_gradient():
    assert list(Workload.drawn(LSTM(3, 5), steps=2, batch=4).truth()) == [
        "the output",
        "the final h",
        "the final c",
        "the gradient of x",
        "the gradient of weight_ih",
        "the gradient of weight_hh",
        "the gradient of bias_ih",
        "the gradient of bias_hh",
        "the gradient of the initial h",
        "the gradient of the initial c",
    ]


def test_the_truth_is_in_float64_and_leaves_the_cell_as_it_is():
    work = Workload.drawn(GRU(3, 5), steps=2, batch=4)

    assert {tensor.dtype for tensor in work.truth().values()} == {torch.float64}
    assert work.cell.weight_hh.dtype == torch.float32
    assert work.cell.weight_hh.grad is None


def test_one_seed_draws_the_same_numbers():
    one, same, other = (Workload.drawn(GRU(3, 5), steps=2, batch=4, seed=seed) for seed in (1, 1, 2))

    assert torch.equal(one.x, same.x)
    assert torch.equal(one.gradient, same.gradient)
    assert not torch.equal(one.x, other.x)
    assert one.x.shape == (2, 4, 3)


def test_the_forward_pass_alone_keeps_nothing_for_a_gradient():
    y, _ = Workload.drawn(GRU(3, 5), steps=2, batch=4).on("reference").forward()

    assert not y.requires_grad


def test_training_gives_a_gradient_for_every_leaf_and_adds_to_none():
    work = Workload.drawn(GRU(3, 5), steps=2, batch=4)
    contender = work.on("reference")

    gradients = contender.train()

    assert [g.shape for g in gradients] == [leaf.shape for leaf in contender.leaves.values()]
    assert all(leaf.grad is None for leaf in contender.leaves.values())


def test_a_frozen_weight_has_no_gradient():
    cell = GRU(3, 5)
    cell.bias_ih.requires_grad_(False)

    assert "the gradient of bias_ih" not in Workload.drawn(cell, steps=2, batch=4).truth()


def test_backends_that_cannot_run_say_why(without_compiler):
    assert Workload.drawn(GRU(3, 5), 2, 4).obstacles() == {"cpp": "there is no compiler"}
    assert Workload.drawn(Zoneout(GRU(3, 5)), 2, 4).obstacles() == {
        "cpp": "there is no compiler",
        "aten": "torch has no kernel for Zoneout",
    }
    assert torch_layer(Zoneout(GRU(3, 5))) is None
