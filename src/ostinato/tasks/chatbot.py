"""Dialogue: from recorded dialogues to replies, scored against simple baselines."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from torch import Tensor, nn

from ostinato.bundle import Bundle
from ostinato.data.dialogues import Dialogues, DialogueSource, Example
from ostinato.errors import OstinatoError
from ostinato.tasks.dialogue.baselines import Retrieval, Unigram, most_frequent
from ostinato.tasks.dialogue.confidence import Confidence
from ostinato.tasks.dialogue.conversation import Conversation, Reply, whole
from ostinato.tasks.dialogue.encoding import DialogueTokenizer, Encoded
from ostinato.tasks.dialogue.fitted import Fitted
from ostinato.tasks.dialogue.scores import score_replies
from ostinato.tasks.dialogue.settings import AFTERWARDS, ChatbotSettings
from ostinato.tasks.dialogue.words import KnownWords
from ostinato.tasks.fitting import drop_checkpoints, evenly
from ostinato.tasks.old_estimator import Estimator
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.seq2seq.batches import pair_batch
from ostinato.tasks.seq2seq.train import pair_loss, train
from ostinato.tasks.settings import cell_name
from ostinato.training import TrainingLogger


class Chatbot(Estimator[ChatbotSettings, Fitted]):
    """Replies to what was said, as recorded dialogues do; and says so where it has nothing sensible to say.

    An encoder reads the last turns, a decoder with attention writes the reply (Vinyals & Le 2015, "A Neural
    Conversational Model"). Several replies are drawn, and the one is said that fits what was said and would not fit
    anything as well (Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models"). A
    reply less likely than true ones usually are is not said at all: see `ostinato.tasks.dialogue.confidence`.

    Reads JSON Lines, two columns, one turn per line, or lists of lists of texts (see `ostinato.data.dialogues`).

    Args:
        settings: See `ChatbotSettings`.

    Attributes:
        settings: As given.
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> from ostinato import Chatbot
        >>> from ostinato.demos.data import music_shop
        >>> bot = Chatbot(tokenizer="word", hidden_size=16, epochs=1).fit(music_shop(60))
        >>> reply = bot.reply(["Hello!", "Hello, how can I help you?", "Do you have cellos?"])
        >>> 0 <= reply.confidence <= 1
        True
        >>> talk = bot.conversation()
        >>> said = talk.say("Hello!").text
    """

    settings_class: ClassVar = ChatbotSettings
    settings: ChatbotSettings

    def fit(
        self,
        data: DialogueSource,
        validation: DialogueSource | None = None,
        *,
        folder: str | Path | None = None,
        resume: bool = False,
        logger: TrainingLogger | None = None,
    ) -> Self:
        """Trains the network, calibrates its confidence, and learns the baselines.

        Args:
            data: Dialogues: a file, a folder, or a list.
            validation: Others, which choose when to stop and by which confidence is calibrated; by default
                `validation_share` of `data`, whole dialogues drawn at random.
            folder: Where checkpoints are written while training goes on; None for nowhere.
            resume: Go on from the newest checkpoint in `folder`.
            logger: Shows progress; None for silence.

        Returns:
            This chatbot, with the best weights found.

        Raises:
            OstinatoError: For anything wrong with the data (file, line and how to mend it), or too little of it.
            TrainingDiverged: The loss or a gradient is not finite.
            Interrupted: Ctrl-C; a checkpoint was written where there is a folder.
        """
        settings = self.settings
        dialogues = Dialogues.of(data)
        kept = dialogues
        if validation is None:
            kept, held = dialogues.split(settings.validation_share, settings.seed)
        else:
            held = Dialogues.of(validation)
        most = settings.max_examples
        examples = self._examples(kept, "training", most)
        held_examples = self._examples(held, "validation", most and max(round(most * settings.validation_share), 1))
        tokenizer = DialogueTokenizer.learn(examples, settings)
        training = self._encoded(examples, tokenizer, "training")
        validating = self._encoded(held_examples, tokenizer, "validation")
        network = train(
            lambda: Fitted.make_network(settings, len(tokenizer)),
            settings,
            training.pairs,
            validating.pairs,
            folder,
            resume,
            logger,
        )
        known = KnownWords.learn(text for example in training.examples for text in (*example.context, example.reply))
        with settings.on_threads():
            confidence = Confidence.calibrate(network, validating, known, settings.unknown_penalty)
        self._fitted = Fitted(
            network,
            tokenizer,
            confidence,
            Retrieval.learn(known, training.examples, settings.seed),
            Unigram.learn([reply for _, reply in training.pairs], len(tokenizer)),
            most_frequent(training.examples),
        )
        self.notes, self.metrics = _findings(dialogues, training, validating, settings), None
        drop_checkpoints(folder)
        return self

    def _examples(self, dialogues: Dialogues, part: str, most: int | None) -> list[Example]:
        """What there is to learn of a part of the dialogues, at most so many, drawn at random."""
        examples = dialogues.examples(self.settings.context_turns, self.settings.speaker)
        if not examples:
            raise OstinatoError(
                f"{dialogues.origin}: no reply in the {part} part: give dialogues of two turns or more, or more of them"
            )
        if most is None or most >= len(examples):
            return examples
        chosen = np.random.default_rng(self.settings.seed).permutation(len(examples))[:most]
        return [examples[place] for place in np.sort(chosen)]

    def _encoded(self, examples: list[Example], tokenizer: DialogueTokenizer, part: str) -> Encoded:
        encoded = tokenizer.encoded(examples, self.settings.max_length)
        if not encoded.pairs:
            raise OstinatoError(
                f"every reply of the {part} part is longer than max_length={self.settings.max_length} units: raise it"
            )
        return encoded

    def reply(self, history: Sequence[str], seed: int | None = None, **changes: Any) -> Reply:
        """What it says to a history.

        Args:
            history: What was said so far, both sides in turn, the oldest first; the last `context_turns` are read.
            seed: Of the draw, the same one replies alike again; the settings' seed unless given.
            changes: Settings of writing and refusing in place of the trained ones, those of `AFTERWARDS`:
                ``temperature=0.5``, ``threshold=0`` and so on.

        Returns:
            The reply, how sure it is of it, and whether it refused.

        Raises:
            OstinatoError: There is no history, or nothing is said in it; or for settings that may not be changed.
        """
        return whole(self._speak(history, seed, self._changed(changes), pieces=False))

    def stream_reply(
        self, history: Sequence[str], seed: int | None = None, **changes: Any
    ) -> Generator[str, None, Reply]:
        """What it says to a history, in pieces that make up the text of `reply` with the same arguments.

        With ``candidates=1``, ``threshold=0`` and sampling each word is given as soon as it is written. Else the reply
        is only chosen, or refused, when it is whole, and its words are given then.

        Args:
            history: As for `reply`, likewise the others.
            seed: Of the draw.
            changes: Settings in place of the trained ones.

        Returns:
            A generator of texts; the reply is its return value.

        Raises:
            OstinatoError: As `reply`.
        """
        return self._speak(history, seed, self._changed(changes))

    def conversation(self, seed: int | None = None, **changes: Any) -> Conversation:
        """A conversation that begins.

        Args:
            seed: Of the first reply, each later one takes the next; the settings' seed unless given.
            changes: Settings in place of the trained ones, as for `reply`.

        Raises:
            OstinatoError: For settings that may not be changed.
        """
        self._need()
        settings = self._changed(changes)
        return Conversation(lambda history, seed: self._speak(history, seed, settings), self._seed(seed))

    def _speak(
        self, history: Sequence[str], seed: int | None, settings: ChatbotSettings, *, pieces: bool = True
    ) -> Generator[str, None, Reply]:
        fitted = self._need()
        (dialogue,) = Dialogues.of([list(history)] if not isinstance(history, str) else [history])
        return fitted.speak(dialogue.turns, settings, self._seed(seed), pieces=pieces)

    def _seed(self, seed: int | None) -> int:
        return self.settings.seed if seed is None else seed

    def _changed(self, changes: dict[str, Any]) -> ChatbotSettings:
        if odd := sorted(set(changes) - set(AFTERWARDS)):
            raise OstinatoError(
                f"{', '.join(odd)}: not to be changed after training; these may be: {', '.join(AFTERWARDS)}"
            )
        return type(self)(**dict(self.settings) | changes).settings if changes else self.settings

    def predict(self, data: DialogueSource) -> pd.DataFrame:
        """Replies to the last turn of each dialogue; a dialogue may be a single turn here.

        Args:
            data: Dialogues: a file, a folder, or a list.

        Returns:
            One row per dialogue: "context", the turns that were read, " / " between them, "reply" and "confidence"; a
            refusal stands as it would be said. The first row is drawn with the settings' seed, each next one with the
            next.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        self._need()
        histories = [dialogue.turns for dialogue in Dialogues.of(data)]
        replies = [self.reply(turns, self.settings.seed + number) for number, turns in enumerate(histories)]
        return pd.DataFrame(
            {
                "context": [" / ".join(turns[-self.settings.context_turns :]) for turns in histories],
                "reply": [reply.text for reply in replies],
                "confidence": [reply.confidence for reply in replies],
            }
        )

    def evaluate(self, data: DialogueSource) -> ScoreTable:
        """Scores the network, and baselines, on dialogues that training has not seen.

        Perplexity is that of the true replies, per unit, the end included; of a unigram model beside. distinct-1 and
        distinct-2 (Li et al. 2016) tell how varied the replies are that are said, also by who always gives the most
        frequent reply, by who gives the reply to the most similar training context, and by people. Recall is how often
        the true reply is found among it and nine others. See `ostinato.tasks.dialogue.scores`.

        Args:
            data: Dialogues: a file, a folder, or a list. Replies longer than `max_length` units are not scored.

        Returns:
            The scores; `print` it, or ask it for `verdict()`. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data, or no reply in them.
        """
        fitted = self._need()
        examples = self._examples(Dialogues.of(data), "test", None)
        with self.settings.on_threads():
            self.metrics = score_replies(fitted, self.settings, self._encoded(examples, fitted.tokenizer, "test"))
        return self.metrics

    def _case(self, data: DialogueSource) -> tuple[nn.Module, Callable[[], Tensor]]:
        fitted = self._need()
        pairs = self._encoded(self._examples(Dialogues.of(data), "given", None), fitted.tokenizer, "given").pairs
        batch = pair_batch([pairs[place] for place in evenly(len(pairs))])
        return fitted.network, lambda: pair_loss(fitted.network, batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        fitted, settings = self._need(), self.settings
        weights = sum(parameter.numel() for parameter in fitted.network.parameters())
        several = f"{settings.ensemble} x " if settings.ensemble > 1 else ""
        return (
            f"Chatbot: {several}{cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units, "
            f"{weights:,} weights; {len(fitted.tokenizer):,} {settings.tokenizer} units, "
            f"{len(fitted.confidence.known):,} words known; reads the last {settings.context_turns} turns."
        )

    def _restored(self, bundle: Bundle) -> Fitted:
        return Fitted.from_bundle(bundle, self.settings)


def _findings(
    dialogues: Dialogues, training: Encoded, validating: Encoded, settings: ChatbotSettings
) -> tuple[str, ...]:
    """What the notes say of the data."""
    long, silent = training.left_out + validating.left_out, sum(len(dialogue.turns) < 2 for dialogue in dialogues)
    notes = [
        f"{len(training.pairs):,} replies to learn and {len(validating.pairs):,} to validate, "
        f"of {len(dialogues):,} dialogues"
    ]
    if long:
        notes.append(f"{long:,} replies of more than max_length={settings.max_length} units are left out")
    if silent:
        notes.append(f"{silent:,} dialogues have a single turn, and so no reply to learn")
    return tuple(notes)
