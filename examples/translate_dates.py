"""A translator learned from pairs: dates as people write them in English become dates for machines.

Nothing tells it what a month is; from 1,500 examples it finds out where to look, and gets unseen dates right.
"""

from datetime import date, timedelta

import numpy as np

from ostinato import Translator


def pairs(days: int, seed: int) -> list[tuple[str, str]]:
    """Random days of the 21st century, as ``("5 March 2024", "2024-03-05")``."""
    drawn = np.random.default_rng(seed).choice(36_525, days, replace=False)
    each = [date(2000, 1, 1) + timedelta(days=int(number)) for number in drawn]
    return [(f"{day.day} {day:%B} {day.year}", day.isoformat()) for day in each]


def main() -> None:
    translator = Translator(
        tokenizer="char",
        hidden_size=48,
        embedding_size=32,
        dropout=0.0,
        label_smoothing=0.0,
        batch_size=32,
        epochs=6,
        learning_rate=1e-2,
        schedule="cosine",
    )
    training = pairs(1500, seed=0)
    translator.fit(training)
    known = {source for source, _ in training}
    test = [pair for pair in pairs(200, seed=1) if pair[0] not in known]
    print(translator.evaluate(test))
    for text in ("1 January 2000", "29 February 2024", "17 October 2063"):
        print(f"{text} -> {translator.translate(text)}")


if __name__ == "__main__":
    main()
