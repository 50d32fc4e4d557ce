"""A cell that the command line names: one of the package's, or a class of the user's."""

import inspect
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from ostinato.cells import CELLS, Cell, CellFactory
from ostinato.errors import OstinatoError


def cell_named(name: str, input_size: int, hidden_size: int) -> Cell[Any]:
    """Makes a cell.

    Args:
        name: One of `CELLS`, or ``FILE.py:CLASS`` or ``MODULE:CLASS``, whose class is called as those are.
        input_size: Features of one input row.
        hidden_size: Units.

    Raises:
        OstinatoError: For an unknown name, a file or module that is not there or cannot be read, a class that is not in
            it or is no cell, or sizes that the cell refuses.
    """
    make = _factory(name)
    try:
        inspect.signature(make).bind(input_size, hidden_size)
    except TypeError as error:
        raise OstinatoError(f"{name} cannot be called as {name}(input_size, hidden_size): {error}") from None
    try:
        cell = make(input_size, hidden_size)
    except ValueError as error:
        raise OstinatoError(f"{name} cannot be made: {error}") from None
    if not isinstance(cell, Cell):
        raise OstinatoError(f"{name} makes a {type(cell).__name__}: it must make an ostinato.cells.Cell")
    if not hasattr(cell.initial_state(1), "_fields"):
        raise OstinatoError(f"{name}: its initial_state gives no NamedTuple of tensors")
    return cell


def _factory(name: str) -> CellFactory:
    if name in CELLS:
        return CELLS[name]
    place, _, attribute = name.rpartition(":")
    if place.endswith(".py"):
        module = _read(Path(place))
    elif all(part.isidentifier() for part in place.split(".")):
        module = _imported(place)
    else:
        raise OstinatoError(f"no cell {name!r}: choose one of {', '.join(CELLS)}, or give FILE.py:CLASS")
    make = getattr(module, attribute, None)
    if not callable(make):
        cells = [key for key, value in vars(module).items() if _is_cell(value)]
        raise OstinatoError(f"{place} has no class {attribute!r}; its cells: {', '.join(cells) or 'none'}")
    if inspect.isabstract(make):
        raise OstinatoError(f"{name} is abstract: it lacks {', '.join(sorted(make.__abstractmethods__))}")
    return make  # type: ignore[no-any-return]


def _is_cell(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Cell) and not inspect.isabstract(value)


def _read(path: Path) -> ModuleType:
    if not path.is_file():
        raise OstinatoError(f"{path}: there is no such file")
    spec = spec_from_file_location(f"_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # where classes look for the names in their annotations
    sys.path.insert(0, str(path.parent))  # its neighbours can be imported, as when it is run
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as error:
        raise OstinatoError(f"{path} cannot be imported: {error}") from None
    return module


def _imported(name: str) -> ModuleType:
    sys.path.insert(0, "")  # the current folder, as with python -m
    try:
        return import_module(name)
    except (SyntaxError, ImportError) as error:
        raise OstinatoError(f"module {name!r} cannot be imported: {error}") from None
