"""The units a text is made of: characters, bytes, words, or pieces of words (BPE), numbered for a network."""

import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ostinato.errors import OstinatoError

TokenizerName = Literal["char", "byte", "word", "bpe"]
Ids = npt.NDArray[np.int32]

UNKNOWN = "<unk>"


class Tokenizer(ABC):
    """Numbers for the units of a text. The special ones come first, in the order given.

    Attributes:
        kind: The name that settings use.
        specials: Units that no text holds (padding, start, end, ...) and, where some text may have no number,
            ``<unk>``.

    Example:
        >>> from ostinato.data.tokenizers import WordTokenizer
        >>> tokenizer = WordTokenizer.learn(["a rose is a rose"], specials=["<unk>"])
        >>> tokenizer.decode(tokenizer.encode("a rose is a tulip"))
        'a rose is a <unk>'
    """

    kind: ClassVar[TokenizerName]

    def __init__(self, specials: Sequence[str]) -> None:
        self.specials = tuple(specials)

    @classmethod
    @abstractmethod
    def learn(
        cls,
        pieces: Iterable[str],
        *,
        specials: Sequence[str] = (),
        size: int | None = None,
        min_count: int = 1,
        split: Literal["punctuation", "whitespace"] = "punctuation",
    ) -> Self:
        """The units of a training text.

        Args:
            pieces: The text, cut where a word ends.
            specials: Units that no text holds.
            size: At most so many units, specials included, the most frequent ones; None for all (BPE: 8,000).
            min_count: Units seen less often have no number of their own.
            split: For words, whether punctuation marks are words of their own, or only white space separates words.
        """

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """The numbers of a text, int32."""

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """The text of some numbers; special units are left out but for ``<unk>``."""

    @property
    @abstractmethod
    def tokens(self) -> list[str]:
        """Every unit as it is shown, by its number."""

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a saved model holds of it: no tensors, and what `to_json` gives."""
        return {}, self.to_json()

    @staticmethod
    def restored(tensors: Mapping[str, Tensor], content: dict[str, Any]) -> "Tokenizer":
        """What `saved` gave.

        Raises:
            ValueError, KeyError, TypeError: As `from_json`.
        """
        return Tokenizer.from_json(content)

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All there is to know, as `from_json` takes it, `kind` included."""

    @classmethod
    @abstractmethod
    def _from_json(cls, content: dict[str, Any]) -> Self: ...

    @staticmethod
    def from_json(content: dict[str, Any]) -> "Tokenizer":
        """What `to_json` gave.

        Raises:
            ValueError, KeyError, TypeError: No tokenizer gave it.
        """
        return TOKENIZERS[content["kind"]]._from_json(content)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def unknown(self) -> int | None:
        """The number of what has none of its own; None where everything has."""
        return self.specials.index(UNKNOWN) if UNKNOWN in self.specials else None

    def special(self, name: str) -> int:
        """The number of a special unit."""
        return self.specials.index(name)


class ByteTokenizer(Tokenizer):
    """The 256 bytes of UTF-8: no text is unknown, no vocabulary is learned."""

    kind = "byte"

    @classmethod
    def learn(cls, pieces: Iterable[str], *, specials: Sequence[str] = (), **_: Any) -> Self:
        return cls(specials)

    def encode(self, text: str) -> Ids:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32) + len(self.specials)

    def decode(self, ids: Iterable[int]) -> str:
        first = len(self.specials)
        return bytes(i - first for i in ids if i >= first).decode(errors="replace")

    @property
    def tokens(self) -> list[str]:
        return [*self.specials, *(chr(byte) if 32 <= byte < 127 else f"<{byte:02x}>" for byte in range(256))]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "specials": list(self.specials)}

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> Self:
        return cls(_texts(content, "specials"))


class _Listed(Tokenizer):
    """Units that are a list, learned by counting; the rest is ``<unk>``."""

    def __init__(self, specials: Sequence[str], listed: Sequence[str]) -> None:
        super().__init__(specials if UNKNOWN in specials else (UNKNOWN, *specials))
        self._tokens = [*self.specials, *listed]
        if len(set(self._tokens)) < len(self._tokens):
            raise ValueError("a unit stands twice in the vocabulary")

    @property
    def tokens(self) -> list[str]:
        return self._tokens


