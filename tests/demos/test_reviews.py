"""The embedded reviews: the same in every call, balanced, and their test part made to patterns of its own."""

from ostinato.demos.data import load_reviews


def test_they_are_the_same_in_every_call_and_distinct():
    reviews = load_reviews()
    assert reviews.equals(load_reviews())
    assert reviews["text"].is_unique
    assert 600 <= len(reviews) <= 1000


def test_each_part_holds_as_much_praise_as_blame():
    counts = load_reviews().groupby(["part", "label"]).size()
    for part in ("training", "test"):
        positive, negative = counts[part]["positive"], counts[part]["negative"]
        assert abs(positive - negative) < 0.05 * (positive + negative)


def test_every_word_of_the_test_part_stands_in_the_training_part():
    words = {part: set(" ".join(rows["text"]).split()) for part, rows in load_reviews().groupby("part")}
    assert words["test"] <= words["training"]
