"""Transcription: from recordings to what is said in them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from rich.console import RenderableType
from torch import Tensor, nn

from ostinato.data.audio import Recordings
from ostinato.data.audio_checks import read_recordings
from ostinato.data.audio_parts import TEST
from ostinato.data.audio_sources import AudioSource
from ostinato.data.tokenizers import Tokenizer
from ostinato.errors import OstinatoError
from ostinato.modalities import learned
from ostinato.modalities.audio import STRIDES
from ostinato.storage import write_durably
from ostinato.tasks.estimator import Estimator
from ostinato.tasks.prepared import Prepared, augmented
from ostinato.tasks.sample import evenly
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.settings import cell_name
from ostinato.tasks.transcription.baselines import Baselines
from ostinato.tasks.transcription.decoder import Decoder
from ostinato.tasks.transcription.error_rates import of_characters, plain_rate
from ostinato.tasks.transcription.heard import Heard
from ostinato.tasks.transcription.model import TranscriberModel
from ostinato.tasks.transcription.network import TextBatch
from ostinato.tasks.transcription.settings import TranscriberSettings
from ostinato.tasks.transcription.stream import Endpoints, TranscriberStream
from ostinato.tasks.transcription.tokens import encoded, learned_tokens, steps_needed, unknown_in
from ostinato.tasks.transcription.train import TranscriptionError, gathered, gathering, transcription_loss
from ostinato.tasks.transcription.transcript import Transcript
from ostinato.tasks.transcription.tuning import Tuner
from ostinato.training import LossSum, moved

SEARCH = (
    "beam_size",
    "language_model",
    "ngram_order",
    "lm_weight",
    "length_bonus",
    "lexicon",
    "hot_words",
    "hot_word_bonus",
)
"""Settings of the search, which need no training."""


FITTING = 0.99
"""Share of the texts that fit at all, that must fit the steps of a subsampling for it to be chosen."""


class Transcriber(Estimator[TranscriberSettings, Recordings, TranscriberModel]):
    """Writes down what is said in recordings.

    Reads a manifest (CSV, TSV or JSON lines: ``audio, text``, perhaps ``start, end, speaker, split``) or a Kaldi
    directory, and learns from whole recordings and their texts alone where each letter is said (connectionist temporal
    classification, Graves et al. 2006; the recurrent transducer, Graves 2012).

    Args:
        settings: See `TranscriberSettings`.

    Attributes:
        settings: As given, or with what `fit` found out in place of None.
        metrics: The scores of the last evaluation, None before.
        notes: What was found and done when the training data were read.

    Raises:
        OstinatoError: For an unknown setting or a value out of range.

    Example:
        >>> import numpy as np
        >>> from ostinato import Transcriber
        >>> from ostinato.data import Recordings
        >>> tones = [np.sin(np.arange(4000) * pitch) / 2 for pitch in (0.1, 0.2) * 8]
        >>> sounds = Recordings.of_waves(tones, 8000, ["low", "high"] * 8)
        >>> transcriber = Transcriber(hidden_size=8, num_layers=1, epochs=1).fit(sounds)
        >>> transcriber.predict(sounds).columns.tolist()
        ['audio', 'text', 'confidence']
    """

    settings_class: ClassVar = TranscriberSettings
    model_class: ClassVar = TranscriberModel
    data_help: ClassVar = (
        "Manifest, a CSV, TSV or JSON Lines file with a file and its text in each row; or a Kaldi directory."
    )
    fit_help: ClassVar = """Train a transcriber: what is said in recordings.

    Prints its word and character error rates on held-out data next to those of simple baselines, and saves it.

    Example:
      ostinato fit transcriber recordings.csv --out model/
    """
    held_out_of: ClassVar = "of the recordings"

    _heard: Heard | None = None  # in the last evaluation

    def read(self, data: AudioSource | Recordings) -> Recordings:
        """Checked recordings with their texts, as `fit` and `evaluate` read them.

        Args:
            data: A manifest, a Kaldi directory, a DataFrame.

        Raises:
            OstinatoError: For recordings that cannot be used: counted by reason, the first ones named.
        """
        return read_recordings(data, self._given.spec)

    def read_validation(self, data: AudioSource | Recordings, training: Recordings) -> Recordings:
        return read_recordings(data, training.spec)

    def split(self, records: Recordings, share: float) -> tuple[Recordings, Recordings]:
        return records.split(share, self._given.seed)

    def hold_out(self, records: Recordings, share: float) -> tuple[Recordings, Recordings]:
        return records.hold_out(share, self._given.seed)

    def held_out(self, records: Recordings, share: float) -> str:
        return super().held_out(records, share) if records.part(*TEST) is None else "the test part that the data name"

    def prepare(
        self, training: Recordings, validation: Recordings, *, folder: Path | None, start: TranscriberModel | None
    ) -> Prepared[TextBatch, TranscriberModel]:
        settings = self._given.model_copy(update={"sample_rate": training.spec.sample_rate})
        modality = learned(training, settings, None if start is None else start.modality)
        modality.check(validation)
        texts, judged = training.require_texts(), validation.require_texts()
        tokenizer = learned_tokens(texts, settings) if start is None else start.tokenizer
        read, tokens = modality.reader(training.clips), encoded(tokenizer, texts)
        needed = steps_needed(tokens, settings)
        settings = settings.model_copy(update={"subsampling": _subsampling(settings, read.lengths, needed)})
        network = TranscriberModel.build(settings, {"modality": modality, "tokenizer": tokenizer})
        steps_of = network.front_end.steps_of
        _refuse_unalignable(training, steps_of(torch.from_numpy(read.lengths)).tolist(), needed)

        def loss(model: nn.Module, batch: TextBatch, state: None) -> LossSum:
            return transcription_loss(model, batch)

        decoder = Decoder.of(settings, tokenizer, texts)

        def model() -> TranscriberModel:
            network.eval()
            tuner = Tuner(network, tokenizer, modality.reader(validation.clips), judged)
            tuned = tuner.decoder(decoder, settings)
            baselines, sureness = Baselines.fit(texts, read), tuner.sureness(tuned)
            return TranscriberModel(settings, network, tokenizer, modality, baselines, tuned, sureness)

        error = TranscriptionError(modality.reader(validation.clips), judged, tokenizer, settings)
        return Prepared(
            settings=settings,
            network=network,
            batches=augmented(read.lengths, gathering(read, tokens, needed, steps_of), settings),
            loss=loss,
            score=error,
            verdict=error.verdict,
            model=model,
            notes=(*training.notes, *_unwritable(judged, tokenizer)),
        )

    def predict(self, data: AudioSource | Recordings) -> pd.DataFrame:
        """Writes down what is said in recordings.

        Args:
            data: As in training, or files; texts need not be there, and are not read.

        Returns:
            One row each: "audio", its name, "text", and "confidence", from 0 to 1.

        Raises:
            OstinatoError: For recordings that cannot be used.
        """
        model = self.model
        recordings = read_recordings(data, self.settings.spec, texts=False)
        model.modality.check(recordings)
        told = [best for best, *_ in model.transcripts(recordings.clips)]
        return pd.DataFrame(
            {
                "audio": list(recordings.names),
                "text": [each.text for each in told],
                "confidence": [each.confidence for each in told],
            }
        )

    def transcribe(self, data: AudioSource | Recordings, *, n_best: int = 1) -> list[list[Transcript]]:
        """As `predict`, with the times and confidences of words, and with more texts than the likeliest.

        Args:
            data: As for `predict`.
            n_best: Texts of each recording.

        Returns:
            The transcripts of each recording, the likeliest first; fewer where no more were found.

        Raises:
            OstinatoError: For recordings that cannot be used, or no texts asked for.
        """
        if n_best < 1:
            raise OstinatoError(f"n_best must be at least 1, got {n_best}")
        model = self.model
        recordings = read_recordings(data, self.settings.spec, texts=False)
        model.modality.check(recordings)
        return model.transcripts(recordings.clips, n_best)

    def stream(self, endpoints: Endpoints | None = Endpoints()) -> TranscriberStream:  # noqa: B008 (it is immutable)
        """Writes down speech while it is spoken.

        Args:
            endpoints: When a text is final and the next begins; None for at the end of the sound alone.

        Raises:
            OstinatoError: The network also hears from the end.

        Example:
            >>> import numpy as np
            >>> from ostinato import Transcriber
            >>> from ostinato.data import Recordings
            >>> tones = [np.sin(np.arange(4000) * pitch) / 2 for pitch in (0.1, 0.2) * 8]
            >>> sounds = Recordings.of_waves(tones, 8000, ["low", "high"] * 8)
            >>> small = {"hidden_size": 8, "num_layers": 1, "epochs": 1, "bidirectional": False}
            >>> stream = Transcriber(**small).fit(sounds).stream()
            >>> heard = stream.feed(np.zeros(4000, np.float32))  # half a second
            >>> all(each.final for each in stream.flush()), stream.rate
            (True, 8000)
        """
        if self.settings.bidirectional:
            raise OstinatoError(
                "a network of both directions hears the end of a recording first and cannot follow a stream: train one "
                "with bidirectional=False"
            )
        return TranscriberStream(self.model, endpoints)

    def decode_with(self, data: AudioSource | Recordings | None = None, **changes: Any) -> Self:
        """Searches for texts in another way from now on; the network stays as it is.

        Args:
            data: Recordings with texts, none of those to be scored, on which weights that are left open and
                confidences are chosen; None for confidences as they are.
            changes: Settings of the search: `beam_size`, `language_model`, `ngram_order`, `lm_weight`, `length_bonus`,
                `lexicon`, `hot_words`, `hot_word_bonus`.

        Returns:
            This transcriber.

        Raises:
            OstinatoError: For other settings, a language model whose weight is neither given nor can be chosen, or
                anything wrong with files or recordings.
        """
        model = self.model
        if other := changes.keys() - SEARCH:
            raise OstinatoError(f"decode_with: {', '.join(sorted(other))}: choose among {', '.join(SEARCH)}")
        settings = self._settings(dict(self.settings) | changes)
        decoder = Decoder.of(settings, model.tokenizer, model.baselines.texts)
        sureness = model.sureness
        if data is not None:
            recordings = read_recordings(data, self.settings.spec)
            model.modality.check(recordings)
            reader = model.modality.reader(recordings.clips)
            tuner = Tuner(model.network, model.tokenizer, reader, recordings.require_texts())
            decoder = tuner.decoder(decoder, settings)
            sureness = tuner.sureness(decoder)
        elif decoder.language is not None and settings.lm_weight is None:
            if not model.decoder.lm_weight:
                raise OstinatoError("lm_weight: give it, 0.5 say, or recordings to choose it on")
            chosen = model.decoder
            decoder = replace(decoder, lm_weight=chosen.lm_weight, length_bonus=chosen.length_bonus)
        self.settings = settings
        self._model = replace(model, settings=settings, decoder=decoder, sureness=sureness)
        return self

    def evaluate(self, data: AudioSource | Recordings) -> ScoreTable:
        """Scores the network and the baselines on recordings that fitting has not heard.

        Args:
            data: As in training; the test part, where a manifest names one.

        Returns:
            Word and character error rates (wrong, missing and surplus ones for each one that was said), and the share
            of texts that are right throughout; `print` it. Also kept as `metrics`.

        Raises:
            OstinatoError: For anything wrong with the data.
        """
        model = self.model
        recordings = self._to_judge(data)
        began = perf_counter()
        told = [best.text for best, *_ in model.transcripts(recordings.clips)]
        seconds = perf_counter() - began
        others = model.baselines.told(model.modality.reader(recordings.clips))
        self._heard = Heard(recordings, tuple(told), seconds)
        heard = {"ostinato": self._heard} | {name: Heard(recordings, tuple(own)) for name, own in others.items()}
        rows = {name: each.figures() for name, each in heard.items()}
        self.metrics = ScoreTable("ostinato", rows, len(recordings), "recordings")
        return self.metrics

    def _to_judge(self, data: AudioSource | Recordings) -> Recordings:
        """Recordings with their texts; the test part, where a manifest names one."""
        recordings = read_recordings(data, self.settings.spec)
        self.model.modality.check(recordings)
        return recordings.part(*TEST) or recordings

    def details(self, data: AudioSource | Recordings) -> RenderableType | None:
        """How sure the word error rate is, which words are heard for which, and what is heard worst."""
        return None if self._heard is None else self._heard.details()

    def losses(self, data: AudioSource | Recordings) -> pd.DataFrame:
        """One row a recording: "audio", "text", what is "told", and "loss": the share of wrong characters."""
        recordings = self._to_judge(data)
        told = [best.text for best, *_ in self.model.transcripts(recordings.clips)]
        texts = recordings.require_texts()
        wrong = [plain_rate([each]) for each in of_characters(texts, told)]
        return pd.DataFrame({"audio": list(recordings.names), "text": list(texts), "told": told, "loss": wrong})

    def sample_loss(self, data: AudioSource | Recordings) -> Callable[[], Tensor]:
        model = self.model
        recordings = self._to_judge(data)
        some = recordings.take(np.asarray(evenly(len(recordings)), np.int64))
        steps = model.modality.reader(some.clips)(range(len(some)))
        batch = gathered(steps, encoded(model.tokenizer, some.require_texts()))
        batch = moved(batch, model.settings.on_device)
        return lambda: transcription_loss(model.network, batch).mean

    def plot(self, data: AudioSource | Recordings, path: str | Path) -> None:
        """Draws the first recording: its mel picture, and each letter where it is heard.

        Args:
            data: As for `predict`.
            path: Of the PNG file.

        Raises:
            OstinatoError: For recordings that cannot be used, or a file that cannot be written.
        """
        from ostinato.tasks.plot import save_plot  # not before: matplotlib takes a second to import
        from ostinato.tasks.transcription.plot import plot_alignment

        recordings = read_recordings(data, self.settings.spec, texts=False)
        self.model.modality.check(recordings)
        first = recordings.take(np.arange(1))
        text = None if first.texts is None else first.texts[0]
        save_plot(plot_alignment(self.model, first.clips[0], first.names[0], text), path)

    def write_page(self, rows: pd.DataFrame, path: str | Path) -> None:
        """Writes what `worst` gave as a page to look at and listen to.

        Args:
            rows: Of recordings of the last `evaluate`.
            path: Of the HTML file.

        Raises:
            OstinatoError: It cannot be written, or the rows are of other recordings.
        """
        from ostinato.tasks.transcription.page import page

        heard = None if self._heard is None else self._heard.recordings
        clips = {} if heard is None else dict(zip(heard.names, heard.clips, strict=True))
        if not clips.keys() >= set(rows["audio"]):
            raise OstinatoError(f"{path}: a page is of recordings of the last evaluation: evaluate on these first")
        write_durably(Path(path), page(self.model, rows, clips).encode())

    def summary(self) -> str:
        """One line: what the network is, and of what it was made."""
        model, settings = self.model, self.model.settings
        both = " in both directions" if settings.bidirectional else ""
        return (
            f"Transcriber: {cell_name(settings.cell)}, {settings.num_layers} x {settings.hidden_size} units{both}, "
            f"{model.num_weights:,} weights; {model.modality.summary(settings)} in, "
            f"{len(model.tokenizer) - 1:,} tokens ({model.tokenizer.kind}) out."
        )


def _subsampling(settings: TranscriberSettings, frames: npt.NDArray[np.int64], needed: Sequence[int]) -> int:
    """The most frames that may become one step: nearly every text that fits at all still fits."""
    if settings.subsampling is not None:
        return settings.subsampling
    fitting = {each: int((-(-frames // each) >= needed).sum()) for each in sorted(STRIDES, reverse=True)}
    return next(each for each, count in fitting.items() if count >= FITTING * fitting[1])


def _refuse_unalignable(recordings: Recordings, steps: Sequence[int], needed: Sequence[int]) -> None:
    """Makes sure that every text fits into its recording."""
    short = [row for row, (there, least) in enumerate(zip(steps, needed, strict=True)) if there < least]
    if short:
        row = short[0]
        raise OstinatoError(
            f"{recordings.origin}, {recordings.places[row]}: {recordings.names[row]}: {steps[row]} steps for a text "
            f"that needs {needed[row]} (one for each token, and one between two that are alike); {len(short)} of "
            f"{len(recordings)} recordings are too short for their texts: mend or leave them out, or take a smaller "
            "subsampling"
        )


def _unwritable(texts: Sequence[str], tokenizer: Tokenizer) -> list[str]:
    """A statement on characters or words of the validation texts that training has not."""
    unknown = unknown_in(tokenizer, texts)
    if not unknown:
        return []
    listed = ", ".join(map(repr, unknown[:5])) + ", ..." * (len(unknown) > 5)
    kind = "words" if tokenizer.kind == "word" else "characters"
    return [f"the validation texts have {kind} that training has not, and that are never written: {listed}"]
