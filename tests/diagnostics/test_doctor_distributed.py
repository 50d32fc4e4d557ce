"""The doctor in a training of two processes."""

import subprocess
import sys
from pathlib import Path


def test_the_first_process_decides_on_a_remedy_and_all_train_alike_with_it(tmp_path):
    program = Path(__file__).with_name("doctor_scenario.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", program, tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    first, second = ((tmp_path / f"{rank}.txt").read_text() for rank in range(2))
    assert first == second
    assert float(first.splitlines()[0]) > 0
