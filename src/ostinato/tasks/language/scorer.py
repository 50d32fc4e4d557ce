"""A language model asked label by label, while a recogniser's search writes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.cells import State
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError
from ostinato.tasks.language.model import LanguageParts
from ostinato.topologies import join_rows, select_rows
from ostinato.topologies.scorers import Floats


class Written(NamedTuple):
    """What a model knows of a text.

    Attributes:
        state: After its last unit, one row.
        nats: Log-probabilities of every unit as the next one ``(units,)``.
    """

    state: tuple[State, ...]
    nats: Floats


class LanguageScorer:
    """A trained LanguageModel as a `Scorer` (shallow fusion); a line end ends the text.

    Args:
        model: A model that reads forward.
        symbols: The text of each class of the recogniser; that of the blank is not read.
        blank: The class that is no label.

    Raises:
        OstinatoError: The model reads backward, or does not know a symbol and has no unit for what it does not know.
    """

    def __init__(self, model: LanguageParts, symbols: Sequence[str], blank: int) -> None:
        if model.settings.reverse:
            raise OstinatoError("this model reads backward and cannot tell what comes: train one with reverse=False")
        self._network, self._end = model.network, model.first
        numbers = _numbers(
            model.tokenizer, [model.text.cased(symbol) for at, symbol in enumerate(symbols) if at != blank]
        )
        self._units = np.insert(numbers, blank, self._end)  # the blank's score is not read

    def start(self) -> Written:
        return self._read(torch.tensor([[self._end]]), None)[0]

    def following(self, states: Sequence[Written]) -> Floats:
        return np.stack([known.nats[self._units] for known in states])

    def advance(self, states: Sequence[Written], labels: Sequence[int]) -> list[Written]:
        ids = torch.from_numpy(self._units[list(labels)])[:, None]
        return self._read(ids, join_rows([known.state for known in states]))

    def end(self, states: Sequence[Written]) -> Floats:
        return np.array([known.nats[self._end] for known in states])

    @torch.inference_mode()
    def _read(self, ids: Tensor, state: tuple[State, ...] | None) -> list[Written]:
        """What is known after one more unit of each row."""
        scores, after = self._network.following(ids, state)
        nats = scores.double().numpy()
        device = self._network.embedding.weight.device
        return [Written(select_rows(after, torch.tensor([row], device=device)), nats[row]) for row in range(len(ids))]


def _numbers(tokenizer: Tokenizer, symbols: Sequence[str]) -> npt.NDArray[np.int64]:
    """The units of these names; for others the one for what is not known."""
    known = {name: number for number, name in enumerate(tokenizer.tokens)}
    missing = [symbol for symbol in symbols if symbol not in known]
    if missing and tokenizer.unknown is None:
        raise OstinatoError(
            f"the language model has no unit {missing[0]!r}: train one with the recogniser's tokenizer, on such texts"
        )
    return np.array([known.get(symbol, tokenizer.unknown) for symbol in symbols], np.int64)
