"""Praise or blame: word order decides, so a network tells what counting words cannot. Then it says why."""

from ostinato import SequenceClassifier
from ostinato.demos.data import load_reviews


def main() -> None:
    reviews = load_reviews()
    training, test = reviews.query("part == 'training'"), reviews.query("part == 'test'")
    classifier = SequenceClassifier(
        hidden_size=32, embedding_size=32, bidirectional=False, pooling="last", learning_rate=0.005, epochs=40
    )
    classifier.fit(training)
    print(classifier.evaluate(test))
    print(classifier.report(test))
    print(classifier.predict(["not bad at all", "the ending was hardly good"]))
    explanation = classifier.explain("the film looked dull at first and turned out to be far from boring")
    print(explanation)
    # explanation.save("why.html") draws it.


if __name__ == "__main__":
    main()