def _frequent(counts: Counter[str], specials: Sequence[str], size: int | None, min_count: int) -> list[str]:
    """The units counted often enough, most frequent first, equals in the order of the alphabet."""
    for special in specials:
        counts.pop(special, None)
    room = None if size is None else max(size - len({UNKNOWN, *specials}), 0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [unit for unit, count in ordered if count >= min_count][:room]


class CharTokenizer(_Listed):
    """Every character (Unicode code point) of the training text; any other is ``<unk>``."""

    kind = "char"

    def __init__(self, specials: Sequence[str], listed: Sequence[str]) -> None:
        super().__init__(specials, listed)
        codes = np.array([ord(char) for char in listed], np.int64)
        # One entry above the highest code stands for every code above it.
        self._table = np.full(int(codes.max(initial=0)) + 2, self.special(UNKNOWN), np.int32)
        self._table[codes] = np.arange(len(listed), dtype=np.int32) + len(self.specials)

    @classmethod
    def learn(
        cls,
        pieces: Iterable[str],
        *,
        specials: Sequence[str] = (),
        size: int | None = None,
        min_count: int = 1,
        **_: Any,
    ) -> Self:
        counts: Counter[str] = Counter()
        for piece in pieces:
            counts.update(piece)
        return cls(specials, _frequent(counts, specials, size, min_count))

    def encode(self, text: str) -> Ids:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        ids: Ids = self._table[np.minimum(codes, len(self._table) - 1)]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        first, unknown = len(self.specials), self.unknown
        return "".join(self._tokens[i] if i >= first else "\ufffd" for i in ids if i >= first or i == unknown)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "specials": list(self.specials),
            "characters": "".join(self._tokens[len(self.specials) :]),
        }

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> Self:
        if not isinstance(content["characters"], str):
            raise TypeError("the characters are no text")
        return cls(_texts(content, "specials"), list(content["characters"]))


_WORD = {
    "punctuation": re.compile(r"\n|<unk>|\w+(?:['’\-]\w+)*|[^\w\s]"),
    "whitespace": re.compile(r"\n|[^\s]+"),
}
_NO_SPACE_BEFORE, _NO_SPACE_AFTER = set(".,;:!?)]}%…”’\n"), set("([{$£€#“‘\n")


class WordTokenizer(_Listed):
    """Words, and the line end as one; any word outside the list is ``<unk>``.

    Args:
        specials: Units that no text holds.
        listed: The words.
        split: Whether punctuation marks are words of their own, or only white space separates words.

    Raises:
        ValueError: A word stands twice, or there is no such way to split.
    """

    kind = "word"

    def __init__(
        self,
        specials: Sequence[str],
        listed: Sequence[str],
        split: Literal["punctuation", "whitespace"] = "punctuation",
    ) -> None:
        super().__init__(specials, listed)
        if split not in _WORD:
            raise ValueError(f"words are split at {' or '.join(_WORD)}, not {split!r}")
        self.split = split
        first = len(self.specials)
        self._ids = {word: number for number, word in enumerate(listed, first)} | {UNKNOWN: self.special(UNKNOWN)}

    @classmethod
    def learn(
        cls,
        pieces: Iterable[str],
        *,
        specials: Sequence[str] = (),
        size: int | None = None,
        min_count: int = 1,
        split: Literal["punctuation", "whitespace"] = "punctuation",
    ) -> Self:
        words = chain.from_iterable(map(_WORD[split].findall, pieces))
        return cls.of(words, specials=specials, size=size, min_count=min_count, split=split)

    @classmethod
    def of(
        cls,
        words: Iterable[str],
        *,
        specials: Sequence[str] = (),
        size: int | None = None,
        min_count: int = 1,
        split: Literal["punctuation", "whitespace"] = "whitespace",
    ) -> Self:
        """As `learn`, from words that are separated already."""
        counts = Counter(words)
        counts.pop(UNKNOWN, None)
        return cls(specials, _frequent(counts, specials, size, min_count), split)

    def words(self, text: str) -> list[str]:
        """The words of a text, known or not."""
        return _WORD[self.split].findall(text)

    def numbers(self, words: Sequence[str]) -> Ids:
        """The numbers of words that are separated already."""
        unknown = self.special(UNKNOWN)
        return np.fromiter((self._ids.get(word, unknown) for word in words), np.int32, len(words))

    def encode(self, text: str) -> Ids:
        return self.numbers(self.words(text))

    def decode(self, ids: Iterable[int]) -> str:
        first, unknown = len(self.specials), self.unknown
        return joined([self._tokens[i] for i in ids if i >= first or i == unknown], self.split)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "specials": list(self.specials),
            "split": self.split,
            "words": self._tokens[len(self.specials) :],
        }

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> Self:
        return cls(_texts(content, "specials"), _texts(content, "words"), content["split"])


