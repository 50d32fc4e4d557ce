"""What a step was captured from, and whether it is still so: the assumptions of a program, checked at each call.

A captured step holds whatever Python computed while it was traced: numbers read from attributes, globals and closures,
the code that ran, the parts that were there. an `Observer` notes which code runs in a step; `Guards` follows the names
in that code to every value it can read, and keeps for each a way to read it again. A check takes some 50 ns, and
compares by identity: an equal number in another object only means that the slow way is taken, which compares by value.
"""

import builtins
import dis
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.engine.observation import Observation, nested, trusted_code

MOST = 200
"""Values that are checked at each call, at most: some 10 microseconds' worth."""
_WRITTEN_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE: C code seldom makes such classes
_MOST_BYTES = 1024  # of a NumPy array that is compared

_OF_ANY_MODULE = frozenset(nn.Module().__dict__) - {"training"}
_TRUSTED = frozenset({"torch", "numpy", "ostinato", "typing_extensions", *sys.stdlib_module_names})
"""Packages whose own functions and globals are taken as they are."""


class _Field(NamedTuple):
    of: int


_NUMBERS_AND_TEXTS = (bool, int, float, complex, str, bytes, type(None))
_OPAQUE = (
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    MemberDescriptorType,
    GetSetDescriptorType,
    type(_Field.of),  # what a NamedTuple finds its fields by
    type(Ellipsis),
    slice,
    range,
    np.ufunc,
    np.dtype,
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
    torch._ops.OpOverload,
    torch._ops.OpOverloadPacket,
)
"""Types of objects that do not change: their identity says all."""
_UNSEEN = (weakref.ProxyType, weakref.CallableProxyType, threading.local, type(cache(len)))
"""Types of objects that are another at other times, in other threads, or when they have been called before."""
_GONE = (LookupError, AttributeError, ValueError)  # what reading raises where nothing is any more

Check = tuple[Callable[[Any], Any], Any, Any]
"""A way to read a value, what to read with it, and what came of it."""


class UnwatchableError(ValueError):
    """A step reads what cannot be checked at each call: the message says what, and how to mend it."""


def _trusted(module: str | None) -> bool:
    return (module or "").partition(".")[0] in _TRUSTED


class Guards:
    """All that a cell's step can read besides its inputs and weights, as it is now.

    Attributes:
        key: Equal for cells whose steps are captured alike.
        alive: The objects whose identity stands in the key.
        problem: What cannot be checked, if anything: then the step must not be compiled.
    """

    def __init__(self, cell: nn.Module, seen: Observation) -> None:
        walk = _Walk(cell, seen)
        self.problem: str | None = None
        try:
            walk.everything()
        except UnwatchableError as error:
            self.problem = str(error)
        self.key = tuple(walk.key)
        self.alive = tuple(walk.alive)
        self._same = tuple(check for check, _ in walk.same)
        self._equal = tuple(check for check, _ in walk.equal)
        self._paths = tuple(path for _, path in (*walk.same, *walk.equal))

    def hold(self) -> bool:
        """Whether everything is as it was."""
        try:
            for read, key, value in self._same:
                if read(key) is not value:
                    return False
            for read, key, value in self._equal:
                if read(key) != value:
                    return False
        except _GONE:
            return False
        return True

    def changed(self) -> str:
        """What is not as it was, the first of it; for people."""
        identical = len(self._same)
        for i, (read, key, value) in enumerate((*self._same, *self._equal)):
            try:
                now = read(key)
            except _GONE:
                return self._paths[i]
            if now is not value and (i < identical or now != value):
                return self._paths[i]
        return "nothing"


