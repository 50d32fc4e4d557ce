"""N-gram models: files in the format of ARPA, and what Kneser-Ney smoothing makes of texts, by its definition."""

import math
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data import NgramModel
from ostinato.data.ngrams import _discounts
from ostinato.errors import OstinatoError

law = settings(deadline=None, derandomize=True, max_examples=40)
texts = st.lists(st.text("abc", max_size=6), min_size=1, max_size=8)

SOUND = """\
made by hand
\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-99\t<s>\t-0.30103
-1\t</s>
-0.5\tturn\t-0.1
-0.7\tleft
-2\t<unk>\t-0.2

\\2-grams:
-0.2\t<s> turn
-0.3\tturn left
-0.4\tleft </s>

\\end\\
"""


def saved(folder, text):
    path = folder / "model.arpa"
    path.write_text(text)
    return path


def log10(nats):
    return nats / math.log(10)


def test_a_file_says_what_a_run_is_worth_and_how_to_back_off(tmp_path):
    model = NgramModel.read(saved(tmp_path, SOUND))
    assert model.order == 2
    assert log10(model.log_probability(("<s>",), "turn")) == pytest.approx(-0.2)
    assert log10(model.log_probability(("turn",), "turn")) == pytest.approx(-0.1 - 0.5)  # backs off
    assert log10(model.log_probability(("left",), "turn")) == pytest.approx(-0.5)  # no weight is one of 1
    assert log10(model.log_probability(("turn",), "around")) == pytest.approx(-0.1 - 2)  # not known
    assert log10(model.end(model.extend((), "around"))) == pytest.approx(-0.2 - 1)
    assert log10(model.score(["turn", "left"])) == pytest.approx(-0.2 - 0.3 - 0.4)
    assert model.log_probability(("turn",), "<s>") == -math.inf


def test_without_unk_what_is_not_known_cannot_come(tmp_path):
    text = SOUND.replace("-2\t<unk>\t-0.2\n", "").replace("ngram 1=5", "ngram 1=4")
    model = NgramModel.read(saved(tmp_path, text))
    assert model.log_probability((), "around") == -math.inf
    assert model.score(["turn", "around"]) == -math.inf


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", "line 18: the file ends before"),
        ("ngram 1=5\n", "", "line 3: a run of 2: those of 1 to at most 6 should be stated one after another"),
        ("ngram 1=5", "ngram 1=0", "line 6: 'ngram 1=' and a number of at least 1"),
        ("ngram 1=5", "ngram 1=6", "line 13: 5 runs of 1 since line 6, where 6 are stated"),
        ("ngram 2=3\n", "", r"line 12: \\end\\ should be here: runs of more than 1 symbols are not stated"),
        ("ngram 2=3", "ngram 2=3\nngram 3=0", r"line 19: \\3-grams: should be here"),
        ("\\2-grams:", "\\3-grams:", r"line 13: \\2-grams: should be here"),
        ("-0.5\tturn", "x\tturn", "line 9: 'x' is not a number"),
        ("-0.5\tturn", "0.5\tturn", "line 9: 0.5 is above 0"),
        ("-0.5\tturn", "nan\tturn", "line 9: 'nan' is not a logarithm"),
        ("turn\t-0.1", "turn\t-0.1\t1", "line 9: 4 fields where a logarithm, 1 symbols"),
        ("-0.3\tturn left", "-0.3\tturn", "line 15: 2 fields where a logarithm, 2 symbols"),
        ("left </s>", "left right", "line 16: 'right' is not among the runs of one symbol"),
        ("left </s>", "turn left", "line 16: the run 'turn left' again"),
        ("\\end\\\n", "", "line 16: the file ends before"),
    ],
)
def test_what_is_not_in_the_format_is_refused_with_its_line(tmp_path, old, new, message):
    with pytest.raises(OstinatoError, match=message):
        NgramModel.read(saved(tmp_path, SOUND.replace(old, new, 1)))


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(OstinatoError, match="a folder: give an ARPA file"):
        NgramModel.read(tmp_path)
    with pytest.raises(OstinatoError, match="no such file"):
        NgramModel.read(tmp_path / "other.arpa")
    with pytest.raises(OstinatoError, match="ends before"):
        NgramModel.read(saved(tmp_path, ""))