def joined(words: Sequence[str], split: Literal["punctuation", "whitespace"]) -> str:
    """Words as a text: a space between two, but where a line ends, or by custom a punctuation mark has none."""
    text, before = "", "\n"
    for word in words:
        tight = word == "\n" or before == "\n"
        if split == "punctuation":
            tight = tight or word in _NO_SPACE_BEFORE or before in _NO_SPACE_AFTER
        text += word if tight else " " + word
        before = word
    return text


class BPETokenizer(Tokenizer):
    """Pieces of words by byte-pair encoding over bytes (Sennrich et al. 2016): no text is unknown, decoding is exact.

    Learned and applied by the library `tokenizers`.

    Args:
        specials: Units that no text holds.
        pieces: All there are, single bytes among them, in the characters that stand for bytes.
        merges: Which two of them become one, the first learned first: ``"a b"``.

    Raises:
        OstinatoError: It is not installed.
        ValueError: A byte has no piece, or something is merged that is none.
    """

    kind = "bpe"
    DEFAULT_SIZE = 8000

    def __init__(self, specials: Sequence[str], pieces: Sequence[str], merges: Sequence[str]) -> None:
        super().__init__(specials)
        self.pieces, self.merges = tuple(pieces), tuple(merges)
        known = set(pieces)
        pairs = [tuple(merge.split(" ")) for merge in merges]
        if not known.issuperset(_tokenizers().pre_tokenizers.ByteLevel.alphabet()):
            raise ValueError("a byte has no piece")
        if not all(len(pair) == 2 and known.issuperset((*pair, "".join(pair))) for pair in pairs):
            raise ValueError("what is merged is not two pieces that make one")
        numbers = {piece: number for number, piece in enumerate(pieces)}
        self._tokenizer = _over_bytes(_tokenizers().models.BPE(numbers, pairs))

    @classmethod
    def learn(
        cls,
        pieces: Iterable[str],
        *,
        specials: Sequence[str] = (),
        size: int | None = None,
        min_count: int = 1,
        **_: Any,
    ) -> Self:
        tokenizers = _tokenizers()
        tokenizer = _over_bytes(tokenizers.models.BPE())
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=max((size or cls.DEFAULT_SIZE) - len(specials), 256),
            min_frequency=min_count,
            initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(chain.from_iterable(_chunks(piece) for piece in pieces), trainer)
        learned = json.loads(tokenizer.to_str())["model"]
        merges = (merge if isinstance(merge, str) else " ".join(merge) for merge in learned["merges"])
        return cls(specials, sorted(learned["vocab"], key=learned["vocab"].__getitem__), list(merges))

    def encode(self, text: str) -> Ids:
        parts = [self._tokenizer.encode(part).ids for part in _chunks(text)]
        return np.fromiter(chain.from_iterable(parts), np.int32, sum(map(len, parts))) + np.int32(len(self.specials))

    def decode(self, ids: Iterable[int]) -> str:
        first = len(self.specials)
        return str(self._tokenizer.decode([int(i) - first for i in ids if i >= first]))

    @property
    def tokens(self) -> list[str]:
        pieces = (self._tokenizer.decode([i]) for i in range(self._tokenizer.get_vocab_size()))
        return [*self.specials, *pieces]

    def __len__(self) -> int:
        return len(self.specials) + int(self._tokenizer.get_vocab_size())

    def to_json(self) -> dict[str, Any]:
        lists = {"specials": self.specials, "pieces": self.pieces, "merges": self.merges}
        return {"kind": self.kind, **{name: list(texts) for name, texts in lists.items()}}

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> Self:
        return cls(*(_texts(content, name) for name in ("specials", "pieces", "merges")))


def _over_bytes(model: Any) -> Any:
    """A tokenizer of the library that puts a character in place of each byte, and back."""
    tokenizers = _tokenizers()
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return tokenizer


def _texts(content: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, all different, as JSON holds it.

    Raises:
        ValueError, KeyError, TypeError: There is none.
    """
    texts = content[name]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name} are no list of texts")
    if len(set(texts)) < len(texts):
        raise ValueError(f"one of the {name} stands there twice")
    return texts


def _chunks(text: str, lines: int = 1024) -> Iterator[str]:
    """A text in parts of whole lines: the tokenizer keeps a record of every unit of what it reads at once."""
    every = text.splitlines(keepends=True)
    return ("".join(every[start : start + lines]) for start in range(0, len(every), lines))


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise OstinatoError("tokenizer 'bpe' needs the library tokenizers: pip install 'ostinato[text]'") from None
    return tokenizers


TOKENIZERS: dict[str, type[Tokenizer]] = {
    kind.kind: kind for kind in (CharTokenizer, ByteTokenizer, WordTokenizer, BPETokenizer)
}
"""The kinds by name."""
