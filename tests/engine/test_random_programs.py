"""Random cells of the operations that the engine knows give what the plain loop gives."""

from collections import Counter
from random import Random

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_programs import TABLE, Text, compile_together, differences, program_of_text, tried, write
from scan_scenario import Case

from ostinato.engine import cpp
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


UNSTEADY = """
def forward(self, x, state):
    a, = state
    v = F.layer_norm(a, (7,))
    y = torch.logsumexp(a, -1, keepdim=True)
    return y, type(state)(torch.tanh((0.3 + F.softplus(a @ self.p0 @ self.p1)) ** torch.tanh(v)))
"""
"""The norm of equal numbers enlarges their rounding 300 times a step."""


@pytest.mark.parametrize(("steps", "wrong", "fails"), [(8, 0, False), (8, 1e-5, True), (2, 1e-6, True)])
def test_only_what_rounding_does_to_the_plain_loop_itself_is_no_failure(steps, wrong, fails, monkeypatch):
    ready = program_of_text(Text(UNSTEADY, {"p0": (7, 1), "p1": (1, 7)}, 3, 1, (7,)))
    compile_together([ready])
    torch.manual_seed(0)
    case = Case(ready.cell, torch.randn(5, steps, 3, dtype=torch.float64), None, None, False)

    def off(*given):
        y, final = run(*given)
        return y + wrong, final

    run = cpp.run
    monkeypatch.setattr(cpp, "run", off)
    counts = Counter()
    assert (differences(ready, case, 600, counts) is not None) == fails
    assert counts["ill-conditioned"] > 0  # it is off by more than usual
