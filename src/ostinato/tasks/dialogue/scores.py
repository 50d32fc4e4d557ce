"""How good and how varied replies are."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ostinato.data.dialogues import Example
from ostinato.tasks.dialogue.conversation import whole
from ostinato.tasks.dialogue.encoding import Encoded
from ostinato.tasks.dialogue.model import ChatbotModel
from ostinato.tasks.dialogue.words import words
from ostinato.tasks.dialogue.writing import log_likelihoods
from ostinato.tasks.score_table import ScoreTable
from ostinato.tasks.seq2seq.texts import END

REPLIES = 500
"""Contexts that are replied to for the figures other than perplexity, spread evenly over those there are."""

CHOICES = 10
"""Replies among which the true one is to be found."""


def score_replies(model: ChatbotModel, held: Encoded) -> ScoreTable:
    """Scores a Chatbot, and baselines, on replies that it has not learned from.

    Args:
        model: What replies; it never refuses here.
        held: The true replies.
    """
    settings = model.settings
    sums, counts = log_likelihoods(model.network, held.pairs)
    ends = [np.append(reply, END) for _, reply in held.pairs]
    some = np.unique(np.linspace(0, len(held.pairs) - 1, REPLIES).round().astype(int))
    examples = [held.examples[place] for place in some]
    true = [example.reply for example in examples]
    always = settings.model_copy(update={"threshold": 0.0})
    own = [
        whole(model.speak(example.context, always, settings.seed + number, pieces=False)).text
        for number, example in enumerate(examples)
    ]
    found = model.retrieval.reply([example.context for example in examples])
    choices = choices_among(true, settings.seed)
    rows = {
        "ostinato": {
            "perplexity": float((-sums.sum() / counts.sum()).exp()),
            "recall_1_of_10": _recall(_information(model, examples, choices)),
            **_variety(own),
        },
        "unigram": {"perplexity": model.unigram.perplexity(ends)},
        "retrieval": {"recall_1_of_10": _recall(_likeness(model, found, choices)), **_variety(found)},
        "most frequent": _variety([model.frequent] * len(examples)),
        "people": _variety(true),
    }
    return ScoreTable("ostinato", rows, len(held.pairs), "replies")


def distinct(replies: Sequence[str], size: int) -> float:
    """Different runs of `size` words in all replies together, by the words in them (distinct-n, Li et al. 2016).

    Args:
        replies: Texts.
        size: Words of a run, within one reply.

    Returns:
        A share, 0 for replies without words.
    """
    said = [words(reply) for reply in replies]
    runs = {tuple(part[start : start + size]) for part in said for start in range(len(part) - size + 1)}
    total = sum(len(part) for part in said)
    return len(runs) / total if total else 0.0


def choices_among(true: Sequence[str], seed: int) -> list[list[str]]:
    """For each true reply the true one, and behind it nine other ones, drawn without repeats.

    Returns:
        Lists of ten texts; none where there are not so many different replies.
    """
    different = sorted(set(true))
    if len(different) < CHOICES:
        return []
    random = np.random.default_rng(seed)
    drawn = ([different[place] for place in random.permutation(len(different))[:CHOICES]] for _ in true)
    others = ([text for text in texts if text != reply] for reply, texts in zip(true, drawn, strict=True))
    return [[reply, *texts[: CHOICES - 1]] for reply, texts in zip(true, others, strict=True)]


def _variety(replies: Sequence[str]) -> dict[str, float]:
    return {"distinct_1": distinct(replies, 1), "distinct_2": distinct(replies, 2)}


def _information(model: ChatbotModel, examples: Sequence[Example], choices: Sequence[Sequence[str]]) -> Tensor:
    """``log p(reply | context) - log p(reply | nothing)`` of every choice, ``(examples, choices)``."""
    tokenizer = model.tokenizer
    replies = [[tokenizer.written.encode(text) for text in row] for row in choices]
    contexts = [tokenizer.context(example.context) for example, _ in zip(examples, choices, strict=False)]
    rows = list(zip(contexts, replies, strict=True))
    given, _ = log_likelihoods(model.network, [(said, ids) for said, row in rows for ids in row])
    alone, _ = log_likelihoods(model.network, [(tokenizer.context(()), ids) for _, row in rows for ids in row])
    return (given - alone).view(len(choices), CHOICES)


def _likeness(model: ChatbotModel, found: Sequence[str], choices: Sequence[Sequence[str]]) -> Tensor:
    """How like the retrieved reply every choice is, ``(examples, choices)``."""
    rows = [model.retrieval.likeness(text, row) for text, row in zip(found, choices, strict=False)]
    return torch.stack(rows) if rows else torch.empty(0, CHOICES)


def _recall(scores: Tensor) -> float:
    """How often the first choice has the best score alone, equals sharing; NaN of nothing."""
    best = scores == scores.max(dim=1, keepdim=True).values
    return float((best[:, 0] / best.sum(dim=1)).mean())
