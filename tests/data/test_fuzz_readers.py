"""Readers of text on damaged files: what comes is checked data, or one line that says what is wrong, never more.

``OSTINATO_FUZZ=100000`` tries so many files for each reader, in place of a few hundred.
"""

import gzip
import os
import random
import tempfile
from pathlib import Path

import pytest

from ostinato.data import ConllColumns, Dialogues, FileFormat, LabelledSpec, Text, read_conll, read_labelled, read_table
from ostinato.data.arpa import read_arpa
from ostinato.data.pairs import ParallelTexts, read_sources
from ostinato.data.vectors import read_vectors
from ostinato.errors import OstinatoError

COUNT = int(os.environ.get("OSTINATO_FUZZ", "300"))
ENCODINGS = ("utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "utf-7", "shift_jis", "ascii", "big5")
PIECES = (
    *(b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80", "\u2028\u00a0é😀".encode(), b"\\ud800"),
    *(b'"', b'""', b"'", b"\t", b",", b";", b"\n", b"\r", b"\r\n", b" ", b":", b"#", b"-DOCSTART-", b"__eou__"),
    *(b"{", b"}", b"[", b"]", b"null", b"1e999", b"NaN", b"[" * 2000, b"x" * 5000, b'"turns": ["a"]', b"1-2", b"CC-BY"),
)

CSV = b'text,label,n\n"one, two",a,1\nthree,b,2\n"say ""no""",a,3\n'
TSV = b'text\tlabel\tn\none two\ta\t1\n"three\tb\t2\nfour" five\ta\t3\n'
LINES = b"a one two\nb three\n\na four five\n"
CONLL = b"-DOCSTART- O\n\nAnna B-X\nwent O\n\nBen\tB-X\nsat\tO\n"
CONLLU = b"# text\n1\tDe\tde\tADP\n2-3\tdu\t_\t_\n2\tle\tle\tDET\n\n"
PAIRS = b"1\tone\tun\tCC-BY 2.0\n2\ttwo\tdeux\tCC-BY 2.0\n"
NAMED = b"source\ttarget\tlanguage\none\tun\tfr\ntwo\tzwei\tde\n"
JSON = b'{"source": "one", "target": "un"}\n{"source": "two", "target": "deux"}\n'
TALK = b"Human 1: Hello\nHuman 2: Hi: you\n\nHuman 1: Bye\nHuman 2: Bye\n"
MARKED = b"Hi . __eou__ Hello . __eou__\nBye . __eou__ Bye . __eou__\n"
TURNS = b'{"turns": ["Hello.", "Hi!"], "topic": "x"}\n{"turns": [{"speaker": "A", "text": "a"}]}\n'
ARPA = (
    b"\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-99\t<s>\t-0.3\n-0.6\t</s>\n-0.5\ta\t-0.2\n-0.5\tb\n\n"
    b"\\2-grams:\n-0.2\ta b\n-0.4\t<s> a\n\n\\end\\\n"
)
VECTORS = b"one 0.1 0.2 0.3\ntwo 0.4 0.5 0.6\n"

lines = LabelledSpec(layout="lines")


def consumed(path, form):
    for _ in Text.of(path, form=form).lines():
        pass


READERS = {
    "table": ("t.csv", (CSV, TSV), lambda path, form: read_table(path, form)),
    "labelled": ("t.tsv", (CSV, TSV), lambda path, form: read_labelled(path, LabelledSpec(form=form))),
    "to predict": ("t.tsv", (CSV, TSV), lambda path, form: read_labelled(path, LabelledSpec(form=form), labels=False)),
    "lines": ("t.txt", (LINES,), lambda path, form: read_labelled(path, lines.model_copy(update={"form": form}))),
    "lines to predict": ("t.txt", (LINES,), lambda path, form: read_labelled(path, lines, labels=False, known="ab")),
    "text": ("t.txt", (LINES, TALK), consumed),
    "conll": ("t.conll", (CONLL,), lambda path, form: read_conll(path, ConllColumns(encoding=form.encoding))),
    "untagged": ("t.conll", (CONLL, LINES), lambda path, form: read_conll(path, tags=False, known=("O", "B-X"))),
    "conllu": ("t.conllu", (CONLLU,), lambda path, form: read_conll(path, ConllColumns("conllu"))),
    "pairs": ("t.tsv", (PAIRS, NAMED), lambda path, form: ParallelTexts.of(path, form=form)),
    "pairs in JSON": ("t.jsonl", (JSON,), lambda path, form: ParallelTexts.of(path, form=form)),
    "sources": ("t.tsv", (NAMED, LINES), lambda path, form: read_sources(path, form=form)),
    "dialogues": ("t.txt", (TALK, MARKED, LINES, PAIRS), lambda path, form: Dialogues.of(path, form)),
    "dialogues in JSON": ("t.jsonl", (TURNS,), lambda path, form: Dialogues.of(path, form)),
    "packed dialogues": ("t.jsonl.gz", (TURNS,), lambda path, form: Dialogues.of(path, form)),
    "n-grams": ("t.arpa", (ARPA,), lambda path, form: read_arpa(path)),
    "packed n-grams": ("t.arpa.gz", (ARPA,), lambda path, form: read_arpa(path)),
    "vectors": ("t.vec", (VECTORS,), lambda path, form: read_vectors(path, {"one": 0, "two": 1})),
}


def damaged(sound, chance):
    """A file with a few places replaced, removed or repeated."""
    for _ in range(chance.randint(1, 4)):
        at, gone = chance.randint(0, len(sound)), chance.choice((0, 0, 1, 3, 12))
        new = chance.choice((chance.choice(PIECES), bytes(chance.choices(range(256), k=2)), sound[at : at + 9], b""))
        sound = sound[:at] + new + sound[at + gone :]
    return sound


@pytest.mark.parametrize(("name", "samples", "read"), READERS.values(), ids=READERS)
def test_a_damaged_file_is_data_or_an_error_in_one_line_that_names_it(name, samples, read):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        for seed in range(COUNT):
            chance = random.Random(f"{name} {seed}")
            encoding = chance.choice(ENCODINGS) if chance.random() < 0.3 else "utf-8"
            content = chance.choice(samples)
            if chance.random() < 0.5 and encoding != "ascii":
                content = content.decode().encode(encoding)
            content = damaged(content, chance)
            if name.endswith(".gz"):
                packed = gzip.compress(content, mtime=0)
                content = packed if chance.random() < 0.7 else damaged(packed, chance)
            path.write_bytes(content)
            form = FileFormat(encoding, chance.choice((None, None, "csv", "none")))
            try:
                read(path, form)
            except OstinatoError as error:
                assert str(path) in str(error), (seed, content, error)  # noqa: PT017
                assert "\n" not in str(error), (seed, content)  # noqa: PT017
