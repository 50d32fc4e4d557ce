"""What fitting an Assistant leaves: everything that understands, and that a bundle must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ostinato.data.grammar import Grammar, Request
from ostinato.modalities import Modality
from ostinato.tasks.assisting.confidence import Confidence
from ostinato.tasks.assisting.network import AssistantNetwork
from ostinato.tasks.assisting.scores import Baselines
from ostinato.tasks.assisting.settings import AssistantSettings
from ostinato.tasks.assisting.understanding import LogProbabilities, Understanding, hear, why_unsure
from ostinato.tasks.model import Model


class Answer(NamedTuple):
    """What an assistant makes of a recording.

    Attributes:
        request: What is most likely asked for.
        heard: The words of it.
        confidence: The probability that it is right, in all parts.
        reply: What is said to it.
        unsure: Why the request is not taken; empty for one that is.
    """

    request: Request
    heard: str
    confidence: float
    reply: str
    unsure: str


@dataclass(frozen=True, eq=False)
class AssistantModel(Model[AssistantSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The assistant's, with what fitting found in place of None.
        network: In evaluation mode.
        words: What it hears; number 0 is the blank.
        grammar: What may be asked, and what is replied.
        modality: How recordings become steps.
        baselines: Fitted on the training part.
        confidence: Fitted on the validation part.
    """

    settings: AssistantSettings
    network: AssistantNetwork
    words: tuple[str, ...]
    grammar: Grammar
    modality: Modality
    baselines: Baselines
    confidence: Confidence

    def __post_init__(self) -> None:
        """Makes sure that words and grammar go together."""
        _ = self.understanding

    @cached_property
    def understanding(self) -> Understanding:
        """The grammar, listened for."""
        return Understanding(self.grammar, self.words)

    @classmethod
    def build(cls, settings: AssistantSettings, parts: Mapping[str, Any]) -> AssistantNetwork:
        return AssistantNetwork(settings, parts["modality"], 1 + len(parts["words"]))

    def hear(self, clips: Sequence[Any]) -> list[LogProbabilities]:
        """The log-probability of the blank and of each word at each step of some recordings."""
        with self.settings.on_threads():
            return hear(self.network, self.modality.reader(clips))

    def requests(self, clips: Sequence[Any]) -> list[Request]:
        """What each recording asks for, taken or not."""
        return [self.understanding.understood(heard).request for heard in self.hear(clips)]

    def answers(self, clips: Sequence[Any], threshold: float) -> list[Answer]:
        """What is made of each recording.

        Args:
            clips: Of recordings.
            threshold: Confidence below which a request is not taken.
        """
        return [self._answer(heard, threshold) for heard in self.hear(clips)]

    def _answer(self, heard: LogProbabilities, threshold: float) -> Answer:
        understood = self.understanding.understood(heard)
        if not understood.text:
            unsure = "too short for any sentence of the grammar"
            return Answer(understood.request, "", 0.0, f"I did not understand: {unsure}.", unsure)
        confidence = self.confidence.of(understood.nats)
        if confidence >= threshold:
            reply = self.grammar.reply(understood.request)
            return Answer(understood.request, understood.text, confidence, reply, "")
        unsure = why_unsure(self.understanding.doubts(heard, understood.request), confidence)
        return Answer(understood.request, understood.text, confidence, f"I did not understand: {unsure}.", unsure)
