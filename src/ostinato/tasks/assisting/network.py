"""The network behind an Assistant, and the batches it is trained on."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from torch import Tensor, nn

from ostinato.data.sentence_graph import SentenceGraph
from ostinato.modalities import FrontEnd, Modality, padded
from ostinato.modalities.modality import Steps
from ostinato.nn import GraphBatch, LabelArc, LabelGraph
from ostinato.tasks.assisting.settings import AssistantSettings
from ostinato.tasks.body import recurrent_body
from ostinato.topologies import ManyToMany


class RequestBatch(NamedTuple):
    """Recordings of one batch, and the sentences that may be said in each.

    Attributes:
        x: Padded steps, ``(batch, time, ...)``.
        lengths: int64 ``(batch,)``.
        graphs: What may be said in each.
    """

    x: Tensor
    lengths: Tensor
    graphs: GraphBatch

    @classmethod
    def of(cls, steps: Sequence[Steps], graphs: Sequence[LabelGraph]) -> Self:
        """Recordings and their graphs."""
        return cls(*padded(steps), GraphBatch.of(graphs))


class AssistantNetwork(nn.Module):
    """The score of each word, and of the blank, at each step.

    Args:
        settings: The assistant's.
        modality: What it reads.
        classes: The blank and the words.
    """

    def __init__(self, settings: AssistantSettings, modality: Modality, classes: int) -> None:
        super().__init__()
        self.front_end: FrontEnd = modality.front_end(settings)
        recurrent = recurrent_body(
            settings, self.front_end.width, dropout=settings.dropout, bidirectional=settings.bidirectional
        )
        self.wiring = ManyToMany(recurrent, classes, dropout=settings.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities ``(batch, steps, classes)``, and the steps of each row ``(batch,)``."""
        features, steps = self.front_end(x, lengths)
        return self.wiring(features, lengths=steps)[0].log_softmax(-1), steps


def label_graph(sentences: SentenceGraph, words: Sequence[str]) -> LabelGraph:
    """Sentences as sequences of the numbers of their words, of which the first is 1; arcs node by node."""
    numbers = {word: number for number, word in enumerate(words, 1)}
    arcs = tuple(
        LabelArc(node, numbers[arc.word], arc.target) for node, those in enumerate(sentences.arcs) for arc in those
    )
    ends = tuple(node for node, intents in enumerate(sentences.intents) if intents)
    return LabelGraph(len(sentences.arcs), arcs, ends)
