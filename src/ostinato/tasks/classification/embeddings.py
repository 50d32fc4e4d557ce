"""The word vectors a network begins with."""

import torch
from torch import Tensor

from ostinato.data.vectors import read_vectors
from ostinato.errors import OstinatoError
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
    tokens = inputs.units.tokens
    first = len(inputs.units.specials)
    numbers = {word: number for number, word in enumerate(tokens) if number >= first}
    found = read_vectors(settings.vectors, numbers)
    if not found.words:
        raise OstinatoError(f"{settings.vectors}: none of the {len(numbers):,} words of the training part is in it")
    if "embedding_size" in settings.model_fields_set and settings.embedding_size != found.size:
        raise OstinatoError(
            f"{settings.vectors}: vectors of {found.size} values, but embedding_size={settings.embedding_size}: "
            "leave embedding_size out"
        )
    values = torch.from_numpy(found.values)
    generator = torch.Generator().manual_seed(settings.seed)
    weight = torch.randn(len(tokens), found.size, generator=generator) * values.std()
    if settings.freeze_vectors:
        weight[:] = values.mean(0)
    weight[[numbers[word] for word in found.words]] = values
    weight[PADDING] = 0
    share = len(found.words) / len(numbers)
    return weight, f"{settings.vectors} has vectors for {len(found.words):,} of {len(numbers):,} words ({share:.0%})"
