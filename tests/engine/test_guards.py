"""What a step was captured from: whatever changes is seen, or the step is not compiled."""

import copy
import dataclasses
import functools
import gc
import os
import pickle
import subprocess
import sys
import types
import warnings
import weakref
from collections import deque
from operator import attrgetter

import numpy as np
import pytest
import torch
from scan_scenario import StepCell, StepState, compiled, reference
from torch import nn
from torch.nn import functional as F

from ostinato.cells import GRU
from ostinato.engine import cache, explain, scan
from ostinato.engine.guards import MOST

SCALE = 1.0
TABLE = {"gain": [1.0, 2.0]}


@pytest.fixture(autouse=True)
def one_seed():
    torch.manual_seed(0)


@pytest.fixture
def x():
    return torch.randn(2, 5, 3).double()


def assert_current(cell, x):
    """What runs compiled is the cell as it is now."""
    torch.testing.assert_close(compiled(cell, x), reference(cell, x), rtol=1e-11, atol=1e-11)


def assert_never_wrong(cell, x):
    """Compiled or not, the result is that of the cell as it is now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.testing.assert_close(scan(cell, x), reference(cell, x), rtol=1e-11, atol=1e-11)


def plain(c, x, h):
    return torch.tanh(F.linear(x, c.w) + h * c.v)


# Code


class Written(StepCell):
    def __init__(self) -> None:
        super().__init__(plain)

    def forward(self, x, state):
        h = self.activation(F.linear(x, self.w) + state.h * self.v)
        return h, StepState(h)

    def activation(self, z):
        return torch.tanh(z)


class Below(Written):
    def forward(self, x, state):
        return super().forward(x, state)


def other_forward(self, x, state):
    h = 0.5 * state.h + F.linear(x, self.w)
    return h, StepState(h)


CODE = {
    "forward of the class": lambda patch: patch.setattr(Written, "forward", other_forward),
    "forward's code, as autoreload does": lambda patch: patch.setattr(
        Written.forward, "__code__", other_forward.__code__
    ),
    "a method it calls": lambda patch: patch.setattr(Written, "activation", lambda self, z: torch.sin(z)),
    "a method that a class between now has": lambda patch: patch.setattr(
        Below, "activation", lambda self, z: torch.sin(z), raising=False
    ),
}


@pytest.mark.parametrize("kind", [Written, Below])
@pytest.mark.parametrize("name", CODE)
def test_other_code_anywhere_in_the_classes_is_seen(x, monkeypatch, kind, name):
    cell = kind().double()
    assert_current(cell, x)
    CODE[name](monkeypatch)
    assert_current(cell, x)


def test_a_method_set_on_the_cell_itself_is_seen(x):
    cell = Written().double()
    assert_current(cell, x)
    cell.activation = torch.sin
    assert_current(cell, x)
    del cell.activation
    assert_current(cell, x)


def test_a_function_that_a_function_calls_is_seen(x, monkeypatch):
    cell = StepCell(lambda c, x, h: outer(plain(c, x, h))).double()
    assert_current(cell, x)
    monkeypatch.setattr(sys.modules[__name__], "inner", torch.sin)
    assert_current(cell, x)


def inner(z):
    return z * 2


def outer(z):
    return inner(z) + 1


def test_a_decorated_function_is_looked_through(x):
    @functools.wraps(plain)
    def wrapped(c, x, h):
        return factor[0] * plain(c, x, h)

    factor = [1.0]
    cell = StepCell(wrapped).double()
    assert_current(cell, x)
    factor[0] = 2.0
    assert_current(cell, x)


# Globals, closures, defaults, modules


def test_a_global_that_changes_is_seen(x, monkeypatch):
    cell = StepCell(lambda c, x, h: SCALE * plain(c, x, h)).double()
    assert_current(cell, x)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    assert_current(cell, x)


def test_a_value_deep_in_a_global_is_seen(x, monkeypatch):
    cell = StepCell(lambda c, x, h: TABLE["gain"][1] * plain(c, x, h)).double()
    assert_current(cell, x)
    monkeypatch.setitem(TABLE, "gain", [1.0, 5.0])
    assert_current(cell, x)
    TABLE["gain"][1] = 7.0
    assert_current(cell, x)


def test_a_name_that_was_built_in_and_is_a_global_now_is_seen(x, monkeypatch):
    cell = StepCell(lambda c, x, h: plain(c, x, h) * max(1, 2)).double()
    assert_current(cell, x)
    monkeypatch.setattr(sys.modules[__name__], "max", min, raising=False)
    assert_current(cell, x)


def test_a_closure_that_changes_is_seen(x):
    gain = 1.0

    def step(c, x, h):
        return gain * plain(c, x, h)

    cell = StepCell(step).double()
    assert_current(cell, x)
    gain = 3.0
    assert_current(cell, x)


def test_defaults_that_change_are_seen(x):
    def step(c, x, h, gain=1.0, *, more=0.0):
        return gain * plain(c, x, h) + more

    cell = StepCell(step).double()
    assert_current(cell, x)
    step.__defaults__ = (3.0,)
    assert_current(cell, x)
    step.__kwdefaults__["more"] = 0.5
    assert_current(cell, x)


def test_an_attribute_of_a_module_of_the_users_is_seen(x):
    module = types.ModuleType("own_settings")
    module.GAIN = 1.0
    cell = StepCell(lambda c, x, h: module.GAIN * plain(c, x, h)).double()
    assert_current(cell, x)
    module.GAIN = 4.0
    assert_current(cell, x)


def test_an_import_within_a_step_is_refused(x):
    def imports(c, x, h):
        import scan_scenario

        return plain(c, x, h) * len(scan_scenario.SIZES)

    assert "the step imports scan_scenario" in explain(StepCell(imports).double(), x).rejected["cpp"]


# Attributes


class Slots:
    __slots__ = ("value",)

    def __init__(self, value) -> None:
        self.value = value


class Nested:
    def __init__(self, value) -> None:
        self.inner = types.SimpleNamespace(value=value)

    @property
    def value(self):
        return self.inner.value


@dataclasses.dataclass
class Data:
    value: float


def change_nested(cell, value):
    cell.part.inner.value = value


def change_value(cell, value):
    cell.part.value = value


ATTRIBUTES = {
    "slots": (Slots(1.0), change_value, lambda part: part.value),
    "a nested object": (Nested(1.0), change_nested, lambda part: part.value),
    "a dataclass": (Data(1.0), change_value, lambda part: part.value),
    "an object read by getattr": (Data(1.0), change_value, lambda part: getattr(part, "val" + "ue")),
    "a small array": (np.array([1.0, 2.0]), lambda c, v: c.part.__setitem__(1, v), lambda part: float(part[1])),
    "a number of an array": (np.float64(1.0), lambda c, v: setattr(c, "part", np.float64(v)), float),
    "a deque": (deque([1.0]), lambda c, v: c.part.append(v), sum),
    "a set": ({1, 2}, lambda c, v: c.part.add(7), sum),
    "a tuple of lists": (([1.0],), lambda c, v: c.part[0].append(v), lambda part: sum(part[0])),
    "a mapping's length": ({"a": 1}, lambda c, v: c.part.update(b=2), len),
    "true for one": (1, lambda c, v: setattr(c, "part", True), lambda part: 2.0 if part is True else 5.0),
    "minus zero": (0.0, lambda c, v: setattr(c, "part", -0.0), lambda part: np.copysign(1.0, part)),
    "none for a number": (1.0, lambda c, v: setattr(c, "part", None), lambda part: 4.0 if part is None else part),
    "a text": ("one", lambda c, v: setattr(c, "part", "two"), {"one": 1.0, "two": 2.0}.get),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_what_an_attribute_holds_is_seen_to_change(x, name):
    part, change, gain = ATTRIBUTES[name]
    cell = StepCell(lambda c, x, h: gain(c.part) * plain(c, x, h), part=copy.deepcopy(part)).double()

    assert_current(cell, x)
    change(cell, 3.0)
    assert_current(cell, x)


def test_an_attribute_that_hides_one_of_the_class_is_seen(x):
    class Own(StepCell):
        gain = 1.0

    cell = Own(lambda c, x, h: c.gain * plain(c, x, h)).double()
    assert_current(cell, x)
    Own.gain = 2.0
    assert_current(cell, x)
    cell.gain = 3.0
    assert_current(cell, x)


def test_torchs_default_type_is_seen_to_change(x):
    cell = StepCell(lambda c, x, h: plain(c, x, h) * (2.0 if torch.get_default_dtype() == torch.float64 else 1.0))
    cell.double()
    assert_current(cell, x)
    torch.set_default_dtype(torch.float64)
    try:
        assert_current(cell, x)
    finally:
        torch.set_default_dtype(torch.float32)


def test_what_the_step_does_not_read_costs_nothing_and_may_be_anything(x):
    class Untouchable:
        def __repr__(self):
            raise AssertionError("it was printed")

    cell = StepCell(plain, history=bytearray(10_000_000)).double()
    cell.log = Untouchable()
    assert_current(cell, x)
    program = cache.program_of(cell, 3, torch.float64)[0]
    cell.history.append(1)
    assert cache.program_of(cell, 3, torch.float64)[0] is program


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(z):
        return z.round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return SCALE * gradient


def test_what_the_backward_of_a_function_reads_is_seen(x, monkeypatch):
    cell = StepCell(lambda c, x, h: Straight.apply(plain(c, x, h) * 3)).double()

    def gradients(run):
        return torch.autograd.grad(run(cell, x)[0].sum(), [*cell.parameters()], materialize_grads=True)

    torch.testing.assert_close(gradients(compiled), gradients(reference))
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    torch.testing.assert_close(gradients(compiled), gradients(reference))


class Own(float):
    pass


def change_dict(cell):
    first = cell.part.pop("a")
    cell.part["a"] = first


LOOKED_FOR = {
    "getattr and a default": (lambda c: getattr(c, "extra", 1.0), lambda c: setattr(c, "extra", 3.0)),
    "hasattr": (lambda c: 2.0 if hasattr(c, "extra") else 1.0, lambda c: setattr(c, "extra", 3.0)),
    "getattr of an object without attributes": (
        lambda c: getattr(c.empty, "extra", 1.0),
        lambda c: setattr(c.empty, "extra", 3.0),
    ),
    "a number of a class of its own": (lambda c: c.part, lambda c: setattr(c, "part", Own(3.0))),
    "the order of a dict": (lambda c: float("".join(map(str, c.part.values()))), change_dict),
    "a bound method of a dict": (lambda c: c.get("a"), lambda c: c.part.update(a=3.0)),
    "a part that is added": (lambda c: sum(1 for _ in c.parameters()), lambda c: setattr(c, "more", nn.Linear(2, 2))),
    "its attributes, all replaced": (lambda c: c.part.value, lambda c: setattr(c.part, "__dict__", {"value": 3.0})),
}


@pytest.mark.parametrize("name", LOOKED_FOR)
def test_what_is_looked_for_in_other_ways_is_seen(x, name):
    gain, change = LOOKED_FOR[name]
    part = {"the order of a dict": {"a": 1, "b": 2}, "a bound method of a dict": {"a": 1.0}}.get(name, Own(2.0))
    cell = StepCell(lambda c, x, h: gain(c) * plain(c, x, h), part=Data(1.0) if "replaced" in name else part).double()
    cell.get = part.get if isinstance(part, dict) else None
    cell.empty = types.SimpleNamespace()

    assert_never_wrong(cell, x)
    change(cell)
    assert_never_wrong(cell, x)


def test_the_order_of_weights_is_seen_to_change(x):
    cell = GRU(3, 4).double()
    lent = [torch.randn_like(w) for w in cell.parameters()]
    assert_current(cell, x)
    bias = cell.bias_ih
    del cell.bias_ih
    cell.bias_ih = bias
    lent = [*lent[:2], lent[3], lent[2]]

    torch.testing.assert_close(scan(cell, x, weights=lent), scan(cell, x, weights=lent, backend="reference"))


def test_a_second_derivative_through_a_step_that_has_changed_is_an_error(x):
    cell = StepCell(lambda c, x, h: c.gain * plain(c, x, h), gain=1.0).double()
    y, _ = compiled(cell, x)
    cell.gain = 2.0

    with pytest.raises(RuntimeError, match="StepCell has changed since the scan"):
        torch.autograd.grad(y.sum(), [cell.w], create_graph=True)


def test_trying_a_step_leaves_its_buffers_alone(x):
    def counts(c, x, h):
        c.count.add_(1)
        return plain(c, x, h)

    cell = StepCell(counts)
    cell.register_buffer("count", torch.zeros(1))
    assert_never_wrong(cell.double(), x)
    assert float(cell.count) == 10  # two plain loops of five steps


def test_a_scan_within_a_step_is_no_deadlock(x):
    cell = StepCell(lambda c, x, h: plain(c, x, scan(c.inner, h[:, None, :3])[0][:, 0]))
    cell.inner = GRU(3, 4)
    assert_never_wrong(cell.double(), x)


def test_any_exception_of_a_step_that_only_many_rows_or_few_raise_is_a_reason(x):
    class Strange(Exception):  # noqa: N818
        pass

    def strange(c, x, h):
        if x.shape[0] > 100:
            raise Strange("too many")
        return plain(c, x, h)

    for step in (strange, lambda c, x, h: plain(c, x, h) * (6 // (x.shape[0] - 7))):
        cell = StepCell(step).double()
        assert explain(cell, x).backend == "reference"
        assert_never_wrong(cell, x)


# What cannot be checked


OUTSIDE = {
    "is_grad_enabled": lambda c, x, h: plain(c, x, h) * (2.0 if torch.is_grad_enabled() else 1.0),
    "requires_grad": lambda c, x, h: plain(c, x, h) * (2.0 if x.requires_grad else 1.0),
    "getenv": lambda c, x, h: plain(c, x, h) * float(os.getenv("GAIN", "1")),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_step_that_asks_what_may_have_another_answer_is_refused(x, name):
    assert f"the step asks for {name}" in explain(StepCell(OUTSIDE[name]).double(), x).rejected["cpp"]


REFUSED = {
    "a large array": (np.zeros(1000), lambda c: float(c.part[0]) + 1, "part, a NumPy array of 8,000 bytes"),
    "too many values": (list(map(float, range(MOST))), lambda c: c.part[0] + 1, f"more than the {MOST} values"),
    "a set of objects": ({(1, 2)}, lambda c: len(c.part), "part, a set that cannot be checked"),
    "C's own": (attrgetter("w"), lambda c: 1.0 if c.part(c) is not None else 2.0, "part, of type attrgetter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_checked_in_microseconds_is_refused_by_name_and_runs_in_the_plain_loop(x, name):
    part, gain, why = REFUSED[name]
    cell = StepCell(lambda c, x, h: gain(c) * plain(c, x, h), part=part).double()

    assert why in explain(cell, x).rejected["cpp"]
    with pytest.warns(UserWarning, match="run in the plain loop"):
        scan(cell, x)
    assert_never_wrong(cell, x)


def test_code_that_is_reached_in_a_hidden_way_is_refused(x):
    hidden = iter([lambda z: z * 2] * 1000)
    cell = StepCell(lambda c, x, h: next(hidden)(plain(c, x, h))).double()

    assert "checked at each call" in explain(cell, x).rejected["cpp"]


def test_a_refused_attribute_that_is_mended_compiles(x):
    cell = StepCell(lambda c, x, h: float(c.part[0]) * plain(c, x, h), part=np.ones(1000)).double()
    assert explain(cell, x).backend == "reference"
    cell.part = np.ones(3)
    assert_current(cell, x)


# Annealing


def test_a_value_that_changes_at_every_scan_is_warned_of_once_and_given_up_and_always_right(x):
    cell = StepCell(lambda c, x, h: c.temperature * plain(c, x, h), temperature=1.0).double()

    def anneal():
        for step in range(12):
            cell.temperature = 1.0 + step / 10
            torch.testing.assert_close(scan(cell, x), reference(cell, x), rtol=1e-11, atol=1e-11)

    with pytest.warns(UserWarning, match=r"StepCell\.temperature changes between scans") as caught:
        anneal()

    assert len([w for w in caught if "changes between scans" in str(w.message)]) == 1
    assert "temperature has changed between scans 8 times" in explain(cell, x).rejected["cpp"]


def test_a_value_that_returns_finds_its_program_again(x):
    cell = StepCell(lambda c, x, h: c.gain * plain(c, x, h), gain=1.0).double()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for gain in [1.0, 2.0] * 6:
            cell.gain = float(gain)
            assert_current(cell, x)


# Sharing and lifetime


def test_cells_alike_share_a_program_and_others_do_not():
    def program(cell):
        return cache.program_of(cell, 3, torch.float32)[0]

    assert program(GRU(3, 4)) is program(GRU(3, 4)) is program(copy.deepcopy(GRU(3, 4)))
    assert program(GRU(3, 4)) is not program(GRU(3, 4, reset_after=False))


def test_a_cell_and_what_it_holds_may_go(x):
    cell = StepCell(lambda c, x, h: c.part.value * plain(c, x, h), part=Data(2.0)).double()
    assert_current(cell, x)
    gone = [weakref.ref(cell), weakref.ref(cell.part)]

    del cell
    gc.collect()

    assert gone[0]() is None


def test_kinds_and_cells_are_kept_in_bounded_number(x, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_KINDS", 3)
    monkeypatch.setattr(cache, "_MOST_CELLS", 2)
    cells = [StepCell(lambda c, x, h: c.gain * plain(c, x, h), gain=float(i)).double() for i in range(5)]
    for cell in cells + cells:
        assert_current(cell, x)
    assert sum(map(len, cache._kinds.values())) <= 3
    assert len(cache._held) <= 2


def test_nothing_is_written_into_cells_and_they_can_be_pickled():
    cell = GRU(3, 4)
    before = set(vars(cell))
    scan(cell, torch.randn(2, 5, 3))

    assert set(vars(cell)) == before
    again = pickle.loads(pickle.dumps(cell))
    torch.testing.assert_close(scan(again, torch.ones(1, 2, 3)), scan(cell, torch.ones(1, 2, 3)))


def test_capturing_leaves_random_numbers_alone(x):
    cell = StepCell(lambda c, x, h: F.dropout(plain(c, x, h), 0.5)).double()
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    assert "random" in explain(cell, x).rejected["cpp"]
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


FIRST_SCAN = """
import torch
from ostinato.cells import GRU
from ostinato.engine import scan

