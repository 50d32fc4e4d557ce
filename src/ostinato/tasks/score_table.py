"""Models side by side: a table of their scores, and what it says in plain words."""

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ostinato.errors import OstinatoError


class Metric(NamedTuple):
    """How a figure is shown and judged.

    Attributes:
        heading: Of its column.
        higher: Whether more of it is better.
        percent: Whether it is a share, shown in per cent.
        judged: Whether the verdict speaks of it.
        decimals: That are shown; None for as many as tell the figures of a column apart.
    """

    heading: str
    higher: bool = False
    percent: bool = False
    judged: bool = True
    decimals: int | None = None

    @property
    def name(self) -> str:
        """In a sentence."""
        return self.heading.replace("\n", " ").removesuffix(" %")


METRICS = {
    "mae": Metric("MAE"),
    "rmse": Metric("RMSE"),  # MSE ranks as it does and stands only in the numbers
    "smape": Metric("sMAPE %"),
    "mase": Metric("MASE"),
    "crps": Metric("CRPS"),
    "direction": Metric("direction\n%", higher=True, percent=True, judged=False),
    "perplexity": Metric("perplexity"),
    "bits_per_char": Metric("bits per\ncharacter", judged=False),
    "nats_per_unit": Metric("nats per\nunit", judged=False),
    "accuracy": Metric("accuracy\n%", higher=True, percent=True),
    "unknown_words": Metric("unknown\nwords %", higher=True, percent=True),
    "precision": Metric("precision\n%", higher=True, percent=True, judged=False),
    "recall": Metric("recall\n%", higher=True, percent=True, judged=False),
    "f1": Metric("F1 %", higher=True, percent=True),
    "f1_micro": Metric("micro\nF1 %", higher=True, percent=True),
    "f1_macro": Metric("macro\nF1 %", higher=True, percent=True),
    "auc": Metric("ROC AUC\n%", higher=True, percent=True),
    "wer": Metric("WER %", percent=True),
    "cer": Metric("CER %", percent=True),
    "intent": Metric("intent\n%", higher=True, percent=True),
    "slot_f1": Metric("slot\nF1 %", higher=True, percent=True),
    "request": Metric("all\nright %", higher=True, percent=True),
    "bleu": Metric("BLEU", higher=True),
    "chrf": Metric("chrF", higher=True),
    "exact": Metric("exact\n%", higher=True, percent=True, judged=False),
    "recall_1_of_10": Metric("recall\n1 of 10 %", higher=True, percent=True),
    "distinct_1": Metric("distinct-1\n%", higher=True, percent=True, judged=False),
    "distinct_2": Metric("distinct-2\n%", higher=True, percent=True, judged=False),
    "seconds": Metric("time\ns", judged=False, decimals=1),
}
"""Every figure a table may show, in the order of its columns, besides the coverage of intervals."""


class _Saved(BaseModel):
    """What `ScoreTable.to_dict` gives."""

    model_config = ConfigDict(strict=True, extra="forbid")
    model: str
    count: int
    counted: str
    scores: dict[str, dict[str, float | None]]
    verdict: str


WIDEST = 7
"""Characters a figure may take, so that the table fits a terminal of 80 columns."""

COVERAGE_TOLERANCE = 0.05
"""An interval whose coverage is further than this from the nominal one is called too narrow or too wide."""


