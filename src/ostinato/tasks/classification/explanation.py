"""Why a text got its label: the score after each word, and what each word contributes."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ostinato.data.tokenizers import WordTokenizer
from ostinato.errors import OstinatoError
from ostinato.storage import write_durably
from ostinato.tasks.classification.model import ClassifierModel
from ostinato.tasks.classification.picture import picture, shade


@dataclass(frozen=True)
class Explanation:
    """Why a text got its label.

    Attributes:
        label: The label told, or asked for.
        probability: Its probability.
        words: Of the text.
        scores: After each word, the probability of that label for the text up to it. With one direction these are what
            the network reads on its way; with two, each beginning is read as a text of its own.
        contributions: Of each word: the log-odds of the label for the whole text, less those for the text without it.
            Above 0 the word speaks for the label, below 0 against it. They do not add up to the whole.
    """

    label: str
    probability: float
    words: tuple[str, ...]
    scores: tuple[float, ...]
    contributions: tuple[float, ...]

    def rich(self) -> Text:
        """One line for a terminal: words for the label in blue, words against it in orange, the strongest darkest."""
        line = Text(f"{self.label} ({self.probability:.1%}): ")
        most = max(map(abs, self.contributions))
        for word, contribution in zip(self.words, self.contributions, strict=True):
            background, dark = shade(contribution, most)
            line.append(word, style=f"{'white' if dark else 'black'} on {background}")
            line.append(" ")
        line.rstrip()
        return line

    def table(self) -> Table:
        """Each word with its contribution and the score after it, for a terminal."""
        table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("word")
        table.add_column("contribution", justify="right")
        table.add_column("score after it", justify="right")
        for word, contribution, score in zip(self.words, self.contributions, self.scores, strict=True):
            table.add_row(Text(word), f"{contribution:+.2f}", f"{score:.3f}")
        return table

    def __str__(self) -> str:
        """As plain text."""
        text = io.StringIO()
        console = Console(file=text, width=120, color_system=None, markup=False, highlight=False)
        console.print(f"{self.label}, probability {self.probability:.3f}", soft_wrap=True)
        console.print(self.table())
        return text.getvalue().rstrip("\n")

    def html(self) -> str:
        """A picture as one HTML page that needs nothing else."""
        return picture(self.label, self.probability, self.words, self.scores, self.contributions)

    def save(self, path: str | Path) -> None:
        """Writes `html` to a file.

        Raises:
            OstinatoError: It cannot be written.
        """
        write_durably(Path(path), self.html().encode())


def explained(fitted: ClassifierModel, text: str, label: str | None = None) -> Explanation:
    """Explains a text with a fitted model: see `Explanation`.

    Every figure comes from reading the texts in question, all in batches: the beginnings of the text, and the text
    with a space in the place of each of its words.

    Args:
        fitted: The model.
        text: One text.
        label: To explain; None: the likeliest.

    Raises:
        OstinatoError: For a text without a word, a label that is none, or a model of sequences of numbers.
    """
    if fitted.modality.name != "text":
        raise OstinatoError(f"this model is of {fitted.modality.kinds}, and explain is for texts")
    if label is not None and label not in fitted.labels:
        raise OstinatoError(f"label {label!r}: the model tells {', '.join(fitted.labels)}")
    fitted.read([text], labels=False)
    spans = list(_spans(fitted, text))
    if not spans:
        raise OstinatoError(f"the text {text!r} holds no word to explain")
    beginnings = [text[:end] for _, end in spans]
    without = [f"{text[:start]} {text[end:]}" for start, end in spans]
    logits = fitted.logits([text, *beginnings, *without])
    shares = fitted.labelling.probabilities(logits)
    told = int(shares[0].argmax()) if label is None else fitted.labels.index(label)
    odds = fitted.labelling.log_odds(logits, told)
    return Explanation(
        label=fitted.labels[told],
        probability=float(shares[0, told]),
        words=tuple(text[start:end] for start, end in spans),
        scores=tuple(shares[1 : len(spans) + 1, told].tolist()),
        contributions=tuple((odds[0] - odds[len(spans) + 1 :]).tolist()),
    )


def _spans(fitted: ClassifierModel, text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends: as the network's tokenizer separates them, or at white space for other ones."""
    settings = fitted.settings
    words = WordTokenizer((), (), settings.split if settings.tokenizer == "word" else "whitespace").words(text)
    end = 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        if word != "\n":
            yield start, end
