"""Teaches a transcriber to read letters that are whistled: each is a tone of its own, and a space is a pause."""

import numpy as np

from ostinato import Transcriber
from ostinato.data import Recordings

RATE, LETTER = 8000, 800


def whistled(texts, rng):
    """The recordings of some texts, with a little noise."""
    hill = np.hanning(LETTER) / 2

    def letter(sign):
        return hill * np.sin(np.arange(LETTER) * (0.05 + 0.08 * "abc".index(sign))) if sign != " " else 0 * hill

    waves = [np.concatenate([letter(sign) for sign in text]) for text in texts]
    return Recordings.of_waves([wave + rng.normal(size=len(wave)) * 0.005 for wave in waves], RATE, texts)


def main():
    rng = np.random.default_rng(0)
    texts = [" ".join("".join(rng.choice(list("abc"), 2)) for _ in range(2)) for _ in range(180)]
    sounds = whistled(texts, rng)
    training, validation, test = (sounds.take(np.arange(*ends)) for ends in ((120,), (120, 150), (150, 180)))
    transcriber = Transcriber(
        hidden_size=16, num_layers=1, channels=8, dropout=0, learning_rate=0.01, epochs=30, speed=0, silence=0
    )
    transcriber.fit(training, validation=validation)
    print(transcriber.evaluate(test))
    print(transcriber.details(test))
    print(transcriber.predict(test.take(np.arange(3))))


if __name__ == "__main__":
    main()
