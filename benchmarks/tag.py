"""Tagging what each name in Python source is: parameter, local, method, class, ...

The data are the standard library of the Python that runs this, split by file, so that figures differ a little from
version to version. A sequence is some lines of a file, of at most 150 tokens; what a name is, is found by the module
`ast`. Many a name is one thing here and another there: accuracy is given over all tokens and over names alone.
"""

import ast
import builtins
import io
import platform
import random
import sysconfig
import tokenize
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from benchmark import Row, Run

from ostinato import SequenceTagger
from ostinato.tasks.tagging.hand_made import HandMade

LONGEST = 150
OTHER = "O"
Place = tuple[int, int]
Sentence = tuple[list[str], list[str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Names(ast.NodeVisitor):
    """What stands at each place of a file where a name is."""

    def __init__(self, tree: ast.Module) -> None:
        self.found: dict[Place, str] = {}
        self.inside: list[dict[str, str]] = []
        self.module: dict[str, str] = dict.fromkeys(stored(tree.body), "global")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.module[node.name] = "function"
            elif isinstance(node, ast.ClassDef):
                self.module[node.name] = "class"
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self.module |= {(alias.asname or alias.name).split(".")[0]: "import" for alias in node.names}
        self.visit(tree)

    def visit_FunctionDef(self, node: Function) -> None:
        names = [node.args.vararg, node.args.kwarg, *node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        body = node.body if isinstance(node.body, list) else [node.body]
        self.inside.append(dict.fromkeys(stored(body), "local") | {a.arg: "parameter" for a in names if a})
        self.generic_visit(node)
        self.inside.pop()

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef  # noqa: N815 (names that ast gives)

    def visit_arg(self, node: ast.arg) -> None:
        self.found[node.lineno, node.col_offset] = "parameter"
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        kinds = (scope[node.id] for scope in [*reversed(self.inside), self.module] if node.id in scope)
        unknown = "builtin" if hasattr(builtins, node.id) else "global"
        self.found[node.lineno, node.col_offset] = next(kinds, unknown)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        place = node.end_lineno or 0, (node.end_col_offset or 0) - len(node.attr)
        self.found.setdefault(place, "attribute")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            place = node.func.end_lineno or 0, (node.func.end_col_offset or 0) - len(node.func.attr)
            self.found[place] = "method"
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg:
            self.found[node.lineno, node.col_offset] = "keyword"
        self.generic_visit(node)


def stored(body: list) -> set[str]:
    nodes = (node for part in body for node in ast.walk(part))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def sentences(path: Path) -> Iterator[Sentence]:
    """The lines of a file, some at a time, with a tag for every token."""
    text = path.read_text(encoding="utf-8")
    found = Names(ast.parse(text)).found
    words: list[str] = []
    tags: list[str] = []
    ends, before = 0, ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        word = {tokenize.STRING: '"', tokenize.NUMBER: "0", tokenize.NEWLINE: "<end>"}.get(token.type, token.string)
        defined = {"def": "function", "class": "class"}.get(before) if token.type == tokenize.NAME else None
        words.append(word)
        tags.append(defined or found.get(token.start, OTHER))
        before = token.string
        if token.type == tokenize.NEWLINE:
            if len(words) > LONGEST and ends:
                yield words[:ends], tags[:ends]
                words, tags = words[ends:], tags[ends:]
            ends = len(words)
            if len(words) > LONGEST:  # one line, longer than all
                words, tags, ends = [], [], 0
    if ends:
        yield words[:ends], tags[:ends]


def files(count: int) -> list[Path]:
    """Some files of the standard library, those with plain ASCII text: there bytes and characters count alike."""
    every = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    plain = [path for path in every if path.read_bytes().isascii()]
    random.Random(0).shuffle(plain)
    return plain[:count]


def majority(training: list[Sentence], test: list[Sentence]) -> list[str]:
    """The most frequent tag of each word; of an unknown one that looks like a name the most frequent of all names."""
    counts: dict[str, Counter[str]] = {}
    for words, tags in training:
        for word, tag in zip(words, tags, strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    name = Counter(tag for _, tags in training for tag in tags if tag != OTHER).most_common(1)[0][0]
    most = {word: seen.most_common(1)[0][0] for word, seen in counts.items()}
    return [most.get(word, name if word.isidentifier() else OTHER) for words, _ in test for word in words]


def by_hand(training: list[Sentence], test: list[Sentence]) -> list[str]:
    """What the conditional random field tells that a tagger is compared with."""
    tags = sorted({tag for _, tags in training for tag in tags})
    numbers = [np.array([tags.index(tag) for tag in own], np.int64) for _, own in training]
    field = HandMade.fit([words for words, _ in training], numbers, len(tags))
    return [tags[number] for path in field.predict([words for words, _ in test]) for number in path]


def row(name: str, truth: list[str], given: list[str], **own: float) -> Row:
    right = [a == b for a, b in zip(truth, given, strict=True)]
    names = [hit for hit, tag in zip(right, truth, strict=True) if tag != OTHER]
    return Row(name, {"accuracy": sum(right) / len(right), "accuracy_of_names": sum(names) / len(names), **own})


VARIANTS = {
    "ostinato": {},
    "ostinato, softmax": {"decoder": "softmax"},
    "ostinato, without characters": {"char_hidden_size": 0},
    "ostinato, backend aten": {"backend": "aten"},
}


def python_names(run: Run) -> Iterator[Row]:
    """Every variant; `files` are how many for training, validation and test."""
    counts = run.options["files"]
    chosen = files(sum(counts))
    ends = [sum(counts[:part]) for part in range(4)]
    parts = [[one for path in chosen[a:b] for one in sentences(path)] for a, b in pairwise(ends)]
    training, validation, test = parts
    scored = test if run.part == "test" else validation
    run.say(f"standard library of Python {platform.python_version()}, {counts} files, sequences and tokens:")
    run.say("; ".join(f"{len(part):,} {sum(len(words) for words, _ in part):,}" for part in parts))
    truth = [tag for _, tags in scored for tag in tags]
    if run.first:
        yield row("each word's tag", truth, majority(training, scored))
        yield row("CRF, features by hand", truth, by_hand(training, scored))
    for name, changes in VARIANTS.items():
        tagger, seconds = run.train(SequenceTagger, training, validation, **changes)
        yield row(name, truth, tagger.predict(scored)["tag"].tolist(), train_seconds=seconds)
