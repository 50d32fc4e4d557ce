"""Replies to dialogues about films, music and sport: one recipe, its baselines, and the same model on torch's kernels.

    OSTINATO_DATA=path/to/data python benchmarks/chat.py

The data are the self-dialogues of Fainberg et al. 2018: one person writes both sides. Dialogues, each whole, are split
at random: 90 % to train, 5 % to validate, 5 % to test. Those with a turn that was lost ("{}") are left out. The test
part is scored once, after training. Perplexity is per unit, so it compares models of one recipe only.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from recipes import CHAT

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


def parts(path: Path) -> tuple[Dialogues, Dialogues, Dialogues]:
    """Dialogues to train on, to validate on, to test on."""
    everything = Dialogues.of(path)
    whole = Dialogues(tuple(dialogue for dialogue in everything if LOST not in dialogue.turns), str(path))
    print(f"{len(everything):,} dialogues, {len(everything) - len(whole):,} left out for a lost turn")
    training, others = whole.split(0.1, seed=0)
    validation, test = others.split(0.5, seed=0)
    return training, validation, test


def fitted(settings: dict[str, Any], training: Dialogues, validation: Dialogues) -> tuple[Chatbot, float]:
    began = time.perf_counter()
    bot = Chatbot(**settings).fit(training, validation)
    return bot, time.perf_counter() - began


def self_chat(bot: Chatbot, opening: str, seed: int) -> list[str]:
    """What it says to an opening, to its own reply, and so on; it is not let off by a refusal."""
    history = [opening]
    for turn in range(TURNS - 1):
        history.append(bot.reply(history, seed=seed + turn, threshold=0).text)
    return history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=CHAT, default="self_dialogue", help="named settings, of recipes.py")
    parser.add_argument("--examples", type=int, help="at most so many replies to train on, instead of the recipe's")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num-threads", type=int, default=2)
    arguments = parser.parse_args()
    if "OSTINATO_DATA" not in os.environ:
        sys.exit("set OSTINATO_DATA to the folder with the public data sets")
    path = Path(os.environ["OSTINATO_DATA"]) / "dialogue" / "self_dialogue.jsonl.gz"
    if not path.exists():
        sys.exit(f"{path} is missing: OSTINATO_DATA must name the folder with the public data sets")
    torch.set_num_threads(arguments.num_threads)
    changed = {"max_examples": arguments.examples, "epochs": arguments.epochs}
    settings = CHAT[arguments.recipe] | {name: value for name, value in changed.items() if value is not None}
    settings |= {"seed": arguments.seed, "num_threads": arguments.num_threads}
    training, validation, test = parts(path)
    print(f"recipe {arguments.recipe}: {settings}", flush=True)
    bot, seconds = fitted(settings, training, validation)
    print("\n".join(bot.notes))
    print(f"{bot.summary()} Trained in {seconds:.0f} s on {arguments.num_threads} threads.", flush=True)
    print(bot.evaluate(test))
    print(bot.metrics.verdict() if bot.metrics else "", flush=True)
    for number, opening in enumerate(OPENINGS):
        seed = arguments.seed + 100 * number
        print(f"\nwith itself, seed {seed}:\n  " + "\n  ".join(self_chat(bot, opening, seed)), flush=True)
    other, other_seconds = fitted(settings | {"backend": "aten"}, training, validation)
    scores = {name: model.evaluate(test).rows["ostinato"] for name, model in (("auto", bot), ("aten", other))}
    print("\nthe same model, seed and batches on two backends:")
    for name, spent in (("auto", seconds), ("aten", other_seconds)):
        print(f"backend {name}: perplexity {scores[name]['perplexity']:.2f}, trained in {spent:.0f} s")


if __name__ == "__main__":
    main()
