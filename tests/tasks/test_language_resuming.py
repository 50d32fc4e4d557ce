"""A LanguageModel whose training was killed is, when resumed, the same to the last bit."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from language_scenario import interruptible, same_numbers, verses

import ostinato
from ostinato import OstinatoError
from ostinato.training import latest


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder of a training that was killed in mid-epoch by SIGKILL, in another process."""
    folder = tmp_path_factory.mktemp("killed")
    program = f"import language_scenario; language_scenario.fit_until_killed({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
    return folder


def test_a_killed_fit_when_resumed_ends_as_if_it_had_not_been(killed, tmp_path):
    assert latest(killed / "checkpoints").name == "checkpoint-40.safetensors"
    text = [verses(60)]
    with pytest.raises(OstinatoError, match="holds checkpoints of an earlier run: resume it"):
        interruptible().fit(text, folder=killed)
    resumed = interruptible().fit(text, folder=killed, resume=True)
    whole = interruptible().fit(text)
    assert same_numbers(whole, resumed)
    assert list(whole.generate("the ", seed=1)) == list(resumed.generate("the ", seed=1))
    assert latest(killed / "checkpoints") is None  # done: a new fit may begin there
    resumed.save(killed)
    assert same_numbers(whole, ostinato.load(killed))
    with pytest.raises(OstinatoError, match="no checkpoint to resume from"):
        interruptible().fit(text, folder=tmp_path, resume=True)
