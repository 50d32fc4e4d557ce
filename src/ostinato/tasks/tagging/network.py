"""The network behind a SequenceTagger."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ostinato.data.tokenizers import WordTokenizer
from ostinato.data.vectors import WordVectors
from ostinato.nn import CRF, LockedDropout, Recurrent, TokenEmbedding, Transitions, sequence_mask
from ostinato.tasks.tagging.encoding import SPECIALS, TagBatch
from ostinato.tasks.tagging.settings import TaggerSettings
from ostinato.topologies import ManyToMany, ManyToOne

PAD, UNKNOWN = SPECIALS.index("<pad>"), SPECIALS.index("<unk>")


class Sizes(NamedTuple):
    """How much of everything there is; 0 words where numbers are tagged.

    Attributes:
        words: Units of the vocabulary.
        characters: Units of the vocabulary of characters; 0 where they are not read.
        features: Columns of numbers.
        tags: Tags.
    """

    words: int
    characters: int
    features: int
    tags: int


class TaggingNetwork(nn.Module):
    """Each step's tag from the whole sequence (Huang et al. 2015, "Bidirectional LSTM-CRF Models").

    A word is the vector of its form and what a layer in both directions reads of its characters (Lample et al. 2016,
    section 4.1).

    Args:
        settings: The tagger's.
        sizes: Of vocabularies, features and tags.
        allowed: For ``decoder="crf"``, which tags may follow which.
    """

    def __init__(self, settings: TaggerSettings, sizes: Sizes, allowed: Transitions | None = None) -> None:
        super().__init__()
        self.sizes = sizes
        self.word_dropout = settings.word_dropout
        self.embed, self.spell, self.read = None, None, None
        width = sizes.features
        if sizes.words:
            width = settings.embedding_size
            self.embed = _embedding(sizes.words, width, settings.embedding_dropout)
            self.embed.weight.requires_grad_(not settings.freeze_vectors)
        if sizes.characters:
            self.spell = _embedding(sizes.characters, settings.char_embedding_size)
            size = settings.char_hidden_size
            recurrent = Recurrent(
                settings.make_cell, settings.char_embedding_size, size, bidirectional=True, backend=settings.backend
            )
            self.read = ManyToOne(recurrent, 2 * size)
            width += 2 * size
        self.dropout = LockedDropout(settings.dropout) if settings.locked_dropout else nn.Dropout(settings.dropout)
        recurrent = Recurrent(
            settings.make_cell,
            width,
            settings.hidden_size,
            num_layers=settings.num_layers,
            bidirectional=settings.bidirectional,
            dropout=settings.dropout,
            locked_dropout=settings.locked_dropout,
            backend=settings.backend,
        )
        self.wiring = ManyToMany(
            recurrent, sizes.tags, dropout=settings.dropout, locked_dropout=settings.locked_dropout
        )
        self.crf = CRF(sizes.tags, allowed=allowed) if settings.decoder == "crf" else None

    @torch.no_grad()
    def begin_with(self, vectors: WordVectors, words: WordTokenizer) -> None:
        """Takes word vectors, at the spread of its own.

        Words that are not among them keep theirs; where vectors stay as they are, they have the mean of those read.
        """
        assert self.embed is not None
        weight, values = self.embed.weight, torch.from_numpy(vectors.values)
        values = values * (weight.std() / values.std().clamp(min=1e-6))
        if not weight.requires_grad:
            weight[UNKNOWN:] = values.mean(0)
        weight[torch.from_numpy(words.numbers(vectors.words)).long()] = values

    def forward(self, batch: TagBatch) -> Tensor:
        """The log-probability of each sequence's tags ``(batch,)``."""
        scores = self.scores(batch)
        if self.crf is not None:
            return self.crf.log_likelihood(scores, batch.tags, batch.lengths)
        each = scores.log_softmax(-1).gather(2, batch.tags[..., None])[..., 0]
        return torch.where(sequence_mask(batch.lengths, each.shape[1]), each, 0).sum(1)

    def scores(self, batch: TagBatch) -> Tensor:
        """The score of each tag at each step ``(batch, time, tags)``."""
        return self.wiring(self.dropout(self._vectors(batch)), lengths=batch.lengths)[0]  # type: ignore[no-any-return]

    def _vectors(self, batch: TagBatch) -> Tensor:
        """What stands at each step ``(batch, time, features)``."""
        if self.embed is None:
            return batch.inputs
        words = batch.inputs
        if self.training and self.word_dropout:
            unknown = torch.rand(words.shape, device=words.device) < self.word_dropout
            words = words.masked_fill(unknown, UNKNOWN)
        vectors: Tensor = self.embed(words)
        if self.spell is None or self.read is None:
            return vectors
        spelled: Tensor = self.read(self.spell(batch.characters), batch.character_lengths)
        return torch.cat([vectors, spelled[batch.forms]], dim=-1)

    @torch.no_grad()
    def decode(self, batch: TagBatch) -> tuple[Tensor, Tensor]:
        """The best tags, int64 ``(batch, time)``, and the probability of each of them ``(batch, time)``.

        With a conditional random field they are the tags of the best path, and the share of all paths that have the tag
        there.
        """
        scores = self.scores(batch)
        if self.crf is None:
            confidence, tags = scores.softmax(-1).max(-1)
            return tags, confidence
        tags, _ = self.crf.decode(scores, batch.lengths)
        return tags, self.crf.marginals(scores, batch.lengths).gather(2, tags[..., None])[..., 0]


def _embedding(units: int, size: int, dropout: float = 0.0) -> TokenEmbedding:
    """Vectors of about unit length (Lample et al. 2016, section 5.1), that of padding zero."""
    embedding = TokenEmbedding(units, size, PAD, dropout=dropout)
    with torch.no_grad():
        embedding.weight.uniform_(-((3 / size) ** 0.5), (3 / size) ** 0.5)
        embedding.weight[PAD] = 0
    return embedding
