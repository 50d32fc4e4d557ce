"""A chatbot from recorded dialogues: it answers what it has learned, goes by what was said, and declines the rest.

The dialogues, at the counter of a music shop that does not exist, come with the package. With your own it is
``Chatbot(...).fit("dialogues.jsonl")``.
"""

from ostinato import Chatbot
from ostinato.demos.data import music_shop


def main() -> None:
    training, unseen = music_shop(300).split(0.1)
    bot = Chatbot(
        speaker="shop",  # learn what the shop says, not the guests
        tokenizer="word",
        hidden_size=64,
        embedding_size=64,
        attention="additive",
        tied_output=False,
        dropout=0.0,
        epochs=14,
        learning_rate=1e-2,
        batch_size=16,
    ).fit(training)
    print(bot.evaluate(unseen))
    conversation = bot.conversation(seed=0)
    for said in ("Hello.", "Do you sell a harp?", "Can I rent one?", "What is the capital of France?"):
        reply = conversation.say(said)
        print(f"you: {said}\nbot: {reply.text} (confidence {reply.confidence:.2f})")


if __name__ == "__main__":
    main()
