"""Data that come with the package, for first steps, demonstrations and tests."""

from ostinato.demos.data.embedded import EMBEDDED, load_embedded
from ostinato.demos.data.music_shop import music_shop
from ostinato.demos.data.name_sentences import name_sentences
from ostinato.demos.data.reviews import load_reviews

__all__ = ["EMBEDDED", "load_embedded", "load_reviews", "music_shop", "name_sentences"]
