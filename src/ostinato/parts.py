"""What a model is made of, taken apart into tensors and JSON, and put together again.

A part is one of

- a tensor or an array;
- a dataclass or a named tuple of parts: its tensors are named ``field.tensor``;
- a mapping from names to parts, or None where the annotation allows it;
- a `Part`, which says itself what is to be kept of it;
- anything else that pydantic reads from JSON by its annotation, strictly.

The annotations of the fields are the schema: what does not fit them is refused with its place.
"""

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Protocol, Self, Union, get_args, get_origin, get_type_hints, runtime_checkable

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

Json = Any
TENSOR = "tensor"
"""What stands in the JSON in place of a tensor."""


class Misfit(ValueError):  # noqa: N818 (what it is, whoever reads it makes the error)
    """What was saved is not of the form it should have.

    Args:
        place: The names that lead there, with dots between.
        message: What is wrong there.
    """

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}" if place else message)


@runtime_checkable
class Part(Protocol):
    """Something that says itself what is to be kept of it."""

    def saved(self) -> tuple[dict[str, Tensor], Json]:
        """Its tensors by name (an only one may be called ""), and all else, fit for JSON."""
        ...

    @classmethod
    def restored(cls, tensors: Mapping[str, Tensor], content: Json) -> Self:
        """What `saved` came from.

        Raises:
            ValueError, KeyError, TypeError: It came from nothing of the kind.
        """
        ...


def taken_apart(part: Any, kind: Any) -> tuple[dict[str, Tensor], Json]:
    """The tensors of a part by name, and all else, fit for JSON.

    Args:
        part: See the module.
        kind: Its annotation.
    """
    if part is None:
        return {}, None
    if isinstance(part, Tensor):
        return {"": part}, TENSOR
    if isinstance(part, np.ndarray):
        return {"": torch.from_numpy(np.array(part))}, TENSOR
    choices = _choices(kind)
    if len(choices) > 1 and any(_is_whole(choice) for choice in choices):
        tensors, content = taken_apart(part, type(part))
        return tensors, {"kind": type(part).__name__, "content": content}
    if isinstance(part, Part):
        return part.saved()
    if fields := fields_of(type(part)):
        return fields_apart(part, fields)
    if _holds_parts(kind := choices[0]):
        return all_apart(part, dict.fromkeys(part, get_args(kind)[1]))
    return {}, TypeAdapter(kind).dump_python(part, mode="json")


def put_together(kind: Any, tensors: Mapping[str, Tensor], content: Json, place: str = "") -> Any:
    """What `taken_apart` came from.

    Args:
        kind: The annotation of the part.
        tensors: Of the part, by name; no others.
        content: All else.
        place: The names that lead to the part, for errors.

    Raises:
        Misfit: It is not of the annotation's form.
    """
    choices = _choices(kind)
    if content is None and NoneType in get_args(kind):
        _refuse_left(tensors, place)
        return None
    if len(choices) > 1 and any(_is_whole(choice) for choice in choices):
        known = [choice.__name__ for choice in choices]
        if not isinstance(content, dict) or content.keys() != {"kind", "content"} or content["kind"] not in known:
            raise Misfit(place, f"not one of {', '.join(known)}")
        return put_together(choices[known.index(content["kind"])], tensors, content["content"], place)
    kind = choices[0]
    if _is_tensor(kind):
        if content != TENSOR or tensors.keys() != {""}:
            raise Misfit(place, "a tensor should be here")
        return tensors[""] if kind is Tensor else _array(kind, tensors[""], place)
    if isinstance(kind, type) and hasattr(kind, "restored"):
        return _made(place, kind.restored, tensors, content)
    if fields := fields_of(kind):
        return _made(place, kind, **all_together(fields, tensors, content, place, with_default(kind)))
    if _holds_parts(kind):
        if not isinstance(content, dict):
            raise Misfit(place, "a mapping should be here")
        return all_together(dict.fromkeys(content, get_args(kind)[1]), tensors, content, place)
    _refuse_left(tensors, place)
    return _read(kind, content, place)


def all_apart(parts: Mapping[str, Any], kinds: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Json]]:
    """`taken_apart` of several parts: all tensors, each behind the name of its part, and the JSON of each part."""
    apart = {name: taken_apart(parts[name], kind) for name, kind in kinds.items()}
    tensors = {f"{name}.{key}".rstrip("."): tensor for name, (own, _) in apart.items() for key, tensor in own.items()}
    return tensors, {name: content for name, (_, content) in apart.items()}


def fields_apart(part: Any, kinds: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Json]]:
    """`all_apart` of some fields of a part, by the annotations of those that are to be kept."""
    return all_apart({name: getattr(part, name) for name in kinds}, kinds)


