"""Scores of a cross-validation: one table a fold, their means, and how far they spread."""

from dataclasses import dataclass

import numpy as np

from ostinato.tasks.score_table import METRICS, ScoreTable


@dataclass(frozen=True)
class FoldScores:
    """What each fold's model scored on the fold that it had not seen.

    Attributes:
        tables: One for each fold.
    """

    tables: tuple[ScoreTable, ...]

    @property
    def mean(self) -> ScoreTable:
        """The means over the folds, of the figures that every fold has."""
        first = self.tables[0]
        rows = {
            name: {
                metric: float(np.mean([table.rows[name][metric] for table in self.tables]))
                for metric in scores
                if all(metric in table.rows.get(name, {}) for table in self.tables)
            }
            for name, scores in first.rows.items()
        }
        return ScoreTable(first.model, rows, sum(table.count for table in self.tables), first.counted)

    def spread(self) -> str:
        """In words: the standard deviation over the folds of each of the model's figures, and its range."""
        told = []
        for metric in self.mean.columns:
            figures = np.array([table.rows[table.model].get(metric, np.nan) for table in self.tables])
            if np.isnan(figures).any() or metric not in METRICS:
                continue
            form = METRICS[metric]
            values, unit = (100 * figures, " %") if form.percent else (figures, "")
            extent = f"{values.min():.4g} to {values.max():.4g}"
            told.append(f"{form.name} {values.mean():.4g}{unit} ± {values.std(ddof=1):.2g} ({extent})")
        return f"Over {len(self.tables)} folds {self.tables[0].model} has {', '.join(told)}."

    def __str__(self) -> str:
        """The table of the means, and how far the folds spread."""
        return f"{self.mean}\n\n{self.spread()}"
