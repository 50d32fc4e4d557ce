"""What fitting a Chatbot leaves: everything that replies, and that a bundle must hold."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ostinato.data.tokenizers import Ids
from ostinato.tasks.dialogue.baselines import Retrieval, Unigram
from ostinato.tasks.dialogue.confidence import Confidence
from ostinato.tasks.dialogue.conversation import Reply
from ostinato.tasks.dialogue.encoding import DialogueTokenizer
from ostinato.tasks.dialogue.network import DialogueNetwork
from ostinato.tasks.dialogue.settings import ChatbotSettings
from ostinato.tasks.dialogue.words import KnownWords
from ostinato.tasks.dialogue.writing import candidates, log_likelihoods, written
from ostinato.tasks.model import Model
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.texts import END
from ostinato.training import num_threads


@dataclass(frozen=True, eq=False)
class ChatbotModel(Model[ChatbotSettings]):
    """A trained network with all that belongs to it.

    Attributes:
        settings: The Chatbot's.
        network: In evaluation mode.
        tokenizer: How dialogues are cut.
        confidence: What is usual for true replies.
        retrieval: Baseline.
        unigram: Baseline.
        frequent: The most frequent reply, a baseline too.
    """

    settings: ChatbotSettings
    network: Ensemble
    tokenizer: DialogueTokenizer
    confidence: Confidence
    retrieval: Retrieval
    unigram: Unigram
    frequent: str

    def __post_init__(self) -> None:
        """Makes sure that the counts are of the vocabulary."""
        if self.unigram.counts.shape != (len(self.tokenizer),):
            raise ValueError(f"counts of shape {tuple(self.unigram.counts.shape)} for {len(self.tokenizer)} units")

    @classmethod
    def build(cls, settings: ChatbotSettings, parts: Mapping[str, Any]) -> Ensemble:
        units = len(parts["tokenizer"])
        return Ensemble(lambda: DialogueNetwork(settings, units), settings.ensemble)

    @property
    def known(self) -> KnownWords:
        """The words of the training dialogues."""
        return self.retrieval.known

    def speak(
        self, history: Sequence[str], settings: ChatbotSettings, seed: int, *, pieces: bool = True
    ) -> Generator[str, None, Reply]:
        """The reply to a history in pieces, and then whole.

        A reply that may be refused, or that is the best of several, is written to its end before its first piece is
        given; any other is given word by word as it is written.

        Args:
            history: What was said, the oldest first.
            settings: How to write, and when to refuse.
            seed: Of the draw.
            pieces: Whether to give pieces at all.
        """
        context = self.tokenizer.context(history[-settings.context_turns :])
        generator = torch.Generator().manual_seed(seed)
        if pieces and settings.decoding == "sampling" and settings.candidates == 1 and not settings.threshold:
            ids = yield from self._as_written(context, settings, generator)
            return self._judged(context, ids, history[-1], settings)
        with num_threads(1):
            reply = self._judged(context, self._best(context, settings, generator), history[-1], settings)
        if pieces:
            first, *others = reply.text.split(" ")
            yield first
            yield from (f" {word}" for word in others)
        return reply

    def _as_written(
        self, context: Ids, settings: ChatbotSettings, generator: torch.Generator
    ) -> Generator[str, None, Ids]:
        """Whole words as soon as they are there; the units at last."""
        ids: list[int] = []
        given = ""
        for last in written(self.network, [context], settings, generator):
            if last[0] == END:
                break
            ids.append(int(last[0]))
            text = self.tokenizer.written.decode(ids)
            whole = text[: max(text.rfind(" "), 0)]
            if len(whole) > len(given):
                yield whole[len(given) :]
                given = whole
        if rest := self.tokenizer.written.decode(ids)[len(given) :]:
            yield rest
        return np.array(ids, np.int32)

    def _best(self, context: Ids, settings: ChatbotSettings, generator: torch.Generator) -> Ids:
        """The candidate of the highest mutual information with the context (Li et al. 2016, MMI-antiLM), per unit."""
        drawn = candidates(self.network, context, settings, generator)
        if len(drawn) == 1:
            return drawn[0]
        worth, counts = log_likelihoods(self.network, [(context, reply) for reply in drawn])
        if settings.mutual_information:
            nothing = self.tokenizer.context(())
            alone, _ = log_likelihoods(self.network, [(nothing, reply) for reply in drawn])
            worth = worth - settings.mutual_information * alone
        return drawn[int((worth / counts).argmax())]

    def _judged(self, context: Ids, ids: Ids, said: str, settings: ChatbotSettings) -> Reply:
        confidence = self.confidence.of_reply(self.network, context, ids, self.known.unknown_share(said))
        text = self.tokenizer.written.decode(ids)
        if settings.threshold and (confidence < settings.threshold or not text):
            return Reply(settings.refusal, confidence, True)
        return Reply(text, confidence, False)
