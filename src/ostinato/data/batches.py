"""The order of batches: the same for a resumed run as for an uninterrupted one, and shared out among processes."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

from ostinato.errors import OstinatoError

B = TypeVar("B")
B_co = TypeVar("B_co", covariant=True)

HALVED = 0.05
"""Share of the chunks of jittered streams that are about half as long as the others."""


class Batches(Protocol[B_co]):
    """What a training loop reads: epochs of batches, each in an order that depends on nothing but (seed, number)."""

    def __len__(self) -> int:
        """Batches in an epoch."""
        ...

    def epoch(self, number: int, start: int = 0) -> Iterator[B_co]:
        """The batches of epoch `number` (counted from 0), from index `start` on."""
        ...

    def continues(self, index: int) -> bool:
        """Whether batch `index` continues the one before it: the same rows, later time steps, so state is carried."""
        ...


@runtime_checkable
class ScalesLearningRate(Protocol):
    """Batches of different lengths, which the learning rate follows."""

    def lr_scale(self, number: int, index: int) -> float:
        """What the learning rate is multiplied by at batch `index` of epoch `number`."""
        ...


class IndexBatches(Generic[B]):
    """Batches of rows chosen by index, shuffled anew each epoch.

    With `world_size` processes each one takes an equal part of every *global* batch of `batch_size` rows. For that a
    global batch is trimmed to a multiple of `world_size` rows: up to `world_size - 1` rows of a batch are left out of
    an epoch, other ones each time.

    Args:
        size: rows there are.
        batch_size: rows of a global batch; the last batch of an epoch may hold fewer.
        gather: makes the batch of the given row indices, an int64 array.
        shuffle: whether to draw the rows of an epoch in random order.
        seed: of the order.
        rank: number of this process.
        world_size: number of processes.
        limit: at most this many batches an epoch (a random subset of the rows when shuffled); None for all.

    Raises:
        OstinatoError: there are no rows for every process, or a batch is smaller than the number of processes.

    Example:
        >>> import torch
        >>> from ostinato.data import IndexBatches
        >>> x = torch.arange(10.0)
        >>> batches = IndexBatches(10, batch_size=4, gather=lambda rows: x[torch.from_numpy(rows)], seed=1)
        >>> [len(batch) for batch in batches.epoch(1)]
        [4, 4, 2]
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        gather: Callable[[np.ndarray], B],
        *,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        limit: int | None = None,
    ) -> None:
        _check_sizes(size, batch_size, world_size)
        self.size, self.batch_size, self.gather = size, batch_size, gather
        self.shuffle, self.seed, self.rank, self.world_size = shuffle, seed, rank, world_size
        full, rest = divmod(size, batch_size)
        whole = full + (rest >= world_size)
        self._length = whole if limit is None else min(whole, limit)

    def __len__(self) -> int:
        return self._length

    def epoch(self, number: int, start: int = 0) -> Iterator[B]:
        """The batches of an epoch from index `start` on."""
        order = (
            np.random.default_rng((self.seed, number)).permutation(self.size) if self.shuffle else np.arange(self.size)
        )
        for index in range(start, len(self)):
            rows = order[index * self.batch_size : (index + 1) * self.batch_size]
            part = len(rows) // self.world_size
            yield self.gather(rows[self.rank * part : (self.rank + 1) * part])

    def continues(self, index: int) -> bool:
        """Never: every batch holds other rows."""
        return False


def _check_sizes(size: int, batch_size: int, world_size: int) -> None:
    if size < world_size:
        raise OstinatoError(f"{size} rows to train on for {world_size} processes: each needs at least one row")
    if batch_size < world_size:
        raise OstinatoError(f"batch_size={batch_size} is less than the number of processes, {world_size}: raise it")


