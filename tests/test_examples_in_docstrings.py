"""Every public class and function has an example in its docstring, which runs as it stands in a fresh session."""

import doctest
import importlib
import inspect

import pytest
import torch

NAMES = ["cells", "data", "demos.data", "diagnostics", "engine", "modalities", "nn", "topologies", "training"]
ROOMS = ["ostinato", *(f"ostinato.{name}" for name in NAMES)]
PUBLIC = {
    f"{room}.{name}": thing
    for room in ROOMS
    for name in importlib.import_module(room).__all__
    if inspect.isclass(thing := getattr(importlib.import_module(room), name)) or inspect.isroutine(thing)
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", PUBLIC)
def test_its_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    own, *of_methods = doctest.DocTestFinder(exclude_empty=False).find(PUBLIC[name], name, globs={})
    assert own.examples, f"{name} has no example in its docstring"
    runner, said = doctest.DocTestRunner(optionflags=FLAGS), []
    for example in (own, *of_methods):
        runner.run(example, out=said.append)
    assert not said, "".join(said)