@law
@given(texts, st.integers(1, 4))
def test_a_model_that_was_written_scores_as_before(tmp_path_factory, written, order):
    model, path = NgramModel.estimate(written, order), tmp_path_factory.mktemp("arpa") / "model.arpa"
    model.write(path)
    read = NgramModel.read(path)
    for text in ("", "ab", "cad"):
        assert read.score(text) == pytest.approx(model.score(text), rel=1e-5)


def test_symbols_that_a_file_cannot_hold_are_refused(tmp_path):
    with pytest.raises(OstinatoError, match="the symbol ' ' is empty or holds white space"):
        NgramModel.estimate(["a b"]).write(tmp_path / "model.arpa")
    assert not list(tmp_path.iterdir())


class Plain:
    """Chen & Goodman's equations over the runs of texts between their ends, one probability at a time."""

    def __init__(self, texts, order):
        padded = [("<s>", *text, "</s>") for text in texts]
        raw = {
            n: Counter(text[i : i + n] for text in padded for i in range(len(text) - n + 1) if (i + n) > 1)
            for n in range(1, order + 1)
        }
        self.symbols = {symbol for text in padded for symbol in text} - {"<s>"} | {"<unk>"}
        self.counts = {order: raw[order]}
        for n in range(1, order):
            behind = defaultdict(set)
            for run in raw[n + 1]:
                behind[run[1:]].add(run[0])
            self.counts[n] = {run: raw[n][run] if run[0] == "<s>" else len(behind[run]) for run in raw[n]}

    def discount(self, n, count):
        return _discounts(list(self.counts[n].values()))[min(count, 3)]

    def probability(self, history, symbol):
        n = len(history) + 1
        lower = self.probability(history[1:], symbol) if history else 1 / len(self.symbols)
        followed = {run: count for run, count in self.counts[n].items() if run[:-1] == history}
        if not followed:
            return lower
        total, own = sum(followed.values()), followed.get((*history, symbol), 0)
        taken = sum(self.discount(n, count) for count in followed.values())
        return (own - self.discount(n, own)) / total + taken / total * lower


@law
@given(texts, st.text("abcd", max_size=4), st.integers(1, 4))
def test_an_estimated_model_is_the_plain_definition_and_adds_up_to_one(written, read, order):
    model, plain = NgramModel.estimate(written, order), Plain(written, order)
    history = model.start()
    for symbol in read:
        history = model.extend(history, symbol)
    shares = {symbol: math.exp(model.log_probability(history, symbol)) for symbol in plain.symbols}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares == pytest.approx({symbol: plain.probability(history, symbol) for symbol in plain.symbols})


@law
@given(st.lists(st.integers(1, 6), max_size=30))
def test_what_came_more_often_keeps_more(counts):
    discounts = _discounts(counts)
    kept = [count - discounts[min(count, 3)] for count in range(6)]
    assert kept == sorted(kept)
    assert min(kept[1:]) >= 0


def test_a_bigram_model_by_hand():
    model = NgramModel.estimate([["a", "b"], ["a"]], order=2)
    # Four symbols: a, b, </s>, <unk>. Behind how many they came: a one (<s>), b one, </s> two; each count less a half.
    left = 1.5 / 4
    single = {"a": 0.5 / 4 + left / 4, "</s>": 1.5 / 4 + left / 4}
    # Behind a: b once, </s> once; less a half each, which leaves a half.
    assert math.exp(model.end(("a",))) == pytest.approx(0.5 / 2 + 0.5 * single["</s>"])
    # Behind <s>: a twice.
    assert math.exp(model.log_probability(model.start(), "a")) == pytest.approx(1.5 / 2 + 0.25 * single["a"])
    assert math.exp(model.log_probability(("b",), "never")) == pytest.approx(0.5 * left / 4)


@pytest.mark.parametrize(
    ("texts", "order", "message"),
    [
        ([], 2, "needs at least one text"),
        ([["a"]], 0, "order must lie between 1 and 6, got 0"),
        ([["a"]], 7, "order must lie between 1 and 6, got 7"),
        ([["a"], ["<s>", "a"]], 2, "text 1: <s> and </s> stand for its ends"),
    ],
)
def test_what_cannot_be_estimated_is_refused(texts, order, message):
    with pytest.raises(OstinatoError, match=message):
        NgramModel.estimate(texts, order)
