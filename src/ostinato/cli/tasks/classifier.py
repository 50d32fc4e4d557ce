"""The classifier's demo."""

from pathlib import Path

from ostinato.cli.screen import screen


def demo(name: str, out: Path, resume: bool) -> None:
    """Trains on the embedded reviews, scores, saves the model and the data, and explains one sentence."""
    from ostinato.cli.train import program, train
    from ostinato.data.reviews import load_reviews
    from ostinato.tasks import SequenceClassifier
    from ostinato.tasks.classification.recipes import DEMOS
    from ostinato.training import DistributedContext

    console = screen(quiet=not DistributedContext.from_environment().main)
    reviews = load_reviews()
    parts = {part: reviews[reviews["part"] == part].drop(columns="part") for part in ("training", "test")}
    console.print(
        f"{len(reviews):,} short reviews that praise and blame in the same words, written for this package: "
        '"not dull at all" is praise. The test sentences are made to patterns that training does not have.\n'
    )
    model = SequenceClassifier(**DEMOS[name])
    train(model, parts["training"], out, None, parts["test"], "Scores on patterns not seen", resume=resume)
    if console.quiet:
        return
    for part, rows in parts.items():
        rows.to_csv(out / f"{part}.csv", index=False)
    text = "the film looked dull at first and turned out to be far from boring"
    console.print("\nWords that speak for the label in blue, against it in orange:\n")
    console.print(model.explain(text).rich())
    console.print(f"\nAsk it about your own: {program('explain', out, 'hardly a good idea')}", soft_wrap=True)
    console.print(f"A table of predictions: {program('predict', out, out / 'test.csv')}", soft_wrap=True)