class _Walk:
    """Collects the checks by following names from the cell on."""

    def __init__(self, cell: nn.Module, seen: Observation) -> None:
        self.cell = cell
        self.seen = seen
        self.key: list[Any] = []
        self.alive: list[Any] = []
        self.same: list[tuple[Check, str]] = []
        self.equal: list[tuple[Check, str]] = []
        self.visited: dict[int, int] = {}
        self.kept: list[Any] = []  # what was visited: no other object may get its number
        self.found: set[CodeType] = set()
        self.classes: set[tuple[type, str]] = set()
        self.globals: set[tuple[int, str]] = set()
        self.weights: dict[int, tuple[str, Check]] = {}
        for part in ("_parameters", "_buffers"):
            for path, module in cell.named_modules():
                for name, weight in module.__dict__[part].items():
                    check = (module.__dict__[part].__getitem__, name, weight)
                    self.weights.setdefault(id(weight), (f"{path}.{name}", check))

    def everything(self) -> None:
        self._module(self.cell, type(self.cell).__name__)
        for code in self.seen.codes - self.found:
            if not trusted_code(code):
                raise UnwatchableError(
                    f"the step calls {code.co_name} ({code.co_filename}:{code.co_firstlineno}) in a way that cannot be "
                    "checked at each call; let it be a global, a method, or an attribute of the cell"
                )
        for name in sorted(self.seen.outside):
            raise UnwatchableError(
                f"the step asks for {name}, whose answer may be another at the next call; let it depend on its inputs "
                "and on attributes alone"
            )

    # Checks

    def _is(self, read: Callable[[Any], Any], key: Any, value: Any, path: str) -> None:
        self.same.append(((read, key, value), path))
        self._count(path)

    def _equals(self, read: Callable[[Any], Any], key: Any, value: Any, path: str) -> None:
        self.equal.append(((read, key, value), path))
        self._count(path)

    def _count(self, path: str) -> None:
        if len(self.same) + len(self.equal) > MOST:
            raise UnwatchableError(
                f"the step reads {path}, and with it more than the {MOST} values that can be checked at each call; "
                "give the cell only what it needs, and tensors to register_buffer"
            )

    def _attribute(self, owner: Any, name: str, path: str) -> None:
        """An attribute that Python's own way finds: of a function, a closure, an object with slots."""
        value = getattr(owner, name)
        self._is(partial(getattr, owner), name, value, path)
        self._value(value, path)

    def _entry(self, owner: Mapping[str, Any], name: Any, path: str) -> None:
        self._is(owner.__getitem__, name, owner[name], path)
        self._value(owner[name], path)

    def _absent(self, owner: Mapping[str, Any], name: str, path: str) -> None:
        self._is(owner.__contains__, name, False, path)

    def _known(self, value: Any, path: str) -> bool:
        """Whether an object was met before; the key says where."""
        if id(value) in self.visited:
            self.key.append((path, "again", self.visited[id(value)]))
            return True
        self.visited[id(value)] = len(self.visited)
        self.kept.append(value)
        return False

    # Modules and classes

    def _module(self, module: nn.Module, path: str) -> None:
        if self._known(module, path):
            return
        own = module.__dict__
        self.key.append((path, type(module)))
        there = weakref.ref(module)
        self._is(_class_of, there, type(module), f"the class of {path}")
        self._is(_entries_of, there, own, f"the attributes of {path}")
        self._equals(_parts, own, _parts(own), f"the parts of {path}")
        for part in ("_parameters", "_buffers", "_modules"):
            entries = own[part]
            self._is(own.__getitem__, part, entries, f"{path}.{part}")
            self.key.append((part, *((name, value is None) for name, value in entries.items())))
            for name, value in entries.items():
                if value is None or part == "_modules":
                    self._is(entries.__getitem__, name, value, f"{path}.{name}")
        self._class(type(module), path, own)
        for name in self.seen.absent:
            if not hasattr(module, name):
                self._absent(own, name, f"{path}.{name}")
        for name in [name for name in own if name not in _OF_ANY_MODULE and self._reads(name)]:
            self._entry(own, name, f"{path}.{name}")
        for name, child in own["_modules"].items():
            if child is not None:
                self._module(child, f"{path}.{name}")

    def _reads(self, name: str) -> bool:
        return self.seen.any_name or name in self.seen.names

    def _class(self, kind: type, path: str, own: Mapping[str, Any] | None = None) -> None:
        """What an object's classes define under the step's names, and that nothing else comes before it."""
        classes = [each for each in kind.__mro__ if each is not nn.Module and not _foreign(each)]
        if classes and (kind, "__mro__") not in self.classes:
            self.classes.add((kind, "__mro__"))
            self._is(partial(getattr, kind), "__mro__", kind.__mro__, f"the bases of {kind.__name__}")
            if not _foreign(type(kind)):
                self._class(type(kind), f"the class of {kind.__name__}")
        named = [(each, [name for name in each.__dict__ if name in self.seen.names]) for each in classes]
        first: dict[str, type] = {}
        for each, names in named:
            for name in names:
                first.setdefault(name, each)
        for name, owner in first.items():
            if own is not None and name not in own:
                self._absent(own, name, f"{path}.{name}")
            for nearer in classes[: classes.index(owner)]:
                self._once(nearer, name)
        above = "super" in self.seen.names
        for each, names in named:
            for name in names:
                if above or first[name] is each:
                    self._once(each, name)

    def _once(self, kind: type, name: str) -> None:
        """What a class itself defines under a name: several objects may share it."""
        if (kind, name) in self.classes:
            return
        self.classes.add((kind, name))
        path = f"{kind.__name__}.{name}"
        if name in kind.__dict__:
            self._entry(kind.__dict__, name, path)
        else:
            self._absent(kind.__dict__, name, path)

    # Values

    def _value(self, value: Any, path: str) -> None:
        """Follows a value that a check has read."""
        if isinstance(value, Tensor):
            self._tensor(value, path)
        elif type(value) in _NUMBERS_AND_TEXTS:
            self.key.append((path, type(value), repr(value) if isinstance(value, float | complex) else value))
        elif isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, ModuleType | type | None):
            self.key.append((path, value.__name__))
            self._attribute(value, "__self__", path)
        elif isinstance(value, _OPAQUE) or (isinstance(value, type) and _foreign(value)):
            self.key.append((path, "object", id(value)))
            self.alive.append(value)
        elif isinstance(value, ModuleType):
            self._namespace(value, path)
        elif isinstance(value, nn.Module):
            self._module(value, path)
        elif not self._known(value, path):
            self._object(value, path)

    def _object(self, value: Any, path: str) -> None:
        self.key.append((path, type(value)))
        if isinstance(value, FunctionType):
            self._function(value, path)
        elif isinstance(value, type):
            self.key.append((path, value))
            self._class(value, path)
        elif isinstance(value, tuple):
            for i, part in enumerate(value):
                self._value(part, f"{path}[{i}]")
            self._class(type(value), path)
        elif isinstance(value, dict | MappingProxyType):
            self._entries(value, path)
        elif isinstance(value, list | deque):
            self._items(value, path)
        elif isinstance(value, set | frozenset | bytearray):
            self._copy(value, path)
        elif isinstance(value, np.ndarray | np.generic):
            self._array(value, path)
        elif wrapped := _wrapped(value):
            for name in wrapped:
                self._attribute(value, name, f"{path}.{name}")
        else:
            self._attributes(value, path)
        if isinstance(value, FunctionType | dict | list | deque | set | bytearray):
            for name in [name for name in getattr(value, "__dict__", ()) if self._reads(name)]:
                self._attribute(value, name, f"{path}.{name}")

    def _tensor(self, value: Tensor, path: str) -> None:
        """A tensor is a weight of the cell, and must stay it; the capture refuses others where the step uses them."""
        name, own = self.weights.get(id(value), ("", None))
        self.key.append((path, "weight", name))
        if own is not None:
            read, key, _ = own
            self._is(read, key, value, path)

    def _function(self, function: FunctionType, path: str) -> None:
        code = function.__code__
        self.key.append((path, code))
        self._is(partial(getattr, function), "__code__", code, path)
        self.found.update(nested(code))
        if code not in self.seen.codes:
            return  # it does not run
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self._attribute(function, name, f"the defaults of {path}")
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if name != "__class__":
                self._attribute(cell, "cell_contents", f"{name}, which {function.__qualname__} encloses")
        if not _trusted(function.__module__):
            self._globals(function)

    def _globals(self, function: FunctionType) -> None:
        space = function.__globals__
        for code in nested(function.__code__):
            for instruction in dis.get_instructions(code):
                name = instruction.argval
                if instruction.opname == "IMPORT_NAME" and not _trusted(name):
                    raise UnwatchableError(f"the step imports {name} ({code.co_filename}): import it outside the step")
                if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and (id(space), name) not in self.globals:
                    self.globals.add((id(space), name))
                    path = f"the global {name} of {space.get('__name__')}"
                    if name in space:
                        self._entry(space, name, path)
                    elif hasattr(builtins, name):
                        self._absent(space, name, path)

    def _namespace(self, module: ModuleType | None, path: str) -> None:
        """Of a module of the user's, what the step may read."""
        if module is None or _trusted(module.__name__) or self._known(module, path):
            return
        for name in [name for name in module.__dict__ if name in self.seen.names]:
            self._entry(module.__dict__, name, f"{module.__name__}.{name}")

    def _entries(self, entries: Mapping[Any, Any], path: str) -> None:
        self._equals(tuple, entries, tuple(entries), path)
        for key in entries:
            self.key.append((path, key if isinstance(key, str | int) else repr(key)))
            self._entry(entries, key, f"{path}[{key!r}]")

    def _items(self, items: Any, path: str) -> None:
        self._equals(len, items, len(items), path)
        self.key.append((path, len(items)))
        for i, item in enumerate(items):
            self._is(items.__getitem__, i, item, f"{path}[{i}]")
            self._value(item, f"{path}[{i}]")

    def _copy(self, value: Any, path: str) -> None:
        copy = bytes(value) if isinstance(value, bytearray) else frozenset(value)
        if len(copy) > MOST or not all(type(item) in _NUMBERS_AND_TEXTS for item in copy):
            raise UnwatchableError(
                f"the step reads {path}, a {type(value).__name__} that cannot be checked at each call"
            )
        self.key.append((path, copy))
        self._equals(type(copy), value, copy, path)

    def _array(self, value: Any, path: str) -> None:
        if value.nbytes > _MOST_BYTES or value.dtype.hasobject:
            raise UnwatchableError(
                f"the step reads {path}, a NumPy array of {value.nbytes:,} bytes, which cannot be checked at each "
                "call; give it to register_buffer as a tensor"
            )
        self.key.append((path, value.dtype.str, value.shape, value.tobytes()))
        self._equals(_of_array, value, _of_array(value), path)

    def _attributes(self, value: Any, path: str) -> None:
        """An object of the user's: its attributes, and what its class defines."""
        own = getattr(value, "__dict__", None)
        slots = [name for kind in type(value).__mro__ for name in _slots(kind)]
        for base in (float, int, complex, str, bytes):
            if isinstance(value, base):
                self.key.append((path, base.__repr__(value)))
                own = {} if own is None else own
        if isinstance(value, _UNSEEN) or (own is None and not slots and _foreign(type(value))):
            raise UnwatchableError(
                f"the step reads {path}, of type {type(value).__qualname__}, which cannot be checked at each call; "
                "keep numbers, texts, lists or small objects in the cell, and tensors as buffers"
            )
        self._is(type, value, type(value), f"the class of {path}")
        if hasattr(value, "__dict__"):
            self._is(partial(getattr, value), "__dict__", own, f"the attributes of {path}")
        for name in self.seen.absent:
            if own is not None and not hasattr(value, name):
                self._absent(own, name, f"{path}.{name}")
        self._class(type(value), path, own)
        for name in [name for name in own or {} if self._reads(name)]:
            self._entry(value.__dict__, name, f"{path}.{name}")
        for name in slots:
            if self._reads(name) and hasattr(value, name):
                self._attribute(value, name, f"{path}.{name}")


