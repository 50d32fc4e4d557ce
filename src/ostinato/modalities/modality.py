"""What an element of a sequence is: from checked records to steps, and from batches of steps to features."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from ostinato.parts import all_together, fields_apart, fields_of

Steps = npt.NDArray[Any]
"""One sequence: an array whose first axis is time."""


class FrontEnd(nn.Module, ABC):
    """The first part of a network: batches of steps become features.

    Attributes:
        width: Features of a step that it gives.

    Example:
        >>> import torch
        >>> from ostinato.modalities import FrontEnd
        >>> class Differences(FrontEnd):
        ...     width = 3
        ...     def forward(self, x, lengths):
        ...         return x.diff(dim=1, prepend=x[:, :1]), lengths
        >>> features, lengths = Differences()(torch.randn(4, 20, 3), torch.tensor([20, 7, 3, 1]))
        >>> features.shape
        torch.Size([4, 20, 3])
    """

    width: int

    def steps_of(self, lengths: Tensor) -> Tensor:
        """How many steps of features so many steps become: as many, unless a front end takes several together."""
        return lengths

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(batch, time, features)`` and the valid steps of each row ``(batch,)``.

        Args:
            x: Padded steps, ``(batch, time, ...)``.
            lengths: int64 ``(batch,)``.
        """


class Pretrained(NamedTuple):
    """What a front end begins with instead of random numbers.

    Attributes:
        settings: What it decides of the settings.
        weights: Of the front end, by name.
        note: What a user should know of it.

    Example:
        >>> import torch
        >>> from ostinato.modalities import Pretrained
        >>> weights = {"vectors.weight": torch.zeros(100, 50)}
        >>> found = Pretrained({"embedding_size": 50}, weights, "98 of 100 words have vectors")
        >>> found.settings["embedding_size"]
        50
    """

    settings: dict[str, Any]
    weights: dict[str, Tensor]
    note: str


