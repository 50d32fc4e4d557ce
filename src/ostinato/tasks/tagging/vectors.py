"""The word vectors a network begins with."""

from ostinato.data.units import Words
from ostinato.data.vectors import WordVectors, read_vectors
from ostinato.errors import OstinatoError
from ostinato.tasks.tagging.settings import TaggerSettings


def found_vectors(settings: TaggerSettings, words: Words) -> tuple[WordVectors, str]:
    """The vectors of the training vocabulary in a file, and what to tell about them.

    Args:
        settings: `vectors` is the file.
        words: The vocabulary.

    Raises:
        OstinatoError: For a damaged file, one that has none of the words, or vectors of another size than asked for.
    """
    assert settings.vectors is not None
    known = {word: number for number, word in enumerate(words.tokens) if number >= len(words.specials)}
    found = read_vectors(settings.vectors, known)
    if not found.words:
        raise OstinatoError(f"{settings.vectors}: none of the {len(known):,} words of the training part is in it")
    if "embedding_size" in settings.model_fields_set and settings.embedding_size != found.size:
        raise OstinatoError(
            f"{settings.vectors}: vectors of {found.size} values, but embedding_size={settings.embedding_size}: "
            "leave embedding_size out"
        )
    share = len(found.words) / len(known)
    return found, f"{settings.vectors} has vectors for {len(found.words):,} of {len(known):,} words ({share:.0%})"
