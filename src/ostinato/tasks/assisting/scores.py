"""How much of what was asked for is understood, and what an assistant has to beat."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ostinato.data.grammar import Request
from ostinato.modalities.modality import Reader
from ostinato.tasks.transcription.baselines import Baselines as Sounds


def figures(asked: Sequence[Request], understood: Sequence[Request], *, intents: bool) -> dict[str, float]:
    """The share of right intents, F1 of slots with their values, and the share of requests that are right throughout.

    Args:
        asked: What is asked for.
        understood: What was made of it, one for each.
        intents: Whether there are several, so that their share tells anything.
    """
    pairs = list(zip(asked, understood, strict=True))
    right = sum(len(true.slots.items() & told.slots.items()) for true, told in pairs)
    slots = sum(len(true.slots) + len(told.slots) for true, told in pairs)
    found = {"intent": sum(true.intent == told.intent for true, told in pairs) / len(pairs)} if intents else {}
    return found | {
        "slot_f1": 2 * right / slots if slots else 1.0,
        "request": sum(true == told for true, told in pairs) / len(pairs),
    }


@dataclass(frozen=True, eq=False)
class Baselines:
    """Simple assistants.

    Attributes:
        commonest: The commonest intent with the commonest value of each slot that most of its requests fill; as JSON.
        sounds: Gives the request of the training recording that sounds most alike.
    """

    commonest: str
    sounds: Sounds

    @classmethod
    def fit(cls, requests: Sequence[Request], read: Reader) -> Self:
        """Those of some recordings."""
        intent = Counter(request.intent for request in requests).most_common(1)[0][0]
        own = [request.slots for request in requests if request.intent == intent]
        slots = {}
        for slot in sorted({slot for slots in own for slot in slots}):
            values = Counter(each[slot] for each in own if slot in each)
            if 2 * values.total() > len(own):
                slots[slot] = values.most_common(1)[0][0]
        return cls(str(Request(intent, slots)), Sounds.fit([str(request) for request in requests], read))

    def told(self, read: Reader) -> dict[str, list[Request]]:
        """What each makes of some recordings."""
        nearest = self.sounds.told(read)["nearest recording"]
        return {
            "commonest of each": [Request.of_text(self.commonest)] * len(nearest),
            "nearest recording": [Request.of_text(text) for text in nearest],
        }