def _foreign(kind: type) -> bool:
    """Whether a class is Python's or torch's own, and taken as it is."""
    module = kind.__module__
    if not kind.__flags__ & _WRITTEN_IN_PYTHON:
        return True
    # What `type(...)` makes bears the name of the module that called it, but is not to be found there.
    found = hasattr(sys.modules.get(module), kind.__qualname__.partition(".")[0])
    return found and _trusted(module) and not module.startswith("ostinato")


def _slots(kind: type) -> Iterable[str]:
    slots = kind.__dict__.get("__slots__", ())
    private = f"_{kind.__name__.lstrip('_')}"
    names = (slots,) if isinstance(slots, str) else slots
    return [f"{private}{n}" if n.startswith("__") and not n.endswith("__") else n for n in names]


def _wrapped(value: Any) -> tuple[str, ...]:
    """Where what is called through an object lies."""
    if isinstance(value, MethodType):
        return ("__func__", "__self__")
    if isinstance(value, staticmethod | classmethod):
        return ("__func__",)
    if isinstance(value, property):
        return ("fget",)
    if isinstance(value, partial):
        return ("func", "args", "keywords")
    return ("__wrapped__",) if callable(value) and hasattr(value, "__wrapped__") else ()


def _entries_of(module: "weakref.ref[nn.Module]") -> dict[str, Any] | None:
    return getattr(module(), "__dict__", None)


def _parts(own: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(own["_parameters"]), tuple(own["_buffers"]), tuple(own["_modules"])


def _class_of(module: "weakref.ref[nn.Module]") -> type:
    return type(module())


def _of_array(value: Any) -> tuple[Any, ...]:
    return value.dtype.str, value.shape, value.tobytes()
