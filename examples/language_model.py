"""A character model of a small text writes on, suggests words, and says which line surprises it."""

from ostinato import LanguageModel

SUBJECTS = ["the sailor", "the captain", "an old man", "the sea", "a grey gull", "the wind"]
VERBS = ["sings to", "waits for", "remembers", "follows", "looks at", "never forgets"]
OBJECTS = ["the harbour", "the morning", "a distant light", "the waves", "his ship", "the silent stars"]


def ballad() -> str:
    """216 verses, in an order that nothing is learned from."""
    verses = [f"{one} {does} {other}." for one in SUBJECTS for does in VERBS for other in OBJECTS]
    return "\n".join(verses[(number * 89) % len(verses)] for number in range(4 * len(verses))) + "\n"


def main() -> None:
    model = LanguageModel(
        hidden_size=48, embedding_size=16, bptt_steps=32, batch_size=16, epochs=8, learning_rate=2e-2, seed=0
    )
    model.fit([ballad()])
    scores = model.evaluate(["the wind follows his ship.\nthe sea sings to the silent stars.\n"])
    print(scores)
    print(scores.verdict())
    print("".join(model.generate("the sea ", length=120, temperature=0.7, seed=1)))
    print(model.suggest("the captain re"))
    print(model.predict(["an old man waits for the morning.\nthe morning eats an umbrella."]))


if __name__ == "__main__":
    main()
