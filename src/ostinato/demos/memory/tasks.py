"""Tasks that need a memory of known length: what counts was shown long before it is asked for.

Every batch is drawn anew from (seed, step), so that nothing can be learned by heart; other seeds give data to test on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ostinato.errors import OstinatoError

SYMBOLS = 8
"""Different symbols to remember, in `copy` and `recall`."""

COPIED = 3
"""Symbols of a row that `copy` asks for; Arjovsky et al. (2016) have 10."""

NOISE = 4
"""Different symbols between question and answer in `recall`."""


class MemoryBatch(NamedTuple):
    """Rows of a memory task.

    Attributes:
        x: Input ``(batch, time, features)``, float32.
        target: What is asked for at the last `answers` steps, ``(batch, answers)``: classes (int64), or numbers
            (float32).
    """

    x: Tensor
    target: Tensor


@dataclass(frozen=True)
class MemoryTask:
    """A family of rows, one for each lag.

    Attributes:
        name: In tables.
        about: What is asked, in a few words.
        input_size: Features of a step.
        classes: That an answer may be; None where it is a number.
        least: The shortest lag.
        draw: Makes a batch from a generator, a number of rows and a lag.
    """

    name: str
    about: str
    input_size: int
    classes: int | None
    least: int
    draw: Callable[[np.random.Generator, int, int], MemoryBatch]

    @property
    def baseline(self) -> float:
        """The score of the best answer that looks at nothing: the share of one class, or an R2 of 0."""
        return 0.0 if self.classes is None else 1 / self.classes

    def batch(self, rows: int, lag: int, *, seed: int, step: int = 0) -> MemoryBatch:
        """Draws rows; the same seed and step give the same ones.

        Args:
            rows: How many.
            lag: Steps to bridge.
            seed: Of the data.
            step: Number of the batch among those of this seed.

        Raises:
            OstinatoError: For no rows, or too short a lag.
        """
        if rows < 1:
            raise OstinatoError(f"{self.name}: a batch needs at least 1 row, got {rows}")
        if lag < self.least:
            raise OstinatoError(f"{self.name}: the lag must be at least {self.least}, got {lag}")
        return self.draw(np.random.default_rng((seed, step)), rows, lag)


class MemoryBatches:
    """Endless fresh batches of one task at one lag, cut into epochs: `ostinato.data.batches.Batches`.

    Args:
        task: What is asked.
        lag: Steps to bridge.
        batch_size: Rows of a batch.
        length: Batches of an epoch.
        seed: Of the data.
    """

    def __init__(self, task: MemoryTask, lag: int, *, batch_size: int, length: int, seed: int) -> None:
        self.task, self.lag, self.batch_size, self.length, self.seed = task, lag, batch_size, length, seed

    def __len__(self) -> int:
        return self.length

    def epoch(self, number: int, start: int = 0) -> Iterator[MemoryBatch]:
        """The batches of an epoch from index `start` on."""
        for index in range(start, self.length):
            yield self.task.batch(self.batch_size, self.lag, seed=self.seed, step=number * self.length + index)

    def continues(self, index: int) -> bool:
        """Never: every batch holds other rows."""
        return False


def adding(random: np.random.Generator, rows: int, lag: int) -> MemoryBatch:
    """The adding problem (Hochreiter & Schmidhuber 1997, section 5.4), as Arjovsky et al. (2016, section 5.2) set it.

    A row is `lag` numbers uniform in [0, 1), each beside a mark: 1 at one step of the first half and at one of the
    second, else 0. What is asked for after the last step is the sum of the two marked numbers, which has mean 1 and
    variance 1/6.

    Returns:
        x ``(rows, lag, 2)``, target ``(rows, 1)``.
    """
    numbers = random.random((rows, lag), dtype=np.float32)
    marks = np.zeros((rows, lag), np.float32)
    every, half = np.arange(rows), lag // 2
    first, second = random.integers(half, size=rows), random.integers(half, lag, size=rows)
    marks[every, first] = marks[every, second] = 1
    target = numbers[every, first] + numbers[every, second]
    return MemoryBatch(torch.from_numpy(np.stack([numbers, marks], 2)), torch.from_numpy(target[:, None]))


def copy(random: np.random.Generator, rows: int, lag: int) -> MemoryBatch:
    """The copying problem (Arjovsky et al. 2016, section 5.1): `COPIED` symbols come back in their order.

    A row is the symbols, `lag` blanks, and a mark that asks for them, once for each. The last steps' answers are the
    symbols: each was shown ``lag + COPIED`` steps before it is asked for. Other than in the paper, nothing is asked
    for at the steps before.

    Returns:
        x ``(rows, lag + 2 * COPIED, SYMBOLS + 2)``, one-hot, target ``(rows, COPIED)``.
    """
    blank, mark = SYMBOLS, SYMBOLS + 1
    symbols = random.integers(SYMBOLS, size=(rows, COPIED))
    between, after = np.full((rows, lag), blank), np.full((rows, COPIED), mark)
    return MemoryBatch(_one_hot(np.concatenate([symbols, between, after], 1), SYMBOLS + 2), torch.from_numpy(symbols))


def recall(random: np.random.Generator, rows: int, lag: int) -> MemoryBatch:
    """Delayed recall: name at the last step the symbol of the first one, `lag` steps before, with noise in between.

    After the symbol come `lag` noise symbols of another alphabet, drawn for every row: the memory has to be held
    against what comes in, as in the tasks of Hochreiter & Schmidhuber (1997, section 5.2).

    Returns:
        x ``(rows, 1 + lag, SYMBOLS + NOISE)``, one-hot, target ``(rows, 1)``.
    """
    symbol = random.integers(SYMBOLS, size=(rows, 1))
    noise = random.integers(SYMBOLS, SYMBOLS + NOISE, size=(rows, lag))
    return MemoryBatch(_one_hot(np.concatenate([symbol, noise], 1), SYMBOLS + NOISE), torch.from_numpy(symbol))


def parity(random: np.random.Generator, rows: int, lag: int) -> MemoryBatch:
    """Parity: whether the number of ones among `lag` bits is odd, asked for after the last bit.

    Every single bit changes the answer. The number of ones is uniform from 0 to `lag` (to ``lag - 1`` for an even lag,
    so that odd and even are equally likely), their places are random: rows with few ones show what one bit does. Of
    bits tossed like coins nearly all rows hold about as many ones as zeros, and learning takes far longer.

    Returns:
        x ``(rows, lag, 1)`` of 0 and 1, target ``(rows, 1)``, 1 for odd.
    """
    ones = random.integers((lag + 1) // 2 * 2, size=(rows, 1))
    bits = random.permuted(np.arange(lag) < ones, axis=1).astype(np.int64)
    return MemoryBatch(torch.from_numpy(bits[..., None].astype(np.float32)), torch.from_numpy(bits.sum(1)[:, None] % 2))


def _one_hot(symbols: np.ndarray, size: int) -> Tensor:
    return torch.from_numpy(np.eye(size, dtype=np.float32)[symbols])


MEMORY_TASKS = {
    task.name: task
    for task in (
        MemoryTask("recall", "name the first symbol after T steps of noise", SYMBOLS + NOISE, SYMBOLS, 1, recall),
        MemoryTask("copy", f"repeat {COPIED} symbols after T blanks", SYMBOLS + 2, SYMBOLS, 1, copy),
        MemoryTask("adding", "add the two marked ones of T numbers", 2, None, 2, adding),
        MemoryTask("parity", "tell whether the ones among T bits are odd in number", 1, 2, 1, parity),
    )
}
"""Every task by its name."""
