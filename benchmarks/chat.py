"""Replies to dialogues about films, music and sport: one recipe, its baselines, and the same model on torch's kernels.

The data are the self-dialogues of Fainberg et al. 2018: one person writes both sides. Dialogues, each whole, are split
at random: 90 % to train, 5 % to validate, 5 % to test. Those with a turn that was lost ("{}") are left out. The test
part is scored once, after training. Perplexity is per unit, so it compares models of one recipe only.
"""

from collections.abc import Iterator

from benchmark import Row, Run, data_file, rows_of

from ostinato import Chatbot
from ostinato.data import Dialogues

LOST = "{}"

OPENINGS = (
    "hi, how are you?",
    "what kind of music do you like?",
    "did you see the new star wars movie?",
    "who is your favorite player?",
    "i love disney movies.",
)

TURNS = 6


def parts(run: Run) -> tuple[Dialogues, Dialogues, Dialogues]:
    """Dialogues to train on, to validate on, to test on."""
    path = data_file("dialogue/self_dialogue.jsonl.gz")
    everything = Dialogues.of(path)
    whole = Dialogues(tuple(dialogue for dialogue in everything if LOST not in dialogue.turns), str(path))
    run.say(f"{len(everything):,} dialogues, {len(everything) - len(whole):,} left out for a lost turn")
    training, others = whole.split(0.1, seed=0)
    validation, test = others.split(0.5, seed=0)
    return training, validation, test


def self_chat(bot: Chatbot, opening: str, seed: int) -> list[str]:
    """What it says to an opening, to its own reply, and so on; it is not let off by a refusal."""
    history = [opening]
    for turn in range(TURNS - 1):
        history.append(bot.reply(history, seed=seed + turn, threshold=0).text)
    return history


def self_dialogue(run: Run) -> Iterator[Row]:
    training, validation, test = parts(run)
    scored = test if run.part == "test" else validation
    bot, seconds = run.train(Chatbot, training, validation)
    run.say("\n".join(bot.notes))
    yield from rows_of(bot.evaluate(scored), train_seconds=seconds)
    for number, opening in enumerate(OPENINGS):
        seed = run.seed + 100 * number
        run.say(f"with itself, seed {seed}:\n  " + "\n  ".join(self_chat(bot, opening, seed)))
    other, seconds = run.train(Chatbot, training, validation, backend="aten")
    figures = {**other.evaluate(scored).rows["ostinato"], "train_seconds": seconds}
    yield Row("the same, backend aten", figures)
