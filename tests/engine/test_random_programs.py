"""Random cells of the operations that the engine knows give what the plain loop gives."""

from random import Random

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_programs import TABLE, tried, write

from ostinato.engine.operations import DECOMPOSED, POINTWISE

programs = st.integers(0, 2**32).map(lambda seed: write(Random(seed)))
"""Cells of 3 to 12 operations and 1 to 3 states, as text."""


@pytest.fixture(scope="module", autouse=True)
def uninitialised_memory_is_nan():
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@settings(deadline=None, derandomize=True, max_examples=5, phases=[Phase.generate])
@given(texts=st.lists(programs, min_size=8, max_size=8), seed=st.integers(0, 2**32))
def test_random_cells_are_the_plain_loop_in_results_and_every_gradient(texts, seed):
    counts, failures = tried(texts, Random(seed), 4)

    assert failures == []
    assert counts["compiled"] >= 5


def test_every_operation_of_the_engine_may_be_drawn():
    assert set(TABLE) == {*POINTWISE, *DECOMPOSED}
    written = "".join(write(Random(seed)).source for seed in range(2000))
    assert [name for name in TABLE if f"OP[{name!r}]" not in written] == []
