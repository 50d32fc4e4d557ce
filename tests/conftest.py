"""What every test shares."""

import signal
from pathlib import Path

import torch

SLOW = Path(__file__).with_name("slow.txt")
"""The tests that take most of the time, see slow.py."""

# Small tensors gain nothing from more threads, and on a busy machine waiting for them costs a lot.
torch.set_num_threads(1)

# A shell starts what runs in its background with Ctrl-C ignored, and so would be the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out the tests that tests/slow.txt lists")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--quick"):
        return
    listed = set(SLOW.read_text(encoding="utf-8").split())
    left_out = [item for item in items if item.nodeid.split("[")[0] in listed]
    items[:] = [item for item in items if item.nodeid.split("[")[0] not in listed]
    config.hook.pytest_deselected(items=left_out)
