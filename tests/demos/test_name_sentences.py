"""The sentences of the demonstration: names that only their neighbours tell apart, and names kept for the test."""

from ostinato.demos.data.name_sentences import name_sentences
from ostinato.tasks.tagging.entities import entities, violations

PARTS = name_sentences((600, 200, 300))


def named(part):
    """Every word that stands in a name, with the kinds it had."""
    found = {}
    for words, tags in zip(part.items, part.tags, strict=True):
        for entity in entities(tags):
            for word in words[entity.first : entity.last + 1]:
                found.setdefault(word, set()).add(entity.kind)
    return found


def test_the_tags_are_bio_of_four_kinds():
    for part in PARTS:
        assert not violations(part.tags, "bio")
        assert set().union(*named(part).values()) == {"PER", "LOC", "ORG", "DATE"}


def test_there_are_as_many_as_asked_for_and_one_seed_gives_the_same():
    assert [len(part) for part in PARTS] == [600, 200, 300]
    assert [part.items for part in name_sentences((600, 200, 300))] == [part.items for part in PARTS]
    assert name_sentences((5, 1, 1), seed=1)[0].items != PARTS[0].items[:5]


def test_many_names_of_the_test_are_unknown_and_those_known_mean_several_things():
    training, test = named(PARTS[0]), named(PARTS[2])
    people = {word for word, kinds in test.items() if kinds == {"PER"}}
    assert len(people - training.keys()) > 15
    assert all(len(training[name]) > 1 for name in ("Jordan", "Paris", "Washington", "May"))
