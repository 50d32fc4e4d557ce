"""Names in sentences: trained on a few hundred, scored on sentences whose names were never seen, asked about two."""

from ostinato import SequenceTagger
from ostinato.demos.data.name_sentences import name_sentences


def main() -> None:
    training, validation, test = name_sentences((600, 100, 200))
    tagger = SequenceTagger(hidden_size=32, epochs=10).fit(training, validation=validation)
    print(tagger.evaluate(test))
    print(tagger.report(test))
    for sentence in ("Jordan visited Paris in May .", "May flew to Jordan to see Paris ."):
        words = sentence.split()
        print(" ".join(f"{word}/{tag}" for word, (tag, _) in zip(words, tagger.tag(words), strict=True)))


if __name__ == "__main__":
    main()