class Modality(ABC):
    """What is learned of a kind of element from the training part, and how records of it are read.

    A subclass is a frozen dataclass of parts (`ostinato.parts`), and is named in `ostinato.modalities.MODALITIES`: an
    estimator knows none of them by name.

    Attributes:
        name: What records say they are of.
        kinds: What it is called in an error, in the plural.
        settings_blocks: The settings that it reads and no other modality need know.
        on_demand: Whether steps are made whenever they are read: they are many, or augmented; else once.

    Example:
        >>> from ostinato.data import LabelledSequences
        >>> from ostinato.modalities import Modality, Numbers
        >>> training = LabelledSequences.of_arrays([[1.0, 3.0], [5.0, 7.0]])
        >>> modality: Modality = Numbers.learn(training, None)  # from the training part alone
        >>> modality.front_end(None).width
        1
    """

    name: ClassVar[str]
    kinds: ClassVar[str]
    settings_blocks: ClassVar[tuple[type[BaseModel], ...]] = ()
    on_demand: ClassVar[bool] = False
    max_length: int | None

    @classmethod
    @abstractmethod
    def learn(cls, records: Any, settings: Any) -> Self:
        """What is to be known of some records.

        Args:
            records: Of the training part alone.
            settings: With the modality's block of settings.

        Raises:
            OstinatoError: There is too little to learn from.
        """

    @abstractmethod
    def whole(self, item: Any) -> Steps:
        """All the steps of a record's item."""

    @classmethod
    def setting_names(cls) -> set[str]:
        """The settings of its blocks."""
        return {name for block in cls.settings_blocks for name in block.model_fields}

    def steps(self, item: Any, rng: np.random.Generator | None = None) -> Steps:
        """The steps that are read of a record's item, at most `max_length` of them.

        Args:
            item: Of a record.
            rng: To draw an augmentation with, in training; None for the item as it is. Modalities without
                augmentation give the same either way.
        """
        return self.whole(item)[: self.max_length]

    def length(self, item: Any) -> int:
        """How many steps are read of a record's item, unless they are augmented."""
        return len(self.steps(item))

    def reader(self, items: Sequence[Any]) -> "Reader":
        """What gives the steps of the items at some positions; `on_demand` decides when they are made."""
        return Reader(self, items)

    def plain(self, item: Any) -> npt.NDArray[np.float64] | None:
        """A record's item as numbers ``(time, features)``, for a simple baseline; None where there are none."""
        return None

    def longer(self, items: Sequence[Any]) -> int:
        """How many items have more steps than are read of them."""
        return 0 if self.max_length is None else sum(len(self.whole(item)) > self.max_length for item in items)

    def known(self, item: Any) -> npt.NDArray[np.bool_] | None:
        """Which steps of a record's item training has seen; None where that is no question."""
        return None

    @abstractmethod
    def check(self, records: Any) -> None:
        """Makes sure that records are of the kind that was learned.

        Raises:
            OstinatoError: They are not.
        """

    @abstractmethod
    def front_end(self, settings: Any) -> FrontEnd:
        """The network's first part, untrained."""

    def pretrained(self, settings: Any) -> Pretrained | None:
        """Weights that settings ask for; None for none.

        Raises:
            OstinatoError: They cannot be read, or do not fit.
        """
        return None

    @abstractmethod
    def summary(self, settings: Any) -> str:
        """What goes in, for a line about the model: how many of what."""

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a saved model holds of it."""
        tensors, content = fields_apart(self, fields_of(type(self)))
        return tensors, {"modality": self.name, **content}

    @staticmethod
    def restored(tensors: Mapping[str, Tensor], content: Any) -> "Modality":
        """What `saved` came from.

        Raises:
            ValueError: It came from no modality.
        """
        from ostinato.modalities import MODALITIES

        kind = next((kind for kind in MODALITIES if content["modality"] == kind.name), None)
        if kind is None:
            raise ValueError(f"no modality {content['modality']!r} is known")
        parts = {name: value for name, value in content.items() if name != "modality"}
        return kind(**all_together(fields_of(kind), tensors, parts))


class Reader:
    """The steps of some items, made once, or whenever they are read.

    Args:
        modality: Whose steps.
        items: Of records.

    Attributes:
        lengths: Steps of each, int64 ``(items,)``.

    Example:
        >>> from ostinato.data import LabelledSequences
        >>> from ostinato.modalities import Numbers
        >>> records = LabelledSequences.of_arrays([[1.0, 3.0, 2.0], [5.0, 7.0]])
        >>> reader = Numbers.learn(records, None).reader(records.items)
        >>> reader.lengths.tolist(), reader([1])[0].shape
        ([3, 2], (2, 1))
    """

    def __init__(self, modality: Modality, items: Sequence[Any]) -> None:
        self._modality, self._items = modality, items
        self._made = None if modality.on_demand else [modality.steps(item) for item in items]
        self.lengths = np.array(
            [modality.length(item) for item in items] if self._made is None else [len(each) for each in self._made],
            np.int64,
        )

    def __call__(self, rows: Iterable[int], rng: np.random.Generator | None = None) -> list[Steps]:
        """The steps of the items at some positions.

        Args:
            rows: Positions.
            rng: To draw augmentations with, in training, where steps are made on demand.
        """
        if self._made is None:
            return [self._modality.steps(self._items[row], rng) for row in rows]
        return [self._made[row] for row in rows]


def padded(steps: Sequence[Steps]) -> tuple[Tensor, Tensor]:
    """Sequences side by side, filled up with zeros: ``(batch, time, ...)``, and their lengths, int64 ``(batch,)``.

    Example:
        >>> import numpy as np
        >>> from ostinato.modalities import padded
        >>> x, lengths = padded([np.array([1, 2, 3]), np.array([4])])
        >>> x.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, 0, 0]], [3, 1])
    """
    lengths = np.array([len(each) for each in steps], np.int64)
    first = steps[0]
    kind = np.int64 if np.issubdtype(first.dtype, np.integer) else np.float32
    x = np.zeros((len(steps), int(lengths.max()), *first.shape[1:]), kind)
    for row, each in zip(x, steps, strict=True):
        row[: len(each)] = each
    return torch.from_numpy(x), torch.from_numpy(lengths)
