"""Every demonstration by name. One is imported when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ostinato.demos.demo import Demo, Experiment


class Entry(NamedTuple):
    """A demonstration, before it is imported.

    Attributes:
        module: Of the object `DEMO`.
        about: A few words on what it is of.
    """

    module: str
    about: str

    def load(self) -> "Demo | Experiment":
        """The demonstration."""
        return import_module(self.module).DEMO  # type: ignore[no-any-return]


DEMOS: dict[str, Entry] = {
    "co2": Entry("ostinato.demos.co2", "weekly carbon dioxide in the air"),
    "sunspots": Entry("ostinato.demos.sunspots", "their number, yearly"),
    "sentiment": Entry("ostinato.demos.sentiment", "reviews that praise or blame"),
    "tags": Entry("ostinato.demos.tags", "names in sentences"),
    "language": Entry("ostinato.demos.language", "Python's own source, to write some more"),
    "chat": Entry("ostinato.demos.chat", "what is said at the counter of a music shop"),
    "translation": Entry("ostinato.demos.translation", "dates in English to other languages"),
    "speech": Entry("ostinato.demos.speech", "strings of digits, spoken by a synthesiser"),
    "assistant": Entry("ostinato.demos.assistant", "orders to a robot, spoken by a synthesiser"),
    "keywords": Entry("ostinato.demos.keywords", "commands heard in a stream, from a synthesiser"),
    "memory": Entry("ostinato.demos.memory.demo", "who remembers how long: cells and their gradients"),
}
"""Name on the command line -> demonstration."""
