import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Networks of a few units are slower on many threads, by an order of magnitude on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
