"""What is minimised does not depend on how rows are dealt out: over accumulated batches, or over processes."""

import subprocess
import sys

import accumulation_scenario
import numpy as np
import pytest
import torch
from accumulation_scenario import CASES, PARTS, made, step
from safetensors.torch import load_file

every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes find that deal out the rows."""
    root = tmp_path_factory.mktemp("two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = [accumulation_scenario.__file__, str(root)]
    done = subprocess.run([*launch, *program], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return root


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert any(tensor.abs().max() > 1e-3 for name, tensor in expected.items() if name != "loss")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-6, atol=1e-6 * float(tensor.abs().max()), msg=name)


@every_case
def test_accumulated_batches_make_the_step_of_one_batch_of_their_rows(case):
    assert_same(step(case, PARTS), step(case, [np.concatenate(PARTS)]))


@every_case
def test_two_processes_make_the_step_of_one(case, two_processes):
    expected = step(case, [np.concatenate(PARTS)])
    for rank in range(2):
        assert_same(load_file(two_processes / f"{case}-{rank}.safetensors"), expected)


@every_case
def test_the_mean_of_the_batches_means_would_be_learned_otherwise(case):
    network, batch, loss = made(case)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    means = torch.stack([loss(network, batch(rows), None).mean for rows in PARTS])
    parts, whole = (
        torch.cat([gradient.flatten() for gradient in torch.autograd.grad(mean, trained)])
        for mean in (means.mean(), loss(network, batch(np.concatenate(PARTS)), None).mean)
    )
    assert (parts - whole).norm() / whole.norm() > 0.05