def all_together(
    kinds: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    content: Json,
    place: str = "",
    optional: Collection[str] = (),
) -> dict[str, Any]:
    """The parts that `all_apart` came from, by name.

    Args:
        kinds: The annotations of the parts.
        tensors: Of all of them.
        content: All else.
        place: The names that lead there, for errors.
        optional: Parts that may be missing: what was saved before there were such has none.

    Raises:
        Misfit: They are not of their annotations' form, or there are more or fewer of them.
    """
    missing = set(optional) - _mapping(content, kinds, place).keys()
    kinds = {name: kind for name, kind in kinds.items() if name not in missing}
    _require_keys(content, kinds, place)
    left, made = dict(tensors), {}
    for name, kind in kinds.items():
        under = [key for key in left if key == name or key.startswith(f"{name}.")]
        own = {key.removeprefix(name).removeprefix("."): left.pop(key) for key in under}
        made[name] = put_together(kind, own, content[name], f"{place}.{name}".strip("."))
    _refuse_left(left, place)
    return made


def _array(kind: Any, tensor: Tensor, place: str) -> np.ndarray[Any, Any]:
    """A tensor as an array of the number format that its annotation names."""
    wanted = get_args(get_args(kind)[1])[0] if get_args(kind) else Any
    array = tensor.numpy()
    if wanted is not Any and array.dtype != wanted:
        raise Misfit(place, f"numbers of format {array.dtype} where {np.dtype(wanted)} should be")
    return array


def _made(place: str, make: Any, *arguments: Any, **fields: Any) -> Any:
    """What is made of them, where they go together."""
    try:
        return make(*arguments, **fields)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise Misfit(place, f"it cannot be made ({type(error).__name__}: {error})") from error


def _read(kind: Any, content: Json, place: str) -> Any:
    """A value by its annotation. Numbers must be finite: none that is not is ever saved."""
    try:
        return TypeAdapter(kind).validate_json(json.dumps(content, allow_nan=False), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise Misfit(".".join([place, *map(str, first["loc"])]).strip("."), first["msg"]) from None
    except ValueError:
        raise Misfit(place, "a number that is not finite") from None


def _mapping(content: Json, fields: Mapping[str, Any], place: str) -> dict[str, Json]:
    if not isinstance(content, dict):
        raise Misfit(place, f"a mapping of {', '.join(fields)} should be here")
    return content


def _require_keys(content: Json, fields: Mapping[str, Any], place: str) -> None:
    for name in fields.keys() ^ _mapping(content, fields, place).keys():
        raise Misfit(f"{place}.{name}".strip("."), "missing" if name in fields else "nothing of that name is known")


def _refuse_left(tensors: Mapping[str, Tensor], place: str) -> None:
    for name in tensors:
        raise Misfit(place, f"unexpected tensor {name!r}")


def _choices(kind: Any) -> list[Any]:
    """The kinds that an annotation allows besides None."""
    return [one for one in get_args(kind) if one is not NoneType] if get_origin(kind) in (Union, UnionType) else [kind]


def _is_tensor(kind: Any) -> bool:
    return kind is Tensor or kind is np.ndarray or get_origin(kind) is np.ndarray


def _is_whole(kind: Any) -> bool:
    """Whether it is a part with parts, or one that says itself what is kept of it."""
    return isinstance(kind, type) and (hasattr(kind, "restored") or bool(fields_of(kind)))


def _holds_parts(kind: Any) -> bool:
    """Whether it is a mapping to tensors or parts."""
    if get_origin(kind) not in (dict, Mapping):
        return False
    value = _choices(get_args(kind)[1])
    return any(_is_tensor(choice) or _is_whole(choice) for choice in value)


def fields_of(kind: Any) -> dict[str, Any]:
    """The fields of a dataclass or a named tuple and their annotations."""
    if not isinstance(kind, type):
        return {}
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = get_type_hints(kind)
        return {name: hints[name] for name in kind._fields}
    return {}


def with_default(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a dataclass that may be left out when one is made."""
    if not dataclasses.is_dataclass(kind):
        return ()
    missing = dataclasses.MISSING
    return tuple(
        field.name for field in dataclasses.fields(kind) if (field.default, field.default_factory) != (missing, missing)
    )


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of a tensor that holds NaN, or a number beyond all bounds; None where all are finite."""
    return next(
        (name for name, each in tensors.items() if each.is_floating_point() and not each.isfinite().all()), None
    )


def lines_tensor(texts: Sequence[str]) -> Tensor:
    """Many texts without line ends as one tensor, their UTF-8 bytes: JSON is for a few."""
    return torch.from_numpy(np.frombuffer("".join(f"{text}\n" for text in texts).encode(), np.uint8).copy())


def lines_of(tensor: Tensor) -> tuple[str, ...]:
    """The texts of `lines_tensor`.

    Raises:
        ValueError: It came from nothing of the kind.
    """
    *texts, rest = tensor.numpy().tobytes().decode().split("\n")
    if rest or tensor.dtype != torch.uint8:
        raise ValueError("these are not the bytes of whole lines")
    return tuple(texts)
