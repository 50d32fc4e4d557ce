"""Every choice a Forecaster leaves to its user."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ostinato.data import PanelSpec
from ostinato.data.codes import TimeFormat
from ostinato.data.spec import Layout
from ostinato.options import DATA, MODEL, SCORE, Option
from ostinato.tasks.settings import ColumnNames, NetworkSettings, TableSettings

Scaling = Literal["last", "level", "trend", "standard", "difference", "mean", "none"]

COUNTS = ("poisson", "negative_binomial")
"""Outputs that are distributions of counts."""

SCORING = ("scoring_stride", "peers")
"""Settings that training does not look at."""

LONG_WINDOW = 2_048
"""Steps that a window is made long enough for a second season for, at most: a week of 5 minutes."""


class ForecasterSettings(
    TableSettings,
    NetworkSettings,
    epochs=40,
    patience=10,
    schedule="cosine",
    weight_decay=0.1,
    ema_decay=0.98,
):
    """Settings of `ostinato.Forecaster`: its own, its network's (`NetworkSettings`) and those of the training loop.

    Defaults suit a few hundred to a few thousand rows.
    """

    batch_size: int = Field(
        64,
        ge=1,
        description="Windows of a batch, over all processes together; unless given, fewer where an epoch would have "
        "less than 16 batches.",
    )
    target: Annotated[
        ColumnNames,
        Option("COLUMN", DATA),
    ] = Field((), description="Column to forecast; without any: y, or every column of numbers.")
    time: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Time column; found by name or content unless given."
    )
    id: Annotated[str | None, Option("COLUMN", DATA)] = Field(
        None, description="Column that names the series in a long file; unique_id unless given, if there is one."
    )
    past: Annotated[ColumnNames, Option("COLUMN", DATA)] = Field(
        (), description="Covariate known in the past only: numbers or words."
    )
    future: Annotated[ColumnNames, Option("COLUMN", DATA)] = Field((), description="Covariate known into the future.")
    static: Annotated[ColumnNames, Option("COLUMN", DATA)] = Field((), description="Covariate constant in each series.")
    layout: Annotated[Layout | None, Option("NAME", DATA)] = Field(
        None, description="'rows': one series a row, as in M4 and M5; 'columns': one row a time; found unless given."
    )
    horizon: Annotated[int, Option("N", MODEL)] = Field(24, ge=1, description="Steps to forecast.")
    window: Annotated[
        int | None,
        Option("N", MODEL),
    ] = Field(
        None,
        ge=2,
        description="Past steps the network sees; unless given two seasons (below a day also two weeks, or one where "
        "two are too many steps) or two horizons, the longer.",
    )
    frequency: str | None = Field(None, description="Pandas frequency alias; None infers it.")
    time_format: TimeFormat | None = Field(
        None,
        description="How whole numbers in the time column are written: counter (they only count), months (202012), "
        "weeks (202053), quarters (20204), days, years, excel_days, unix_seconds and so on; None finds it.",
    )
    zone: str | None = Field(
        None,
        description="Time zone that times are wanted in, and that those without one are of: Europe/Berlin; None: the "
        "one they have.",
    )
    season_length: int | tuple[int, ...] | None = Field(
        None, description="Steps of a season, or of several: 24,168; None takes the frequency's (hourly: both)."
    )
    non_negative: bool = Field(
        True, description="Whether forecasts of a series that is never below 0 in training are not, either."
    )
    calendar: bool = Field(True, description="Whether hour, weekday, time of year and so on are inputs.")
    holidays: Annotated[str | None, Option("CODE", DATA)] = Field(
        None,
        description="Country, or part of one, whose public holidays are an input, in the future too: DE, US, DE-BY.",
    )
    returns: Annotated[Literal["none", "log"], Option("NAME", MODEL, "log: model log returns, as suits prices.")] = (
        Field("none", description="'log' models log returns (prices) and is scored against the random walk.")
    )
    transform: Annotated[Literal["none", "log", "box_cox"], Option("NAME", MODEL)] = Field(
        "none",
        description="What of a positive target is modelled: itself (none), its logarithm (log), or a power between the "
        "two, for each series the one that evens out its spread (box_cox).",
    )

    dropout: float = Field(0.3, ge=0, lt=1, description="Dropout between layers and before the output.")
    segment: int | None = Field(
        None,
        ge=1,
        description="Time steps read, and written, by one recurrent step (SegRNN's segments); None takes a divisor of "
        "the window that leaves at least 12 segments.",
    )
    wiring: Literal["encoder_decoder", "many_to_one"] = Field(
        "encoder_decoder", description="A decoder for the horizon, or all of it from the last state."
    )
    decoding: Literal["parallel", "recurrent"] = Field(
        "parallel", description="Whether the decoder makes all segments of the horizon at once or one after another."
    )
    scaling: Scaling = Field(
        "level",
        description="What is taken off each window: its last value, the mean of its last segment (level), its trend, "
        "its mean and spread (standard), or all but differences of neighbours; always these with returns='log'. "
        "An output of counts is in units of the window's mean, plus 1 (mean).",
    )
    linear: bool = Field(
        True, description="Whether a linear map of the window stands beside the network, which then learns the rest."
    )
    series_embedding: int = Field(0, ge=0, description="Size of a learned vector for each series; 0: none.")
    output: Literal["quantiles", "mae", "mse", "poisson", "negative_binomial"] = Field(
        "quantiles",
        description="What the network gives: quantiles, the median (mae), the mean (mse), or a distribution of counts, "
        "Poisson's or the negative binomial, trained by its likelihood.",
    )
    quantiles: tuple[float, ...] = Field(
        (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975), description="Quantile levels of the forecast."
    )
    validation_share: float = Field(
        0.125,
        gt=0,
        lt=1,
        description="Share of each series' end (before any holdout) kept out of training to choose when to stop; with "
        "a holdout of 0.2 the split is the usual 70, 10 and 20 per cent.",
    )
    max_steps: int = Field(
        3000,
        ge=1,
        description="Optimiser steps at most: where all epochs would take more, each sees its share of the windows, "
        "other ones each time. Unless given, down to 1,000 for windows of thousands of steps.",
    )
    batches_per_epoch: int | None = Field(
        None, ge=1, description="At most so many batches an epoch, whatever max_steps says; None goes by that."
    )
    scoring_stride: Annotated[int | None, Option("N", SCORE, name="stride")] = Field(
        None,
        ge=1,
        description="Steps from one scored forecast to the next; unless given 1, and of more forecasts than 100,000 "
        "(10,000 of very long windows) as many, evenly spread.",
    )

    peers: Annotated[bool, Option("", SCORE)] = Field(
        True, description="Whether AutoETS and AutoTheta are scored, too, where ostinato[forecast] is installed."
    )

    @field_validator("quantiles")
    @classmethod
    def _sorted_quantiles(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or list(value) != sorted(set(value)) or value[0] <= 0 or value[-1] >= 1 or 0.5 not in value:
            raise ValueError("quantiles must rise strictly between 0 and 1 and contain 0.5, the median")
        return value

    @field_validator("season_length", mode="before")
    @classmethod
    def _several_seasons(cls, value: Any) -> Any:
        """One text with commas between is several."""
        return tuple(value.split(",")) if isinstance(value, str) and "," in value else value

    @field_validator("season_length")
    @classmethod
    def _whole_seasons(cls, value: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        steps = value if isinstance(value, tuple) else () if value is None else (value,)
        if value == () or any(each < 1 for each in steps):
            raise ValueError("a season has at least 1 step")
        return value

    @model_validator(mode="before")
    @classmethod
    def _earlier_names(cls, values: Any) -> Any:
        return cls.by_names_of_today(values)

    @model_validator(mode="before")
    @classmethod
    def _scaling_of_its_own(cls, values: Any) -> Any:
        """Returns and counts go with one scaling each."""
        if values.get("returns") == "log":
            return {"scaling": "difference"} | values
        return {"scaling": "mean"} | values if values.get("output") in COUNTS else values

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.returns == "log" and self.transform == "box_cox":
            raise ValueError("returns='log' models logarithms: leave transform out")
        if self.returns == "log" and self.scaling != "difference":
            raise ValueError("returns='log' models returns: leave scaling out, or say scaling='difference'")
        if self.of_counts and (self.returns == "log" or self.transform != "none"):
            raise ValueError(f"output={self.output!r} is of counts as they are: leave returns and transform out")
        if self.of_counts != (self.scaling == "mean"):
            counts = " and ".join(f"output={name!r}" for name in COUNTS)
            raise ValueError(f"scaling='mean' belongs to {counts}, and they to it: leave scaling out")
        if self.window is not None and self.segment is not None and self.window % self.segment:
            raise ValueError(f"window ({self.window}) must be a multiple of segment ({self.segment})")
        if self.wiring == "many_to_one" and self.decoding == "recurrent":
            raise ValueError("decoding='recurrent' belongs to wiring='encoder_decoder'; many_to_one has no decoder")
        return self

    @classmethod
    def by_names_of_today(cls, values: dict[str, Any]) -> dict[str, Any]:
        """In bundles of earlier versions `non_negative` was called `counts`."""
        return {"non_negative" if name == "counts" else name: value for name, value in values.items()}

    @property
    def log(self) -> bool:
        """Whether the logarithm of the target is modelled."""
        return self.returns == "log" or self.transform == "log"

    @property
    def outputs(self) -> int:
        """Numbers the network gives for one step: one a quantile level or parameter, or a single point."""
        return {"quantiles": len(self.quantiles), "negative_binomial": 2}.get(self.output, 1)

    @property
    def of_counts(self) -> bool:
        """Whether the network gives a distribution of counts, in the target's own units."""
        return self.output in COUNTS

    @property
    def levels(self) -> tuple[float, ...]:
        """Of the quantiles of forecasts; none of points."""
        return self.quantiles if self.output == "quantiles" or self.of_counts else ()

    @property
    def most_batches(self) -> int:
        """Batches of an epoch, at most."""
        return self.batches_per_epoch or max(self.max_steps * self.accumulation_steps // self.epochs, 1)

    @property
    def seasons(self) -> tuple[int, ...]:
        """Steps of a season, the shortest first; none as long as that is left to the data."""
        given = self.season_length
        return tuple(sorted(set(given))) if isinstance(given, tuple) else () if given is None else (given,)

    @property
    def spec(self) -> PanelSpec:
        """How to read data."""
        return PanelSpec(
            time=self.time,
            id=self.id,
            target=self.target or None,
            past=self.past,
            future=self.future,
            static=self.static,
            frequency=self.frequency,
            time_format=self.time_format,
            zone=self.zone,
            layout=self.layout,
        )

    def trajectory(self) -> dict[str, Any]:
        """All that decides the weights: how they are scored later does not."""
        return {name: value for name, value in super().trajectory().items() if name not in SCORING}

    def resolved(self, season_lengths: tuple[int, ...], rows: int) -> Self:
        """The settings with what was left to the data in place of None: the season, the window and the segment.

        Args:
            season_lengths: Steps of a season, and of longer ones, as the data's frequency has them.
            rows: To train on, of a typical series.
        """
        season_lengths = self.seasons or season_lengths
        window = self.window
        if window is None:
            long = [times * steps for steps in season_lengths[1:] for times in (1, 2) if times * steps <= LONG_WINDOW]
            window = max(2 * season_lengths[0], 2 * self.horizon, *long)
            window = min(window, max((rows - self.horizon) // 2, 2))
            unit = self.segment or 1
            window = max(window // unit, 1) * unit
        longest = max(window // 12, 1)
        segment = self.segment or max(size for size in range(1, longest + 1) if window % size == 0)
        season = season_lengths if len(season_lengths) > 1 else season_lengths[0]
        return self.model_copy(update={"season_length": season, "window": window, "segment": segment})
