"""How well sequences are tagged, in figures."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ostinato.tasks.tagging.entities import Tags, found_entities, together


def accuracy(truth: Sequence[Tags], given: Sequence[Tags]) -> float:
    """Share of the steps whose tag is right; there must be a step."""
    right = sum(a == b for ours, theirs in zip(given, truth, strict=True) for a, b in zip(ours, theirs, strict=True))
    return right / sum(map(len, truth))


def error(truth: Sequence[Tags], given: Sequence[Tags], *, by_entities: bool) -> float:
    """What chooses when to stop: how much is missing to an F1, or accuracy, of 1."""
    if by_entities:
        return 1 - together(found_entities(truth, given).values()).f1
    return 1 - accuracy(truth, given)


def figures(
    truth: Sequence[Tags],
    given: Sequence[Tags],
    *,
    by_entities: bool,
    known: Sequence[npt.NDArray[np.bool_]],
) -> dict[str, float]:
    """The scores of one model, keys of `ostinato.tasks.score_table.METRICS`.

    Args:
        truth: The tags of each sequence.
        given: Those of the model.
        by_entities: Whether tags mark entities.
        known: Which steps training had; none for numbers.
    """
    row = {"accuracy": accuracy(truth, given)}
    if known and not (seen := np.concatenate(known)).all():
        pairs = zip(truth, given, strict=True)
        right = np.array([a == b for theirs, ours in pairs for a, b in zip(theirs, ours, strict=True)])
        row["unknown_words"] = float(right[~seen].mean())
    if by_entities:
        found = together(found_entities(truth, given).values())
        row |= {"precision": found.precision, "recall": found.recall, "f1": found.f1}
    return row
