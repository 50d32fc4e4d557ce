"""A conversation: what was said so far, and the reply to what is said next."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Reply:
    """What is answered.

    Attributes:
        text: To show.
        confidence: The share of true replies, among those kept from training to choose when to stop, that were no
            likelier than this one; see `ostinato.tasks.dialogue.confidence`.
        refused: Whether that was below the threshold, and `text` is the sentence that says so.
    """

    text: str
    confidence: float
    refused: bool


def whole(pieces: Generator[str, None, Reply]) -> Reply:
    """The reply at the end of its pieces."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            reply: Reply = end.value
            return reply


class Speaker(Protocol):
    """What replies to a history."""

    def __call__(self, history: list[str], seed: int) -> Generator[str, None, Reply]:
        """The reply's text in pieces, and then the reply."""
        ...


class Conversation:
    """A history, and a model that goes on with it; made by `Chatbot.conversation`.

    An exchange that ends in a refusal stays in the history, but the network does not read it: nothing can be learned
    from what it made no sense of.

    Args:
        speak: Replies to a history.
        seed: Of the first reply; each later one takes the next.

    Attributes:
        history: All that was said, both sides in turn, the oldest first.
    """

    def __init__(self, speak: Speaker, seed: int) -> None:
        self._speak, self._seed = speak, seed
        self.history: list[str] = []
        self._understood: list[str] = []

    def say(self, text: str) -> Reply:
        """Says something, and gives the reply.

        Raises:
            OstinatoError: Nothing was said.
        """
        return whole(self.stream(text))

    def stream(self, text: str) -> Generator[str, None, Reply]:
        """Says something, and gives the reply piece by piece, and then, as the generator's return value, whole.

        The history has both when the last piece is given.

        Raises:
            OstinatoError: Nothing was said.
        """
        reply = yield from self._speak([*self._understood, text], self._seed + len(self.history) // 2)
        self.history += [text, reply.text]
        if not reply.refused:
            self._understood += [text, reply.text]
        return reply

    def reset(self) -> None:
        """Forgets all that was said."""
        self.history.clear()
        self._understood.clear()
