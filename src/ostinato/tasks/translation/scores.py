"""How good translations are."""

from collections.abc import Sequence

from ostinato.errors import OstinatoError


def check_scorer() -> None:
    """Makes sure that translations can be scored.

    Raises:
        OstinatoError: The library sacrebleu is not installed.
    """
    try:
        import sacrebleu  # noqa: F401
    except ModuleNotFoundError:
        raise OstinatoError("scores of translations need the library sacrebleu: pip install 'ostinato[text]'") from None


def translation_scores(translations: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Scores of a whole set of translations by the library sacrebleu, higher is better.

    Args:
        translations: What a model wrote.
        references: What a person wrote.

    Returns:
        "bleu" of the corpus (Papineni et al. 2002; tokens "13a", up to four of a run, as Post 2018), "chrf" (Popović
        2015, up to six characters), both from 0 to 100; "exact", the share that is equal to the reference;
        "bleu_lowercase" and "chrf_lowercase", with upper and lower case taken for the same.
    """
    check_scorer()
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    right = [list(references)]
    return {
        "bleu": float(BLEU().corpus_score(translations, right).score),
        "chrf": float(CHRF().corpus_score(translations, right).score),
        "exact": sum(map(str.__eq__, translations, references)) / len(references),
        "bleu_lowercase": float(BLEU(lowercase=True).corpus_score(translations, right).score),
        "chrf_lowercase": float(CHRF(lowercase=True).corpus_score(translations, right).score),
    }