@dataclass(frozen=True)
class ScoreTable:
    """Models side by side.

    Args:
        model: The name of the row that is judged against all others, the baselines.
        rows: The name of every model to its figures, keys of `METRICS`, ``coverage_95`` for the share of actual values
            in a 95 % interval and ``width_95`` for its mean width; others are kept and not shown.
        count: How many things each model was scored on.
        counted: What they are.
    """

    model: str
    rows: Mapping[str, Mapping[str, float]]
    count: int = 0
    counted: str = "forecasts"

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "ScoreTable":
        """What `to_dict` came from.

        Raises:
            OstinatoError: It came from nothing of the kind.
        """
        try:
            read = _Saved.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise OstinatoError(f"no table of scores ({where}: {first['msg']}): score the model again") from None
        if read.model not in read.scores:
            raise OstinatoError(f"a table of scores without its model {read.model!r}: score the model again")
        rows = {
            name: {metric: math.nan if figure is None else figure for metric, figure in scores.items()}
            for name, scores in read.scores.items()
        }
        return cls(read.model, rows, read.count, read.counted)

    @property
    def columns(self) -> tuple[str, ...]:
        """The metrics shown, as far as present; of intervals the coverage and the width of the widest."""
        present = {metric for scores in self.rows.values() for metric in scores}
        widest = sorted((metric for metric in present if metric.startswith("coverage_")), key=_nominal)[-1:]
        widths = [width for metric in widest if (width := metric.replace("coverage", "width")) in present]
        figures = [metric for metric in METRICS if metric in present and metric != "seconds"]
        return (*figures, *widest, *widths, *present & {"seconds"})

    def best(self, metric: str) -> str | None:
        """The model with the best figure, or the coverage nearest to the nominal one.

        Returns:
            Its name, the first of equals; None when no model has a figure.
        """
        badness = self._badness(metric)
        return min(badness, key=badness.__getitem__) if badness else None

    def rich(self) -> Table:
        """The table for a terminal, the best figures of each column in bold, a dash where a model has none."""
        return self._table(best_mark="")

    def __str__(self) -> str:
        """The table as plain text, the best figures marked with a star."""
        text = io.StringIO()
        Console(file=text, width=120, color_system=None).print(self._table(best_mark="*"))
        return text.getvalue().rstrip("\n")

    def to_dict(self) -> dict[str, object]:
        """The judged model, every score of every model (None for an undefined one) and the verdict, fit for JSON."""
        rows = {
            name: {metric: None if math.isnan(figure) else figure for metric, figure in scores.items()}
            for name, scores in self.rows.items()
        }
        return {
            "model": self.model,
            "count": self.count,
            "counted": self.counted,
            "scores": rows,
            "verdict": self.verdict(),
        }

    @property
    def main(self) -> float:
        """The model's first figure that is judged, negative where less is better: the higher the better."""
        own = self.rows[self.model]
        metric = next(metric for metric, form in METRICS.items() if form.judged and metric in own)
        return -_badness(metric, own[metric])

    @property
    def beats(self) -> bool:
        """Whether any judged figure of the model is better than that of every baseline; also where there is none."""
        judged = [self._badness(metric) for metric, form in METRICS.items() if form.judged]
        rivals = [(each.pop(self.model), min(each.values())) for each in judged if self.model in each and len(each) > 1]
        return not rivals or any(ours < theirs for ours, theirs in rivals)

    def verdict(self) -> str:
        """In plain words: where the model beats every baseline, where it loses and to whom, what its interval holds."""
        beaten: list[str] = []
        lost: dict[str, list[str]] = {}
        tied: dict[str, list[str]] = {}
        for metric, form in METRICS.items():
            theirs = self._badness(metric)
            ours = theirs.pop(self.model, None)
            if ours is None or not theirs or not form.judged:
                continue
            rival = min(theirs, key=theirs.__getitem__)
            gap = _gap(self.rows[self.model][metric], self.rows[rival][metric], form)
            if ours < theirs[rival]:
                beaten.append(f"{form.name} ({gap} {'above' if form.higher else 'below'} {rival})")
            elif ours > theirs[rival]:
                lost.setdefault(rival, []).append(f"{form.name} by {gap}")
            else:
                tied.setdefault(rival, []).append(form.name)
        if not (beaten or lost or tied):
            return " ".join([f"There is no baseline to compare {self.model} with.", *self._coverage_sentence()])
        sentences = [f"{self.model} beats every baseline on {_listed(beaten)}."] if beaten else []
        sentences += [f"{self.model} loses to {rival} on {_listed(errors)}." for rival, errors in lost.items()]
        sentences += [f"{self.model} is no better than {rival} on {_listed(errors)}." for rival, errors in tied.items()]
        if not beaten:
            sentences.append("No figure is better than the best baseline's: the baseline is the better choice here.")
        return " ".join(sentences + self._coverage_sentence())

    def _coverage_sentence(self) -> list[str]:
        metric = next((metric for metric in self.columns if metric.startswith("coverage_")), "")
        figure = self.rows[self.model].get(metric, math.nan)
        if math.isnan(figure):
            return []
        gap = figure - _nominal(metric)
        fault = "" if abs(gap) <= COVERAGE_TOLERANCE else ": it is too narrow" if gap < 0 else ": it is too wide"
        return [f"Its {100 * _nominal(metric):g} % interval holds {100 * figure:.1f} % of the actual values{fault}."]

    def _badness(self, metric: str) -> dict[str, float]:
        """How bad the figure of every model is that has one."""
        figures = {name: scores.get(metric, math.nan) for name, scores in self.rows.items()}
        return {name: _badness(metric, figure) for name, figure in figures.items() if not math.isnan(figure)}

    def _table(self, best_mark: str) -> Table:
        table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("model", no_wrap=True)
        for metric in self.columns:
            table.add_column(_heading(metric), justify="right", overflow="fold")
        for name, scores in self.rows.items():
            figures = ((metric, scores.get(metric, math.nan)) for metric in self.columns)
            table.add_row(Text(name), *(self._cell(metric, figure, best_mark) for metric, figure in figures))
        return table

    def _cell(self, metric: str, figure: float, best_mark: str) -> Text:
        if math.isnan(figure):
            return Text("–", style="dim")
        badness = self._badness(metric).values()
        shares = metric.startswith("coverage_") or (metric in METRICS and METRICS[metric].percent)
        decimals = METRICS[metric].decimals if metric in METRICS else None
        if shares:
            text = f"{100 * figure:.1f}"
        else:
            text = _spelled(figure, map(abs, badness)) if decimals is None else f"{figure:.{decimals}f}"
        if not metric.startswith("width_") and _badness(metric, figure) == min(badness):  # narrow is no merit alone
            return Text(text + best_mark, style="bold")
        return Text(text)


