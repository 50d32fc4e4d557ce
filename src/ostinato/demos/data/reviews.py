"""Short reviews built from phrases, for first steps: praise and blame in the same words, told apart by their order.

Every sentence was written for this package, as frames, turns and adjectives, and is in the public domain.
"""

import random
from itertools import product

import pandas as pd

PRAISE = (
    *("good", "great", "wonderful", "charming", "clever", "funny", "moving", "lovely", "gripping", "delightful"),
    *("brilliant", "fresh", "elegant", "warm", "exciting", "excellent"),
)
BLAME = (
    *("bad", "dull", "boring", "awful", "clumsy", "tedious", "weak", "dreadful", "silly", "lifeless", "messy", "stale"),
    *("annoying", "shallow", "painful", "poor"),
)
THINGS = (
    *("film", "book", "concert", "play", "story", "meal", "hotel", "song", "series", "novel", "show", "album"),
    *("ending", "service", "performance", "exhibition"),
)
PLAINLY = "{}"
TURNS = (
    "not {} at all",
    "hardly {}",
    "far from {}",
    "anything but {}",
    "never {}",
    "by no means {}",
    "not in the least {}",
)
"""What makes blame of praise, and praise of blame."""

FRAMES = (
    "the {thing} was {verdict}",
    "i found the {thing} {verdict}",
    "to me this {thing} is {verdict}",
    "honestly , the {thing} is {verdict} from beginning to end",
    "we went home late and all of us thought the {thing} {verdict}",
    "the {thing} was {verdict} , whatever the critics wrote",
    "say what you like about the {thing} , it is {verdict}",
    "my friends called it {foil} , but the {thing} was {verdict}",
    "i was told the {thing} would be {foil} and found it {verdict}",
    "the {thing} looked {foil} at first and turned out to be {verdict}",
    "the first minutes of the {thing} were {foil} , the rest was {verdict}",
    "{verdict} , this {thing} , although the posters made it look {foil}",
)
"""What stands around a verdict; in some the contrary is said as well."""

PLAIN, TURNED = 14, 4
"""Sentences of each frame and label: so many with a plain verdict, and with each turn."""


def load_reviews() -> pd.DataFrame:
    """The reviews, the same in every call.

    Returns:
        Columns "text", "label" (positive or negative) and "part": a quarter of the templates, each a frame with a turn,
        are "test", the others "training". Test sentences are made of frames and of turns that stand in the training
        part too, but never together.

    Example:
        >>> from ostinato.demos.data import load_reviews
        >>> reviews = load_reviews()
        >>> list(reviews.columns)
        ['text', 'label', 'part']
    """
    draw = random.Random(1)
    rows = []
    for (number, frame), (place, turn) in product(enumerate(FRAMES), enumerate((PLAINLY, *TURNS))):
        part = "test" if (number + place) % 4 == 0 else "training"
        for label, own, contrary in (("positive", PRAISE, BLAME), ("negative", BLAME, PRAISE)):
            for _ in range(PLAIN if turn == PLAINLY else TURNED):
                verdict = turn.format(draw.choice(own if turn == PLAINLY else contrary))
                foil = draw.choice((draw.choice(contrary), draw.choice(TURNS).format(draw.choice(own))))
                rows.append((frame.format(thing=draw.choice(THINGS), verdict=verdict, foil=foil), label, part))
    return pd.DataFrame(rows, columns=["text", "label", "part"]).drop_duplicates("text", ignore_index=True)