class BucketBatches(Generic[B]):
    """Batches of rows of like length, so that little is padded; shuffled anew each epoch.

    The rows of an epoch are shuffled, sorted by length within pools of many batches, cut into batches, and the batches
    shuffled. With `world_size` processes each takes an equal part of every global batch, as in `IndexBatches`.

    Args:
        lengths: of each row, int64 ``(rows,)``.
        batch_size: rows of a global batch; the last of a pool may hold fewer.
        gather: makes the batch of the given row indices, an int64 array.
        seed: of the order.
        rank: number of this process.
        world_size: number of processes.
        pool: batches sorted together.

    Raises:
        OstinatoError: there are no rows for every process, or a batch is smaller than the number of processes.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import BucketBatches
        >>> lengths = np.array([3, 90, 4, 88, 5, 91])
        >>> batches = BucketBatches(lengths, batch_size=3, gather=lambda rows: sorted(lengths[rows].tolist()))
        >>> sorted(batches.epoch(1))
        [[3, 4, 5], [88, 90, 91]]
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        gather: Callable[[np.ndarray], B],
        *,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        pool: int = 50,
    ) -> None:
        _check_sizes(len(lengths), batch_size, world_size)
        self.lengths, self.batch_size, self.gather = np.asarray(lengths), batch_size, gather
        self.seed, self.rank, self.world_size, self.pool = seed, rank, world_size, pool

    def __len__(self) -> int:
        return len(self._cuts())

    def _cuts(self) -> list[slice]:
        """Where each batch lies among the rows in the order of an epoch."""
        size, most = len(self.lengths), self.batch_size
        cuts = [slice(start, min(start + most, size)) for start in range(0, size, most)]
        return [cut for cut in cuts if cut.stop - cut.start >= self.world_size]

    def epoch(self, number: int, start: int = 0) -> Iterator[B]:
        """The batches of an epoch from index `start` on."""
        random = np.random.default_rng((self.seed, number))
        order = random.permutation(len(self.lengths))
        step = self.pool * self.batch_size
        pools = [order[first : first + step] for first in range(0, len(order), step)]
        order = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        cuts = self._cuts()
        for index in random.permutation(len(cuts))[start:]:
            rows = order[cuts[index]]
            part = len(rows) // self.world_size
            yield self.gather(rows[self.rank * part : (self.rank + 1) * part])

    def continues(self, index: int) -> bool:
        """Never: every batch holds other rows."""
        return False


class AugmentedBatches(Generic[B]):
    """Batches of rows that are augmented: each is made with a generator of random numbers of its own.

    What it draws depends on the seed, the epoch, the batch and the process alone, so that a resumed run is as an
    uninterrupted one.

    Args:
        rows: the order of the rows; its `gather` gives them as they come.
        gather: makes the batch of the given row indices, with a generator to draw from.

    Example:
        >>> import numpy as np
        >>> from ostinato.data import AugmentedBatches, BucketBatches
        >>> rows = BucketBatches(np.ones(4), batch_size=2, gather=lambda rows: rows)
        >>> noisy = AugmentedBatches(rows, lambda rows, rng: (rows + rng.normal(size=2)).round(2).tolist())
        >>> list(noisy.epoch(0)) == list(noisy.epoch(0)), list(noisy.epoch(0)) == list(noisy.epoch(1))
        (True, False)
    """

    def __init__(self, rows: BucketBatches[np.ndarray], gather: Callable[[np.ndarray, np.random.Generator], B]) -> None:
        self.rows, self.gather = rows, gather

    def __len__(self) -> int:
        return len(self.rows)

    def epoch(self, number: int, start: int = 0) -> Iterator[B]:
        """The batches of an epoch from index `start` on."""
        for index, rows in enumerate(self.rows.epoch(number, start), start):
            yield self.gather(rows, np.random.default_rng((self.rows.seed, number, index, self.rows.rank)))

    def continues(self, index: int) -> bool:
        """Never: every batch holds other rows."""
        return False


class StreamBatches:
    """Truncated backpropagation through time over parallel streams: consecutive chunks, each continuing the last.

    Every epoch runs through the streams from their beginning. With `world_size` processes each takes an equal number of
    streams; up to `world_size - 1` streams are left out.

    With `jitter` the chunks end elsewhere in every epoch, their number stays: lengths are drawn around `chunk`, one in
    twenty around half of it, and the learning rate follows them (Merity et al. 2018, section 5); they are then
    stretched to fill the streams. With `shift` every epoch begins somewhere else in the streams, so that other steps
    come together, and leaves out up to two chunks at their ends.

    Args:
        tensors: one or more of shape (batch, time, ...), alike in both; a batch is the tuple of their chunks.
        chunk: time steps of a batch; the last of an epoch may be shorter.
        jitter: standard deviation of the lengths of chunks, in steps, at most a quarter of `chunk`; 0 for all alike.
        shift: whether epochs begin in different places.
        seed: of the lengths and places.
        rank: number of this process.
        world_size: number of processes.

    Raises:
        OstinatoError: the tensors differ in batch or time, hold nothing, or there are fewer streams than processes.

    Example:
        >>> import torch
        >>> from ostinato.data import StreamBatches
        >>> x = torch.randn(8, 50, 3)
        >>> batches = StreamBatches(x, x.cumsum(1), chunk=20)
        >>> [inputs.shape[1] for inputs, targets in batches.epoch(1)]
        [20, 20, 10]
        >>> batches.continues(0), batches.continues(1)  # whether the state goes on from the chunk before
        (False, True)
    """

    def __init__(
        self,
        *tensors: Tensor,
        chunk: int,
        jitter: float = 0.0,
        shift: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        shapes = {tuple(tensor.shape[:2]) for tensor in tensors}
        if len(shapes) != 1:
            raise OstinatoError(f"streams must agree in (batch, time), these have {sorted(shapes)}")
        streams, self.steps = shapes.pop()
        if streams < world_size or not self.steps:
            raise OstinatoError(
                f"{streams} streams of {self.steps} steps for {world_size} processes: too few to train on"
            )
        part = streams // world_size
        self.tensors = tuple(tensor[rank * part : (rank + 1) * part] for tensor in tensors)
        self.chunk, self.jitter, self.shift, self.seed = chunk, jitter, shift, seed

    def __len__(self) -> int:
        return max(self.steps // self.chunk - 1, 1) if self.shift else -(-self.steps // self.chunk)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """The chunks of the streams from index `start` on, the same in every epoch but for `jitter` and `shift`."""
        ends = self._ends(number)
        for index in range(start, len(self)):
            yield tuple(tensor[:, ends[index] : ends[index + 1]] for tensor in self.tensors)

    def continues(self, index: int) -> bool:
        """All but the first of an epoch."""
        return index > 0

    def lr_scale(self, number: int, index: int) -> float:
        """The length of a chunk over `chunk`; without `jitter` always 1."""
        if not self.jitter:
            return 1.0
        ends = self._ends(number)
        return float(ends[index + 1] - ends[index]) / self.chunk

    def _ends(self, number: int) -> np.ndarray:
        """Where the chunks of an epoch end, and before them where the first begins, ``(chunks + 1,)``."""
        size, random = len(self), np.random.default_rng((self.seed, number))
        steps = min(size * self.chunk, self.steps)
        begin = int(random.integers(self.steps - steps + 1)) if self.shift else 0
        counted = np.arange(size + 1)
        if not self.jitter:
            return begin + np.minimum(counted * self.chunk, steps)
        around = np.where(random.random(size) < HALVED, self.chunk / 2, self.chunk)
        lengths = np.maximum(random.normal(around, self.jitter), self.chunk / 8)
        ends = np.concatenate([[0], (lengths.cumsum() * (steps / lengths.sum())).round().astype(np.int64)])
        ends = np.maximum.accumulate(ends - counted) + counted  # at least one step each
        placed: np.ndarray = begin + np.minimum(ends, steps - size + counted)
        return placed


class ChunkedBatches(Generic[B]):
    """Truncated backpropagation through time over batches of whole sequences, each cut into consecutive chunks.

    Args:
        source: batches of whole sequences, all of them with `steps` time steps.
        steps: time steps of every batch of `source`.
        chunk: time steps of a piece; the last of a batch may be shorter.
        cut: the piece of a batch at a slice of time.
    """

    def __init__(self, source: Batches[B], steps: int, chunk: int, cut: Callable[[B, slice], B]) -> None:
        self.source, self.cut = source, cut
        self.pieces = [slice(begin, min(begin + chunk, steps)) for begin in range(0, steps, chunk)]

    def __len__(self) -> int:
        return len(self.source) * len(self.pieces)

    def epoch(self, number: int, start: int = 0) -> Iterator[B]:
        """The pieces of an epoch from index `start` on."""
        whole, skip = divmod(start, len(self.pieces))
        pieces = (self.cut(batch, piece) for batch in self.source.epoch(number, whole) for piece in self.pieces)
        return islice(pieces, skip, None)

    def continues(self, index: int) -> bool:
        """All but the first piece of each batch."""
        return index % len(self.pieces) > 0
