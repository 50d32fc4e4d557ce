"""Every choice a Forecaster leaves to its user."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ostinato.tasks.settings import NetworkSettings

Scaling = Literal["last", "level", "trend", "standard", "difference", "none"]


class ForecasterSettings(NetworkSettings):
    """Settings of `ostinato.Forecaster`: its own, its network's (`NetworkSettings`) and those of the training loop."""

    # Defaults that suit a few hundred to a few thousand rows.
    epochs: int = Field(40, ge=1, description="Passes over the training data.")
    batch_size: int = Field(
        64,
        ge=1,
        description="Windows of a batch, over all processes together; unless given, fewer where an epoch would have "
        "less than 16 batches.",
    )
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "cosine",
        description="Learning rate over time: constant, falling along a cosine to 0 at the last step, or cut by "
        "plateau_factor when the validation score stops falling.",
    )
    weight_decay: float = Field(0.1, ge=0, description="Weight decay of matrices; biases and gains are never decayed.")
    ema_decay: float | None = Field(
        0.98,
        gt=0,
        lt=1,
        description="Decay of the moving average of the weights, which is what is kept; None for none.",
    )

    horizon: int = Field(24, ge=1, description="Steps to forecast.")
    window: int | None = Field(
        None, ge=2, description="Past steps the network sees; None takes two seasons or two horizons, the longer."
    )
    target: tuple[str, ...] = Field((), description="Columns to forecast; empty: 'y', or every number column.")
    time: str | None = Field(None, description="Time column; None finds it.")
    id: str | None = Field(None, description="Column that names the series (long layout); None: 'unique_id' if there.")
    past: tuple[str, ...] = Field((), description="Covariates known only in the past.")
    future: tuple[str, ...] = Field((), description="Covariates known into the future.")
    static: tuple[str, ...] = Field((), description="Covariates that are constant in each series.")
    frequency: str | None = Field(None, description="Pandas frequency alias; None infers it.")
    season_length: int | None = Field(
        None, ge=1, description="Steps of a season; None takes the frequency's (weekly: 52)."
    )
    calendar: bool = Field(True, description="Whether hour, weekday, time of year and so on are inputs.")
    returns: Literal["none", "log"] = Field(
        "none", description="'log' models log returns (prices) and is scored against the random walk."
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
        "its mean and spread (standard), or all but differences of neighbours; always these with returns='log'.",
    )
    linear: bool = Field(
        True, description="Whether a linear map of the window stands beside the network, which then learns the rest."
    )
    series_embedding: int = Field(0, ge=0, description="Size of a learned vector for each series; 0: none.")
    output: Literal["quantiles", "mae", "mse"] = Field(
        "quantiles", description="What the network gives: quantiles, the median (mae) or the mean (mse)."
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
    batches_per_epoch: int | None = Field(None, ge=1, description="At most so many batches an epoch; None: all.")

    @field_validator("target", "past", "future", "static", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return tuple(part for part in value.split(",") if part) if isinstance(value, str) else value

    @field_validator("quantiles")
    @classmethod
    def _sorted_quantiles(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or list(value) != sorted(set(value)) or value[0] <= 0 or value[-1] >= 1 or 0.5 not in value:
            raise ValueError("quantiles must rise strictly between 0 and 1 and contain 0.5, the median")
        return value

    @model_validator(mode="before")
    @classmethod
    def _returns_are_differences(cls, values: Any) -> Any:
        return {"scaling": "difference"} | values if values.get("returns") == "log" else values

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.returns == "log" and self.scaling != "difference":
            raise ValueError("returns='log' models returns: leave scaling out, or say scaling='difference'")
        if self.window is not None and self.segment is not None and self.window % self.segment:
            raise ValueError(f"window ({self.window}) must be a multiple of segment ({self.segment})")
        if self.wiring == "many_to_one" and self.decoding == "recurrent":
            raise ValueError("decoding='recurrent' belongs to wiring='encoder_decoder'; many_to_one has no decoder")
        return self

    @property
    def outputs(self) -> int:
        """Numbers the network gives for one step: one a quantile level, or a single point."""
        return len(self.quantiles) if self.output == "quantiles" else 1
