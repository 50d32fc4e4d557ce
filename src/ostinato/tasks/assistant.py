"""Assistance: from what is said to what is asked for, and a reply."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from rich.console import RenderableType
from rich.text import Text
from torch import Tensor, nn

from ostinato.data.audio import Recordings
from ostinato.data.audio_checks import read_recordings
from ostinato.data.audio_parts import TEST
from ostinato.data.grammar import Grammar, Request, is_grammar
from ostinato.data.sentence_graph import SentenceGraph
from ostinato.errors import OstinatoError
from ostinato.modalities import learned
from ostinato.nn import LabelGraph
from ostinato.tasks.assisting.confidence import Confidence
from ostinato.tasks.assisting.model import Answer, AssistantModel
from ostinato.tasks.assisting.network import RequestBatch, label_graph
from ostinato.tasks.assisting.reading import read_requests, spoken
from ostinato.tasks.assisting.scores import Baselines, figures
from ostinato.tasks.assisting.settings import AssistantSettings
from ostinato.tasks.assisting.train import gathering, request_error, request_loss
from ostinato.tasks.assisting.understanding import Understanding, hear
from ostinato.tasks.estimator import Estimator, NextStep
from ostinato.tasks.prepared import Prepared, augmented
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.training import LossSum, moved


class Assistant(Estimator[AssistantSettings, Recordings, AssistantModel]):
    r"""Understands what is asked for, directly from sound, and replies.

    Learns from recordings of which only the intent and the slots are known (a manifest: ``audio, intent, slots``, the
    last a JSON object), with a grammar of what may be said; or from the grammar alone, whose sentences a synthesiser
    speaks. In training each recording may be any sentence of the grammar that asks for what it asks for, in any
    alignment (connectionist temporal classification over a graph); in use the likeliest sentence of all is found.

    Args:
        settings: See `AssistantSettings`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None.
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> import numpy as np
        >>> from ostinato import Assistant
        >>> from ostinato.data import Grammar, Recordings
        >>> grammar = Grammar("expressions: {tone: [$pitch]}\nslots: {pitch: [low, high]}")
        >>> tones = [np.sin(np.arange(4000) * pitch) / 2 for pitch in (0.1, 0.2) * 8]
        >>> asked = [f'{{"intent": "tone", "slots": {{"pitch": "{pitch}"}}}}' for pitch in ("low", "high") * 8]
        >>> sounds = Recordings.of_waves(tones, 8000, asked)
        >>> assistant = Assistant(grammar=grammar, hidden_size=8, num_layers=1, epochs=1).fit(sounds)
        >>> assistant.predict(sounds).columns.tolist()
        ['audio', 'intent', 'slots', 'confidence', 'taken', 'reply', 'heard']
    """

    settings_class: ClassVar = AssistantSettings
    model_class: ClassVar = AssistantModel
    data_help: ClassVar = (
        "Manifest, a CSV, TSV or JSON Lines file with a file, an intent and a JSON object of slots in each row; or a "
        "grammar (YAML), whose sentences are then spoken by a synthesiser."
    )
    fit_help: ClassVar = """Train an assistant: what is asked for in recordings, and a reply.

    Prints how many intents and slots it has right on held-out data next to simple baselines, and saves it.

    Example:
      ostinato fit assistant grammar.yaml --out spoken/
      ostinato fit assistant orders.csv --grammar grammar.yaml --out model/
    """
    held_out_of: ClassVar = "of the recordings"

    _answers: tuple[Recordings, list[Answer]] | None = None  # of the last evaluation

    def read(self, data: Any) -> Recordings:
        """Checked recordings, whose texts are requests as JSON, as `fit` and `evaluate` read them.

        Args:
            data: A manifest, a DataFrame, recordings with such texts; or a grammar, whose sentences are spoken.

        Raises:
            OstinatoError: For a request that no sentence of the grammar makes, and recordings that cannot be used.
        """
        return self._read(data, self._grammar(data), self._given.seed)

    def _read(self, data: Any, grammar: Grammar, seed: int) -> Recordings:
        if is_grammar(data):
            return spoken(grammar, self.settings, seed)
        return read_requests(data, self.settings, grammar)

    def _grammar(self, data: Any = None) -> Grammar:
        """The grammar that was given, or is the data."""
        given = self._given.grammar if self._given.grammar is not None else data if is_grammar(data) else None
        if given is None and self._model is not None:
            return self._model.grammar
        if given is None:
            raise OstinatoError("what may be said? give a YAML file of expressions and slots, grammar=...")
        if not isinstance(given, Grammar):
            given = Grammar.read(given)
        self._read_grammar = given
        return given

    def read_validation(self, data: Any, training: Recordings) -> Recordings:
        return self._read(data, self._read_grammar, self._given.seed + 1)

    def adopt_settings(self, other: Self) -> None:
        super().adopt_settings(other)
        if self._given.grammar is None:
            self._given = self._given.model_copy(update={"grammar": other.model.grammar})

    def split(self, records: Recordings, share: float) -> tuple[Recordings, Recordings]:
        return records.split(share, self._given.seed)

    def hold_out(self, records: Recordings, share: float) -> tuple[Recordings, Recordings]:
        return records.hold_out(share, self._given.seed)

    def held_out(self, records: Recordings, share: float) -> str:
        return super().held_out(records, share) if records.part(*TEST) is None else "the test part that the data name"

    def prepare(
        self, training: Recordings, validation: Recordings, *, folder: Path | None, start: AssistantModel | None
    ) -> Prepared[RequestBatch, AssistantModel]:
        grammar = self._read_grammar
        settings = self._given.model_copy(update={"sample_rate": training.spec.sample_rate, "grammar": None})
        modality = learned(training, settings, None if start is None else start.modality)
        modality.check(validation)
        words = grammar.words if start is None else start.words
        if unknown := sorted(set(grammar.words) - set(words)):
            raise OstinatoError(f"the model to go on from knows no word {unknown[0]!r}, which the grammar has")
        network = AssistantModel.build(settings, {"modality": modality, "words": words})
        read, judged = modality.reader(training.clips), modality.reader(validation.clips)
        asked, wanted = _requests(training), _requests(validation)
        graphs, steps_of = _graphs(training.require_texts(), grammar, words), network.front_end.steps_of
        needed = [graph.fewest_frames() or 0 for graph in graphs]
        _refuse_short(training, steps_of(torch.from_numpy(read.lengths)).tolist(), needed)
        understanding = Understanding(grammar, words)

        def loss(model: nn.Module, batch: RequestBatch, state: None) -> LossSum:
            return request_loss(model, batch)

        def model() -> AssistantModel:
            told = [understanding.understood(each) for each in hear(network, judged)]
            right = [each.request == request for each, request in zip(told, wanted, strict=True)]
            confidence = Confidence.fit([each.nats for each in told], right)
            return AssistantModel(settings, network, words, grammar, modality, Baselines.fit(asked, read), confidence)

        return Prepared(
            settings=settings,
            network=network,
            batches=augmented(read.lengths, gathering(read, graphs, needed, steps_of), settings),
            loss=loss,
            score=request_error(judged, wanted, understanding),
            model=model,
            notes=training.notes,
        )

    def predict(self, data: Any) -> pd.DataFrame:
        """Answers what is asked in recordings.

        Args:
            data: As in training, or files; intents and slots need not be there, and are not read.

        Returns:
            One row each: "audio", its name; "intent", "slots" as JSON and the "confidence" that both are right, from 0
            to 1; "taken": whether that reaches the threshold; the "reply", which says what was unsure where it does
            not; and the words that were "heard".

        Raises:
            OstinatoError: For recordings that cannot be used.
        """
        recordings = read_recordings(data, self.settings.spec, texts=False)
        self.model.modality.check(recordings)
        answers = self.answers(recordings)
        return pd.DataFrame(
            {
                "audio": list(recordings.names),
                "intent": [each.request.intent for each in answers],
                "slots": [each.request.slots_text for each in answers],
                "confidence": [each.confidence for each in answers],
                "taken": [not each.unsure for each in answers],
                "reply": [each.reply for each in answers],
                "heard": [each.heard for each in answers],
            }
        )

    def answers(self, recordings: Recordings) -> list[Answer]:
        """What is made of each recording."""
        return self.model.answers(recordings.clips, self.settings.threshold)

    def evaluate(self, data: Any) -> ScoreTable:
        """Scores the network and the baselines on recordings that fitting has not heard.

        Args:
            data: As in training; the test part, where a manifest names one. Of a grammar other sentences are spoken.

        Returns:
            Shares of right intents, F1 of slots with their values, and the share of requests that are right in all
            parts, taken or not; `print` it. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        recordings = self._to_judge(data)
        asked, answers = _requests(recordings), self.answers(recordings)
        self._answers = recordings, answers
        told = {"ostinato": [each.request for each in answers]}
        told |= self.model.baselines.told(self.model.modality.reader(recordings.clips))
        several = len(self.model.grammar.intents) > 1
        rows = {name: figures(asked, own, intents=several) for name, own in told.items()}
        self.metrics = ScoreTable("ostinato", rows, len(recordings), "recordings")
        return self.metrics

    def _to_judge(self, data: Any) -> Recordings:
        """Recordings with their requests; the test part, where a manifest names one."""
        recordings = self._read(data, self.model.grammar, self.settings.seed + 1)
        self.model.modality.check(recordings)
        return recordings.part(*TEST) or recordings

    def details(self, data: Any) -> RenderableType | None:
        """How many requests are taken, and how many of these are right."""
        if self._answers is None:
            return None
        recordings, answers = self._answers
        right = [each.request == asked for each, asked in zip(answers, _requests(recordings), strict=True)]
        taken = [not each.unsure for each in answers]
        good = sum(own for own, kept in zip(right, taken, strict=True) if kept)
        lines = [
            f"{sum(taken)} of {len(answers)} requests are taken, at a confidence of {self.settings.threshold:.0%}; "
            f"{good} of these are right, and {sum(right) - good} of those that are not taken."
        ]
        wrong = [row for row, own in enumerate(right) if not own]
        if wrong:
            worst = max(wrong, key=lambda row: answers[row].confidence)
            lines.append(
                f"Surest mistake: {recordings.names[worst]}, {_requests(recordings)[worst]} understood as "
                f"{answers[worst].request}."
            )
        return Text("\n".join(lines))

    def losses(self, data: Any) -> pd.DataFrame:
        """One row a recording: "audio", what is "asked" and "understood", and "loss": the nats of what is asked."""
        recordings = self._to_judge(data)
        understanding, heard = self.model.understanding, self.model.hear(recordings.clips)
        asked = _requests(recordings)
        return pd.DataFrame(
            {
                "audio": list(recordings.names),
                "asked": list(map(str, asked)),
                "understood": [str(understanding.understood(each).request) for each in heard],
                "loss": [understanding.nats(each, request) for each, request in zip(heard, asked, strict=True)],
            }
        )

    def sample_loss(self, data: Any) -> Callable[[], Tensor]:
        model = self.model
        recordings = self._to_judge(data)
        some = recordings.take(np.asarray(evenly(len(recordings)), np.int64))
        steps = model.modality.reader(some.clips)(range(len(some)))
        batch = RequestBatch.of(steps, _graphs(some.require_texts(), model.grammar, model.words))
        batch = moved(batch, model.settings.on_device)
        return lambda: request_loss(model.network, batch).mean

    def next_steps(self, out: Path, data: Path | tuple[Path, ...]) -> tuple[NextStep, ...]:
        return (NextStep("Ask it", ("ask", out, "order.wav")),)

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model, settings = self.model, self.model.settings
        both = " in both directions" if settings.bidirectional else ""
        grammar = model.grammar
        return (
            f"Assistant: {cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units{both}, "
            f"{model.num_weights:,} weights; {model.modality.summary(settings)} in, {len(model.words)} words, "
            f"{len(grammar.intents)} intents and {len(grammar.slots)} slots out, {grammar.count:,} sentences."
        )


def _requests(recordings: Recordings) -> list[Request]:
    return [Request.of_text(text) for text in recordings.require_texts()]


def _graphs(texts: Sequence[str], grammar: Grammar, words: tuple[str, ...]) -> list[LabelGraph]:
    """The sentence that is said, where it is told, else all that ask for each request; equal ones share a graph."""

    def sentences(text: str) -> SentenceGraph:
        told = json.loads(text).get("text")
        return grammar.saying(Request.of_text(text)) if told is None else grammar.sentence(told)

    known = {text: label_graph(sentences(text), words) for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def _refuse_short(recordings: Recordings, steps: list[int], needed: list[int]) -> None:
    """Makes sure that a sentence fits into every recording."""
    short = [row for row, (there, least) in enumerate(zip(steps, needed, strict=True)) if there < least]
    if short:
        row = short[0]
        raise recordings.error(
            f"{recordings.names[row]}: {steps[row]} steps for a sentence of at least {needed[row]} words; {len(short)} "
            f"of {len(recordings)} recordings are too short: leave them out, or take a smaller subsampling",
            row,
        )