cell, x = GRU(3, 4), torch.ones(2, 5, 3)
torch.manual_seed(1)
expected = torch.rand(3)
torch.manual_seed(1)
scan(cell, x, backend="cpp")[0].sum().backward()
raise SystemExit(not torch.equal(torch.rand(3), expected))
"""


def test_the_first_scan_of_a_process_leaves_random_numbers_alone():
    assert subprocess.run([sys.executable, "-c", FIRST_SCAN]).returncode == 0


# Weights


def test_weights_that_are_the_same_tensor_may_part(x):
    cell = StepCell(lambda c, x, h: torch.tanh(F.linear(x, c.w) + h * c.v * c.again))
    cell.again = cell.v
    cell.double()
    cell.again = cell.v
    assert_current(cell, x)
    cell.again = nn.Parameter(torch.randn(4).double())
    assert_current(cell, x)


def test_other_weights_can_be_lent_and_get_the_gradients(x):
    cell, own = GRU(3, 4).double(), GRU(3, 4).double()
    lent = list(own.parameters())

    for backend in ("cpp", "aten", "reference"):
        got = scan(cell, x, weights=lent, backend=backend)
        torch.testing.assert_close(got, reference(own, x), rtol=1e-11, atol=1e-11)
        gradients = torch.autograd.grad(got[0].square().sum(), lent)
        expected = torch.autograd.grad(reference(own, x)[0].square().sum(), lent)
        torch.testing.assert_close(gradients, expected, rtol=1e-11, atol=1e-11)


# Rows


def number_of_rows(c, x, h):
    return plain(c, x, h) / x.shape[0]


def number_of_rows_hardly_felt(c, x, h):
    return plain(c, x, h) + 1e-12 * len(x) ** 0.5


def branch_on_rows(c, x, h):
    return plain(c, x, h) * (2.0 if x.shape[0] == 1 else 1.0)


def mean_of_rows(c, x, h):
    return plain(c, x, h) - x.mean(0).sum()


def rows_before(c, x, h):
    return plain(c, x, h.roll(1, 0))


def branch_on_many_rows(c, x, h):
    return plain(c, x, h) * (2.0 if x.shape[0] > 100 else 1.0)


def one_by_one(c, x, h):
    return torch.stack([plain(c, x[i : i + 1], row[None])[0] for i, row in enumerate(h)])


MIXED = [number_of_rows, number_of_rows_hardly_felt, branch_on_rows, branch_on_many_rows]
MIXED += [mean_of_rows, rows_before, one_by_one]


@pytest.mark.parametrize("step", MIXED)
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_step_whose_rows_are_not_independent_is_refused_and_right_in_the_plain_loop(step, rows):
    cell, x = StepCell(step).double(), torch.randn(rows, 4, 3).double()

    assert explain(cell, x).backend == "reference"
    assert "rows" in explain(cell, x).rejected["cpp"]
    assert_never_wrong(cell, x)


def test_a_step_may_make_tensors_of_as_many_rows():
    cell = StepCell(lambda c, x, h: plain(c, x, h) + x.new_ones(x.shape[0], 4) + torch.zeros(len(x), 1).double())
    assert_current(cell.double(), torch.randn(3, 4, 3).double())


# In a graph of torch.compile


def test_a_compiled_graph_notices_a_change_that_it_does_not_know(x):
    torch._dynamo.reset()
    cell = StepCell(lambda c, x, h: SETTING.gain * plain(c, x, h)).double()
    fast = torch.compile(lambda x: scan(cell, x)[0], backend="eager", fullgraph=True)
    torch.testing.assert_close(fast(x), reference(cell, x)[0], rtol=1e-11, atol=1e-11)

    SETTING.gain = 2.0
    with pytest.raises(RuntimeError, match=r"gain.* has changed since torch\.compile traced StepCell"):
        fast(x)

    torch._dynamo.reset()
    torch.testing.assert_close(fast(x), reference(cell, x)[0], rtol=1e-11, atol=1e-11)


SETTING = types.SimpleNamespace(gain=1.0)


def test_lengths_out_of_range_are_refused_in_a_compiled_graph(x):
    torch._dynamo.reset()
    cell = GRU(3, 4).double()
    fast = torch.compile(lambda x, n: scan(cell, x, lengths=n)[0], backend="eager", fullgraph=True)
    fast(x, torch.tensor([5, 2]))
    with pytest.raises(ValueError, match=r"lengths must lie between 0 and 5"):
        fast(x, torch.tensor([6, 2]))
    torch._dynamo.reset()
