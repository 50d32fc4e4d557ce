"""Work shared among threads, rows in chunks, steps in blocks: however it is shared out, the results are the same."""

import pytest
import torch
from scan_scenario import (
    EVERY_CELL,
    SIZES,
    Case,
    Results,
    assert_same,
    compiled,
    in_double,
    made_case,
    reference,
    results,
)

from ostinato.cells import GRU, LSTM


@pytest.fixture(autouse=True)
def one_thread_afterwards():
    before = torch.get_num_threads()
    torch.use_deterministic_algorithms(True)  # uninitialised memory is NaN
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(before)


def with_threads(threads: int, case: Case) -> Results:
    torch.set_num_threads(threads)
    try:
        return results(compiled, case)
    finally:
        torch.set_num_threads(1)


def assert_threads_do_not_matter(case: Case, *, counts: tuple[int, ...] = (2, 3)) -> None:
    torch.manual_seed(0)
    single = next(case.cell.parameters()).dtype == torch.float32
    alone = with_threads(1, case)

    assert_same(alone, results(reference, in_double(case)), 1e-5 if single else 1e-11)
    for threads in counts:
        assert_same(with_threads(threads, case), alone, 1e-6 if single else 1e-12)


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm", "gru", "qrnn", "lru", "slstm_with_heads"])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_threads_take_rows_of_their_own(name, batch):
    torch.manual_seed(0)

    assert_threads_do_not_matter(made_case(EVERY_CELL[name](*SIZES).double(), batch=batch, reverse=True))


def test_more_threads_than_rows_and_more_rows_than_threads_give_the_same_in_single_precision():
    torch.manual_seed(0)
    for batch in (1, 2, 3, 11):
        assert_threads_do_not_matter(made_case(LSTM(5, 34), batch=batch), counts=(2, 3, 5))


def test_threads_share_the_columns_of_large_weights():
    torch.manual_seed(0)

    assert_threads_do_not_matter(made_case(GRU(5, 700), batch=3, time=3))
    assert_threads_do_not_matter(made_case(GRU(5, 700), batch=1, time=6, lengths=None, reverse=True))


def test_threads_share_columns_by_head_too():
    torch.manual_seed(0)

    assert_threads_do_not_matter(made_case(EVERY_CELL["slstm_with_heads"](5, 146).double(), batch=2))


@pytest.mark.parametrize("batch", [200, 403])
def test_many_rows_go_through_time_in_chunks(batch):
    torch.manual_seed(0)

    assert_threads_do_not_matter(made_case(LSTM(3, 8), batch=batch, time=5))


@pytest.mark.parametrize(("batch", "time"), [(1, 1), (1, 4), (4, 1), (2, 2), (1, 5), (5, 1)])
@pytest.mark.parametrize("hidden", [4, 34])
def test_a_few_rows_need_no_packed_weights(batch, time, hidden):
    torch.manual_seed(0)

    assert_threads_do_not_matter(made_case(GRU(3, hidden).double(), batch=batch, time=time, lengths=None))


@pytest.mark.parametrize("threads", [1, 2])
def test_without_gradients_threads_do_not_matter(threads):
    torch.manual_seed(0)
    torch.set_num_threads(threads)

    for cell, batch in ((LSTM(3, 8), 200), (GRU(5, 700), 1), (LSTM(5, 34), 1)):
        x = torch.randn(batch, 4, cell.input_size)
        with torch.no_grad():
            torch.testing.assert_close(compiled(cell, x), reference(cell, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm_with_projection", "qrnn", "jordan"])
@pytest.mark.parametrize("reverse", [False, True])
def test_many_steps_are_taken_in_blocks(name, reverse):
    torch.manual_seed(0)
    case = made_case(EVERY_CELL[name](*SIZES).double(), batch=200, time=60, reverse=reverse)

    assert_same(results(compiled, case), results(reference, case), 1e-10)


def test_sums_over_very_many_rows_lose_no_digits():
    torch.manual_seed(0)
    case = made_case(LSTM(3, 8), batch=300, time=120, lengths=None, loss="sum of outputs")

    found, exact = results(compiled, case), results(reference, in_double(case))
    for name in ("bias_ih", "bias_hh", "weight_ih", "weight_hh"):
        error = (found.gradients[name] - exact.gradients[name]).norm() / exact.gradients[name].norm()
        assert error < 2e-6
