"""The word vectors a network begins with."""

import torch
from torch import Tensor

from ostinato.data.vectors import vocabulary_vectors
from ostinato.tasks.classification.inputs import PADDING, TextInputs
from ostinato.tasks.classification.settings import ClassifierSettings


def first_vectors(settings: ClassifierSettings, inputs: TextInputs) -> tuple[Tensor, str]:
    """Vectors of the training vocabulary from a file, and what was found there.

    A word that the file does not have begins at random, spread as those found; where vectors stay as they are, it has
    their mean.

    Args:
        settings: `vectors` is the file.
        inputs: With a vocabulary of words.

    Returns:
        float32 ``(units, features)``, and a note.

    Raises:
        OstinatoError: For a damaged file, one that has none of the words, or vectors of another size than asked for.
    """
    assert settings.vectors is not None
    asked = settings.embedding_size if "embedding_size" in settings.model_fields_set else None
    found, note = vocabulary_vectors(settings.vectors, inputs.tokenizer, asked)
    tokens = inputs.tokenizer.tokens
    numbers = {word: number for number, word in enumerate(tokens)}
    values = torch.from_numpy(found.values)
    generator = torch.Generator().manual_seed(settings.seed)
    weight = torch.randn(len(tokens), found.size, generator=generator) * values.std()
    if settings.freeze_vectors:
        weight[:] = values.mean(0)
    weight[[numbers[word] for word in found.words]] = values
    weight[PADDING] = 0
    return weight, note
