"""Dialogue: from recorded dialogues to replies, scored against simple baselines."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from ostinato.data.dialogues import Dialogue, Dialogues, DialogueSource, Example
from ostinato.errors import OstinatoError
from ostinato.tasks.dialogue.baselines import Retrieval, Unigram, most_frequent
from ostinato.tasks.dialogue.confidence import Confidence
from ostinato.tasks.dialogue.conversation import Conversation, Reply, whole
from ostinato.tasks.dialogue.encoding import DialogueTokenizer, Encoded
from ostinato.tasks.dialogue.model import ChatbotModel
from ostinato.tasks.dialogue.scores import score_replies
from ostinato.tasks.dialogue.settings import AFTERWARDS, ChatbotSettings
from ostinato.tasks.dialogue.words import KnownWords
from ostinato.tasks.estimator import Estimator, NextStep
from ostinato.tasks.prepared import Prepared
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.seq2seq.batches import PairBatch, pair_batch
from ostinato.tasks.seq2seq.train import pair_loss, prepared
from ostinato.tasks.settings import cell_name
from ostinato.training import moved


class Chatbot(Estimator[ChatbotSettings, Dialogues, ChatbotModel]):
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
    model_class: ClassVar = ChatbotModel
    held_out_of: ClassVar = "of the dialogues"
    data_help: ClassVar = (
        'Dialogues, a file or folder of them: .jsonl with {"turns": ["...", "..."]} a line, two columns separated by a '
        "tab (said, reply), or one turn per line and a blank line between dialogues; .gz too."
    )
    fit_help: ClassVar = """Train a chatbot on recorded dialogues.

    Prints its scores on dialogues it has not seen next to those of simple baselines, and saves it.

    Example:
      ostinato fit chatbot dialogues.jsonl --out model/
    """

    def read(self, data: DialogueSource) -> Dialogues:
        """Dialogues, as `fit` and `evaluate` read them.

        Args:
            data: A file, a folder, or a list.

        Raises:
            OstinatoError: For anything wrong with them, with file and line.
        """
        return Dialogues.of(data, self._given.form)

    def read_test(self, data: DialogueSource, training: Dialogues, start: ChatbotModel | None = None) -> Dialogues:
        read = self.read_validation(data, training)
        self._examples(read, "test", None)
        return read

    def split(self, records: Dialogues, share: float) -> tuple[Dialogues, Dialogues]:
        return records.split(share, self._given.seed)

    def prepare(
        self, training: Dialogues, validation: Dialogues, *, folder: Path | None, start: ChatbotModel | None
    ) -> Prepared[PairBatch, ChatbotModel]:
        settings = self._given
        most = settings.max_examples
        examples = self._examples(training, "training", most)
        others = self._examples(validation, "validation", most and max(round(most * settings.validation_share), 1))
        tokenizer = DialogueTokenizer.learn(examples, settings) if start is None else start.tokenizer
        learned = self._encoded(examples, tokenizer, "training")
        held = self._encoded(others, tokenizer, "validation")
        network = ChatbotModel.build(settings, {"tokenizer": tokenizer})

        def model() -> ChatbotModel:
            said = (text for example in learned.examples for text in (*example.context, example.reply))
            known = KnownWords.learn(said)
            return ChatbotModel(
                settings,
                network,
                tokenizer,
                Confidence.calibrate(network, held, known, settings.unknown_penalty),
                Retrieval.learn(known, learned.examples, settings.seed),
                Unigram.learn([reply for _, reply in learned.pairs], len(tokenizer)),
                most_frequent(learned.examples),
            )

        notes = _findings((*training, *validation), learned, held, settings.max_length)
        return prepared(settings, network, learned.pairs, held.pairs, model, notes)

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        """Talking."""
        return (NextStep("Talk to it with", ("chat", out)),)

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
        _ = self.model  # or an error
        settings = self._changed(changes)
        return Conversation(lambda history, seed: self._speak(history, seed, settings), self._seed(seed))

    def _speak(
        self, history: Sequence[str], seed: int | None, settings: ChatbotSettings, *, pieces: bool = True
    ) -> Generator[str, None, Reply]:
        model = self.model
        (dialogue,) = Dialogues.of([list(history)] if not isinstance(history, str) else [history])
        return model.speak(dialogue.turns, settings, self._seed(seed), pieces=pieces)

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
        histories = [dialogue.turns for dialogue in Dialogues.of(data, self.settings.form)]
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
        model = self.model
        examples = self._examples(self.read(data), "test", None)
        with self.settings.on_threads():
            self.metrics = score_replies(model, self._encoded(examples, model.tokenizer, "test"))
        return self.metrics

    def sample_loss(self, data: DialogueSource) -> Callable[[], Tensor]:
        model = self.model
        pairs = self._encoded(self._examples(self.read(data), "given", None), model.tokenizer, "given").pairs
        batch = moved(pair_batch([pairs[place] for place in evenly(len(pairs))]), self.settings.on_device)
        return lambda: pair_loss(model.network, batch).mean

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model, settings = self.model, self.settings
        several = f"{settings.ensemble} x " if settings.ensemble > 1 else ""
        return (
            f"Chatbot: {several}{cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units, "
            f"{model.num_weights:,} weights; {len(model.tokenizer):,} {settings.tokenizer} units, "
            f"{len(model.known):,} words known; reads the last {settings.context_turns} turns."
        )


def _findings(
    dialogues: Sequence[Dialogue], training: Encoded, validating: Encoded, max_length: int
) -> tuple[str, ...]:
    """What the notes say of the data."""
    long, silent = training.left_out + validating.left_out, sum(len(dialogue.turns) < 2 for dialogue in dialogues)
    notes = [
        f"{len(training.pairs):,} replies to learn and {len(validating.pairs):,} to validate, "
        f"of {len(dialogues):,} dialogues"
    ]
    if long:
        notes.append(f"{long:,} replies of more than max_length={max_length} units are left out")
    if silent:
        notes.append(f"{silent:,} dialogues have a single turn, and so no reply to learn")
    return tuple(notes)
