"""Pairs of texts: every form they come in, and every way they may be damaged."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.file_format import FileFormat
from ostinato.data.pairs import PairColumns, ParallelTexts, read_sources
from ostinato.errors import OstinatoError

law = settings(deadline=None, derandomize=True, max_examples=30)
PAIRS = [("Ein Hund.", "A dog."), ("Zwei  Katzen ", "Two cats"), ('"Ja", sagt sie', '"Yes", she says')]
READ = (("Ein Hund.", "Zwei Katzen", '"Ja", sagt sie'), ("A dog.", "Two cats", '"Yes", she says'))


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def refused(data, columns=PairColumns()):  # noqa: B008
    with pytest.raises(OstinatoError) as raised:
        ParallelTexts.of(data, columns)
    return str(raised.value)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", ["", "source\ttarget\n"])
def test_tab_separated_files_are_read_with_or_without_names(tmp_path, header, end):
    text = header + "\n".join("\t".join(pair) for pair in PAIRS) + "\n\n"
    pairs = ParallelTexts.of(written(tmp_path / "pairs.tsv", text.replace("\n", end)))
    assert (pairs.sources, pairs.targets) == READ
    assert (pairs.languages, pairs.notes) == (None, ())


def test_columns_of_a_file_without_names_may_be_told_by_their_positions(tmp_path):
    rows = "".join(f"{number}\t{target}\tx\t{source}\n" for number, (source, target) in enumerate(PAIRS))
    columns, form = PairColumns("4", "2"), FileFormat(header=False)
    path = written(tmp_path / "pairs.tsv", rows)
    pairs = ParallelTexts.of(path, columns, FileFormat(header=False, quoting="none"))
    assert (pairs.sources, pairs.targets) == READ
    assert read_sources(path, columns, form) == ([source.strip() for source, _ in PAIRS], None)
    assert read_sources(written(tmp_path / "lines.txt", "ein Hund\n\n"), columns, form) == (["ein Hund", ""], None)


def test_tables_lines_of_json_two_files_and_lists_are_read_alike(tmp_path):
    frame = pd.DataFrame(PAIRS, columns=["source", "target"])
    frame.to_csv(tmp_path / "pairs.csv", index=False)
    lines = "\n".join(json.dumps({"source": source, "target": target}) for source, target in PAIRS)
    sides = [written(tmp_path / f"{side}.txt", "\n".join(texts)) for side, texts in enumerate(zip(*PAIRS, strict=True))]
    for data in (frame, tmp_path / "pairs.csv", written(tmp_path / "p.jsonl", lines), tuple(sides), PAIRS):
        pairs = ParallelTexts.of(data)
        assert (pairs.sources, pairs.targets) == READ
    assert ParallelTexts.of(pairs) is pairs


def test_columns_may_have_other_names_and_a_third_names_the_language(tmp_path):
    columns = PairColumns("en", "other", "lang")
    path = written(tmp_path / "pairs.tsv", "lang\ten\tother\nfr\tdog\tchien\nde\tdog\tHund\n")
    assert ParallelTexts.of(path, columns).languages == ("fr", "de")
    lines = written(tmp_path / "pairs.jsonl", '{"en": "dog", "other": "chien", "lang": "fr"}\n')
    assert ParallelTexts.of(lines, columns).languages == ("fr",)
    assert ParallelTexts.of([("dog", "Hund", "de")]).languages == ("de",)


def test_pairs_with_an_empty_side_are_left_out_and_noted(tmp_path):
    path = written(tmp_path / "pairs.tsv", "a\tb\n\tb\nc\t \nd\te\n")
    pairs = ParallelTexts.of(path)
    assert pairs.sources == ("a", "d")
    assert pairs.notes == (f"{path}: pairs with an empty side left out: 2 (line 2 first)",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pairs.tsv", "", ": holds no pair of texts"),
        (
            "pairs.tsv",
            "one\n",
            ", line 1: 1 field separated by tabs, and no first line that names the columns source and",
        ),
        ("pairs.tsv", "a\tb\tc\n", ", line 1: 3 fields separated by tabs, and no first line that names"),
        ("pairs.tsv", "a\tb\n\nc\td\te\n", ", line 3: 3 fields separated by tabs instead of 2: mend it"),
        (
            "pairs.tsv",
            "source\ttarget\tlanguage\na\tb\tde\nc\td\t\n",
            ", line 3: no language, where other pairs have one",
        ),
        ("pairs.jsonl", '{"source": "a", "target": "b"}\n{"source"\n', ", line 2: not JSON ("),
        ("pairs.jsonl", "[1]\n", ", line 1: not a JSON object: each line must be one"),
        ("pairs.jsonl", '{"source": "a", "ziel": "b"}\n', ", line 1: no 'target' (keys: source, ziel)"),
        ("pairs.jsonl", '{"source": "a", "target": 3}\n', ", line 1: 'target' is 3, not a text"),
        ("pairs.csv", "source,ziel\na,b\n", ": no column 'target'"),
    ],
)
def test_damage_is_named_with_file_and_line(tmp_path, name, text, message):
    path = written(tmp_path / name, text)
    assert refused(path).startswith(f"{path}{message}")


def test_what_is_not_utf_8_is_named_with_its_line(tmp_path):
    path = written(tmp_path / "pairs.tsv", "a\tb\nä\tb\n", "latin-1")
    assert refused(path).startswith(f"{path}, line 2: byte 0xE4 is not UTF-8 text")


def test_files_of_different_numbers_of_lines_are_refused(tmp_path):
    first, second = written(tmp_path / "de", "a\nb\n"), written(tmp_path / "en", "a\n")
    assert refused((first, second)).startswith(f"{first} has 2 lines and {second} 1: line n of one")


def test_what_is_not_there_or_no_pair_is_named(tmp_path):
    assert refused(tmp_path / "pairs.tsv") == f"{tmp_path / 'pairs.tsv'}: no such file or folder"
    assert refused(tmp_path) == f"{tmp_path}: a directory: give a file"
    assert refused(["ab", "cd"]).startswith("the pairs, row 0: give (source, target)")
    assert refused([("a", 1)]).startswith("the pairs, row 0: give (source, target)")


@law
@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xy")), min_size=2, max_size=30),
    st.floats(0.05, 0.95),
    st.integers(0, 9),
)
def test_a_split_keeps_every_pair_and_no_source_stands_on_both_sides(rows, share, seed):
    pairs = ParallelTexts.of(rows)
    if len(set(pairs.sources)) < 2:
        with pytest.raises(OstinatoError, match="fewer than two different sources"):
            pairs.split(share, seed)
        return
    first, second = pairs.split(share, seed)
    assert not set(first.sources) & set(second.sources)
    assert len(first)
    assert len(second)
    both = [*zip(first.sources, first.targets, strict=True), *zip(second.sources, second.targets, strict=True)]
    assert sorted(both) == sorted(rows)
    assert pairs.split(share, seed) == (first, second)


def test_a_share_out_of_range_is_refused():
    with pytest.raises(OstinatoError, match="share must be above 0 and below 1, got 1"):
        ParallelTexts.of(PAIRS).split(1, 0)


def test_texts_to_translate_come_from_lists_lines_and_columns(tmp_path):
    texts = ["Ein Hund.", "Zwei Katzen"]
    lines = written(tmp_path / "texts.txt", "\n".join(texts))
    json_lines = written(tmp_path / "texts.jsonl", "\n".join(json.dumps({"source": text}) for text in texts))
    named = written(tmp_path / "texts.tsv", "language\tsource\n" + "\n".join(f"fr\t{text}" for text in texts))
    for data in (texts, lines, json_lines, pd.DataFrame({"source": texts})):
        assert read_sources(data) == (texts, None)
    assert read_sources(named) == (texts, ["fr", "fr"])


def test_of_pairs_without_a_header_the_sources_are_read_line_by_line(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a dog\tein Hund\n\na cat\teine Katze\n")
    assert read_sources(path) == (["a dog", "", "a cat"], None)
    path.write_text("a dog\tein Hund\nno tab here\n")
    assert read_sources(path)[0] == ["a dog\tein Hund", "no tab here"]
