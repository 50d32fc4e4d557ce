"""Writing: units drawn one after another, each from what the network makes of those before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ostinato.errors import OstinatoError
from ostinato.tasks.language.model import LanguageParts
from ostinato.tasks.language.writing import BackwardPage, ForwardPage, Page
from ostinato.topologies import sample, top_k_top_p_filter

BATCH = 64
"""Texts written side by side."""


@dataclass(frozen=True)
class Sampling:
    """How units are drawn.

    Args:
        length: Units to write at most.
        temperature: What the scores are divided by: below 1 the likely becomes likelier.
        top_k: Only the so many likeliest units; None for all.
        top_p: Only the likeliest units, as many as hold this share of the probability.
        stops: Texts at any of which writing ends; they are not written.

    Raises:
        OstinatoError: For a value out of range.
    """

    length: int
    temperature: float
    top_k: int | None
    top_p: float
    stops: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.length < 0:
            raise OstinatoError(f"length must be at least 0, got {self.length}")
        if not all(self.stops):
            raise OstinatoError("stop must be a text of at least one character: leave it out to stop nowhere")
        try:
            self.draw(torch.zeros(1, 2), None)
        except ValueError as error:
            raise OstinatoError(str(error)) from None

    def draw(self, scores: Tensor, random: torch.Generator | None) -> Tensor:
        """One unit per row ``(batch,)`` by scores ``(batch, units)``."""
        allowed = top_k_top_p_filter(scores, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p)
        return sample(allowed, random)


def stops_of(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """One stop, several or none, as a tuple."""
    return () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)


def random_of(seed: int | None) -> torch.Generator:
    """A generator of random numbers; without a seed each is another.

    Raises:
        OstinatoError: The seed is not a whole number of 63 bits.
    """
    if seed is not None and not 0 <= seed < 2**63:
        raise OstinatoError(f"seed must be at least 0 and below 2^63, got {seed}")
    random = torch.Generator()
    if seed is None:
        random.seed()
    else:
        random.manual_seed(seed)
    return random


def pieces(model: LanguageParts, prompt: str, sampling: Sampling, random: torch.Generator) -> Iterator[str]:
    """A text, piece by piece as it is written."""
    page = _page(model, prompt, sampling)
    for (unit,) in _units(model, [prompt], sampling, random):
        if piece := page.add(unit):
            yield piece
        if page.done:
            break
    if piece := page.close():
        yield piece


def texts(model: LanguageParts, prompts: Sequence[str], sampling: Sampling, random: torch.Generator) -> Iterator[str]:
    """A text for each prompt, `BATCH` of them at a time."""
    for start in range(0, len(prompts), BATCH):
        some = prompts[start : start + BATCH]
        pages = [_page(model, prompt, sampling) for prompt in some]
        written = [""] * len(some)
        for units in _units(model, some, sampling, random):
            for row, (page, unit) in enumerate(zip(pages, units, strict=True)):
                if not page.done:
                    written[row] += page.add(unit)
            if all(page.done for page in pages):
                break
        yield from (text + page.close() for text, page in zip(written, pages, strict=True))


def context(model: LanguageParts, prompt: str) -> list[int]:
    """The units that the network reads before it writes: a line end, and the prompt, from its end when backward."""
    text = prompt.lower() if model.settings.lowercase else prompt
    ids = model.tokenizer.encode(text).tolist()
    return [model.first, *(reversed(ids) if model.settings.reverse else ids)]


@torch.inference_mode()
def _units(
    model: LanguageParts, prompts: Sequence[str], sampling: Sampling, random: torch.Generator
) -> Iterator[list[int]]:
    """The next unit of every text, step by step."""
    if not sampling.length:
        return
    rows = [torch.tensor(context(model, prompt)) for prompt in prompts]
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    alike = bool((lengths == lengths[0]).all())
    scores, state = model.network.following(ids, lengths=None if alike else lengths)
    for step in range(sampling.length):
        if step:
            scores, state = model.network.following(ids, state)
        if model.tokenizer.unknown is not None:
            scores[:, model.tokenizer.unknown] = -torch.inf  # nobody wants to read <unk>
        ids = sampling.draw(scores, random)[:, None]
        yield ids[:, 0].tolist()


def _page(model: LanguageParts, prompt: str, sampling: Sampling) -> Page:
    kind = BackwardPage if model.settings.reverse else ForwardPage
    return kind(model.tokenizer, prompt, sampling.stops)
