"""What a model is made of is taken apart into tensors and JSON and put together again, or refused with its place."""

import json
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from ostinato.parts import Misfit, lines_of, lines_tensor, put_together, taken_apart


class Point(NamedTuple):
    x: float
    label: str = ""


@dataclass(frozen=True, eq=False)
class Line:
    start: Point
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    weights: Tensor
    kind: Literal["open", "closed"]


class Lines:
    """Says itself what is kept of it."""

    def __init__(self, texts):
        self.texts = texts

    def saved(self):
        return {"": torch.tensor(list("\n".join(self.texts).encode()), dtype=torch.uint8)}, {"count": len(self.texts)}

    @classmethod
    def restored(cls, tensors, content):
        texts = bytes(tensors[""].tolist()).decode().split("\n")
        if len(texts) != content["count"]:
            raise ValueError("a text is missing")
        return cls(texts)


@dataclass(frozen=True, eq=False)
class Drawing:
    shape: Line | Curve
    other: Line | None
    names: tuple[str, ...]
    lines: Lines
    arrays: dict[str, npt.NDArray[np.int64]]
    sizes: dict[str, int]
    most: int | None


def drawing():
    line = Line(Point(0.5, "here"), np.array([[1.0, 2.0]]))
    arrays = {"first.one": np.arange(3), "second": np.zeros(0, np.int64)}
    return Drawing(line, None, ("a", "b"), Lines(["one", "two"]), arrays, {"a": 1}, None)


def kept():
    tensors, content = taken_apart(drawing(), Drawing)
    return tensors, json.loads(json.dumps(content))


def test_tensors_are_named_by_the_fields_that_lead_to_them():
    assert sorted(kept()[0]) == ["arrays.first.one", "arrays.second", "lines", "shape.weights"]


def test_what_was_taken_apart_is_put_together_again():
    made = put_together(Drawing, *kept())
    assert isinstance(made.shape, Line)
    assert made.shape.start == Point(0.5, "here")
    np.testing.assert_array_equal(made.shape.weights, [[1.0, 2.0]])
    assert (made.other, made.names, made.sizes, made.most) == (None, ("a", "b"), {"a": 1}, None)
    assert made.lines.texts == ["one", "two"]
    assert {name: each.tolist() for name, each in made.arrays.items()} == {"first.one": [0, 1, 2], "second": []}


def test_one_of_several_kinds_is_found_again():
    tensors, content = taken_apart(Curve(torch.ones(2), "closed"), Line | Curve)
    made = put_together(Line | Curve, tensors, content)
    assert isinstance(made, Curve)
    assert made.kind == "closed"


DAMAGED = {
    "a kind that is not there": (("shape", "kind"), "Circle", r"shape: not one of Line, Curve"),
    "a number for a text": (("names",), [1], r"names\.0: .*string"),
    "a text for a number": (("shape", "content", "start", "x"), "far", r"shape\.start\.x: .*number"),
    "a number that is not finite": (("shape", "content", "start", "x"), float("nan"), r"shape\.start\.x: .*not finite"),
    "a number for a mapping": (("sizes",), 3, r"sizes: .*object"),
    "a share for a count": (("sizes", "a"), 1.5, r"sizes\.a: .*integer"),
    "a number for a tensor": (("shape", "content", "weights"), 3, r"shape\.weights: a tensor should be here"),
    "a part that disagrees": (("lines", "count"), 3, r"lines: it cannot be made .*a text is missing"),
    "a part without its content": (("lines",), {}, r"lines: it cannot be made .*count"),
    "a tensor that is not there": (("arrays", "third"), "tensor", r"arrays\.third: a tensor should be here"),
}


@pytest.mark.parametrize("which", DAMAGED)
def test_what_does_not_fit_is_refused_with_its_place(which):
    (*way, last), value, message = DAMAGED[which]
    tensors, content = kept()
    inner = content
    for name in way:
        inner = inner[name]
    inner[last] = value
    with pytest.raises(Misfit, match=message):
        put_together(Drawing, tensors, content)


def test_more_or_less_than_there_should_be_is_refused():
    tensors, content = kept()
    with pytest.raises(Misfit, match=r"colour: nothing of that name is known"):
        put_together(Drawing, tensors, content | {"colour": "red"})
    with pytest.raises(Misfit, match=r"names: missing"):
        put_together(Drawing, tensors, {name: each for name, each in content.items() if name != "names"})
    with pytest.raises(Misfit, match=r"unexpected tensor 'colour'"):
        put_together(Drawing, tensors | {"colour": torch.ones(1)}, content)


def test_an_array_has_the_number_format_of_its_annotation():
    tensors, content = kept()
    with pytest.raises(Misfit, match=r"shape\.weights: numbers of format float32 where float64 should be"):
        put_together(Drawing, tensors | {"shape.weights": torch.ones(1, 2)}, content)


@pytest.mark.parametrize("texts", [(), ("",), ("", ""), ("one", "", "żółw 😀"), ("a\u2028b\r",)])
def test_texts_come_back_from_their_bytes(texts):
    assert lines_of(lines_tensor(texts)) == texts


@pytest.mark.parametrize(
    "tensor", [torch.tensor([97], dtype=torch.uint8), torch.tensor([255, 10], dtype=torch.uint8), torch.tensor([10.0])]
)
def test_bytes_that_are_not_of_whole_lines_are_refused(tensor):
    with pytest.raises(ValueError, match=r"whole lines|decode"):
        lines_of(tensor)
