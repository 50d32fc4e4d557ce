import subprocess
import sys

import distributed_scenario
import pytest
import torch
from safetensors import safe_open

from ostinato.training import DistributedContext


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes leave: several trainings, of which one was interrupted, resumed, and one diverged."""
    root = tmp_path_factory.mktemp("two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    kinds = ["plain", "streams", "masked", "interrupted", "resumed", "diverged"]
    program = [distributed_scenario.__file__, str(root), *kinds]
    done = subprocess.run([*launch, *program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return root


def weights(root, which, rank):
    with safe_open(root / f"{which}-{rank}.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, float(file.metadata()["score"])  # noqa: SIM118


@pytest.mark.parametrize("which", ["plain", "streams", "masked"])
def test_two_processes_train_to_the_weights_of_one(two_processes, tmp_path, which):
    alone, history = distributed_scenario.train(tmp_path, which)
    for rank in range(2):
        found, score = weights(two_processes, which, rank)
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-12, atol=1e-12)
        assert score == pytest.approx(history.best_score, rel=1e-12)


def test_an_interruption_of_one_process_stops_all_at_the_same_step(two_processes):
    told = {(two_processes / f"interrupted-{rank}.txt").read_text() for rank in range(2)}
    assert told == {repr({"interrupted": 3, "checkpoint": "checkpoint-3.safetensors"})}


def test_the_interrupted_training_resumed_gives_the_weights_of_the_uninterrupted_one(two_processes):
    for rank in range(2):
        resumed, _ = weights(two_processes, "resumed", rank)
        plain, _ = weights(two_processes, "plain", rank)
        assert all(torch.equal(resumed[name], plain[name]) for name in plain)


def test_a_loss_that_is_not_finite_in_one_process_stops_all(two_processes):
    told = {(two_processes / f"diverged-{rank}.txt").read_text() for rank in range(2)}
    assert told == {repr({"diverged": 3})}


def test_only_one_process_writes(two_processes):
    lines = (two_processes / "plain" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 3
    assert not list(two_processes.rglob(".*"))


def test_a_process_knows_itself_from_the_environment(monkeypatch):
    assert DistributedContext.from_environment() == DistributedContext(0, 1, 0)
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert DistributedContext.from_environment() == DistributedContext(3, 4, 1)
    assert not DistributedContext.from_environment().main
