"""Translating image captions from German to English, Multi30k task 1 (Elliott et al. 2016): BLEU and chrF on test2016.

The raw files are read as they are; 29,000 pairs train, 1,014 choose the epoch, the 1,000 of the test are scored once,
at the end. BLEU is sacreBLEU's with its tokens "13a". The recipe makes all texts lower-case, references too; against
references as they are, each word is given the case it has most often in the training texts, the first one a capital.
With `--set lowercase=false` nothing is made lower-case; `--set backend=aten` trains on torch's own kernels.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmark import Row, Run, data_file, rows_of, timed

from ostinato.data.pairs import ParallelTexts
from ostinato.tasks import Translator
from ostinato.tasks.translation.scores import translation_scores


def pairs(name: str) -> ParallelTexts:
    sides = []
    for language in ("de", "en"):
        with gzip.open(data_file(f"multi30k/{name}.{language}.gz"), "rt", encoding="utf-8") as file:
            sides.append(file.read().splitlines())
    return ParallelTexts.of(list(zip(*sides, strict=True)))


WORD = re.compile(r"\w+")


def recased(texts: Sequence[str], like: Sequence[str]) -> list[str]:
    """Lower-case texts with each word in the case that it has most often in others, but for their first words."""
    forms = Counter(word for text in like for word in WORD.findall(text)[1:])
    usual = {form.lower(): form for form, _ in reversed(forms.most_common())}
    given = (WORD.sub(lambda word: usual.get(word[0], word[0]), text) for text in texts)
    return [text[:1].upper() + text[1:] for text in given]


def multi30k(run: Run) -> Iterator[Row]:
    training, validation = pairs("train"), pairs("val")
    translator, seconds = run.train(Translator, training, validation)
    scored = pairs("test_2016_flickr") if run.part == "test" else validation
    widest = translator.settings.beam_size
    for beam_size in dict.fromkeys((widest, 1)):
        table, taken = timed(lambda beam_size=beam_size: translator.evaluate(scored, beam_size=beam_size))
        own_row, *baselines = rows_of(table, translate_seconds=taken)
        own = {"train_seconds": seconds} if beam_size == widest else {}
        yield Row(f"ostinato, beam {beam_size}", {**own_row.figures, **own})
        if beam_size == widest:
            yield from baselines
    if translator.settings.lowercase:
        scores = translation_scores(recased(translator.translate(scored.sources), training.targets), scored.targets)
        yield Row("ostinato, recased, against references as they are", scores)