def _badness(metric: str, figure: float) -> float:
    if metric.startswith("coverage_"):
        return abs(figure - _nominal(metric))
    return -figure if metric in METRICS and METRICS[metric].higher else figure


def _nominal(coverage: str) -> float:
    """``"coverage_80"`` and ``"width_80"`` mean 0.8."""
    return float(coverage.partition("_")[2]) / 100


def _heading(metric: str) -> str:
    if metric not in METRICS:
        return f"{metric.partition('_')[0]}\n{100 * _nominal(metric):g} %"
    return METRICS[metric].heading


def _spelled(figure: float, column: Iterable[float]) -> str:
    """One of the figures of a column, with so many decimals that the smallest of them shows three significant digits.

    Where that would make the column too wide, every figure of it shows three and an exponent.
    """
    sizes = [size for size in column if size > 0] or [1.0]
    decimals = max(0, 2 - math.floor(math.log10(min(sizes))))
    fits = len(f"{max(sizes):.{decimals}f}") <= WIDEST
    return f"{figure:.{decimals}f}" if fits else f"{figure:.2e}"


def _gap(ours: float, theirs: float, form: Metric) -> str:
    """The distance of shares in points, of other figures in per cent of theirs, absolute when that is zero."""
    if form.percent:
        points = 100 * abs(ours - theirs)
        return f"{points:.1f} points" if points >= 0.1 else "less than 0.1 points"
    if theirs == 0:
        return f"{ours:.4g}"
    percent = 100 * abs(ours - theirs) / theirs
    return f"{percent:.1f} %" if percent >= 0.1 else "less than 0.1 %"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
