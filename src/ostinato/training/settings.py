"""How to train: the settings every estimator shares."""

from copy import copy
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ostinato.options import MODEL, Option

OF_DOCTOR = ("doctor_every", "state_limit")
"""Settings that only a doctor reads."""


class TrainingSettings(BaseModel):
    """How to train a model. Unknown names and values out of range are refused.

    A subclass changes defaults by keywords of its class: ``class MySettings(TrainingSettings, epochs=30)``.

    Example:
        >>> from ostinato.training import TrainingSettings
        >>> settings = TrainingSettings(epochs=5, learning_rate=3e-3, schedule="cosine", warmup=100)
        >>> settings.batch_size
        32
        >>> TrainingSettings(learning_rate=-1)
        Traceback (most recent call last):
            ...
        pydantic_core._pydantic_core.ValidationError: 1 validation error for TrainingSettings
        ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init_subclass__(cls, **defaults: Any) -> None:
        """Takes the defaults, which pydantic hands on to where the fields are known."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, **defaults: Any) -> None:
        """Sets other defaults of fields that are inherited."""
        for name, default in defaults.items():
            if name not in cls.model_fields:
                raise TypeError(f"{cls.__name__} has no setting {name!r} to give a default")
            cls.model_fields[name] = copy(cls.model_fields[name])
            cls.model_fields[name].default = default
        if defaults:
            cls.model_rebuild(force=True)

    epochs: Annotated[int, Option("N", MODEL)] = Field(default=20, ge=1, description="Passes over the training data.")
    batch_size: int = Field(default=32, ge=1, description="Rows of a batch, over all processes together.")
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = Field(default="adamw", description="The optimiser.")
    learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate after warm-up.")
    weight_decay: float = Field(
        default=0.0, ge=0, description="Weight decay of matrices; biases and gains are never decayed."
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of sgd; other optimisers do not use it.")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        default="constant",
        description="Learning rate over time: constant, falling along a cosine to 0 at the last step, or cut by "
        "plateau_factor when the validation score stops falling.",
    )
    warmup: int = Field(
        default=0, ge=0, description="Optimiser steps over which the learning rate first rises linearly."
    )
    plateau_patience: int = Field(
        default=3, ge=0, description="Epochs without a better score that schedule=plateau lets pass before it cuts."
    )
    plateau_factor: float = Field(
        default=0.5, gt=0, lt=1, description="What schedule=plateau multiplies the learning rate by."
    )
    clip_norm: float | None = Field(
        default=1.0,
        gt=0,
        description="Gradients are scaled down to this norm, taken over all parameters; None for never.",
    )
    clip_value: float | None = Field(
        default=None, gt=0, description="Every entry of a gradient is first cut to within this of 0; None for never."
    )
    matmul_precision: Literal["highest", "high", "medium"] | None = Field(
        default=None,
        description="How exact matrix products of training may be, as torch.set_float32_matmul_precision: highest is "
        "float32; medium lets processors with bfloat16 units round what is multiplied to 8 bits, high GPUs to 11 (also "
        "inside compiled recurrences); sums stay in float32. None for as torch is set, which is highest unless told.",
    )
    accumulation_steps: int = Field(
        default=1, ge=1, description="Batches that make one optimiser step, as if they were one."
    )
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay of the exponential moving average of the weights, which is then what is scored and kept; "
        "None for no average.",
    )
    averaging_trigger: int | None = Field(
        default=None,
        ge=1,
        description="Epochs without a better validation score after which the weights of all later steps are averaged, "
        "and the average is what is scored and kept (NT-ASGD, Merity et al. 2018, with optimizer=sgd); None for never.",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="Epochs without a better validation score before training stops; None for never.",
    )
    checkpoint_every: int | None = Field(
        default=None, ge=1, description="Optimiser steps between checkpoints; None for one after each epoch."
    )
    doctor: Annotated[
        Literal["watch", "fix"] | None,
        Option(
            "[watch|fix]",
            "",
            "Measure gradients through time while training, and warn early; fix also applies the safe remedies.",
        ),
    ] = Field(
        default=None,
        description="Measure the gradients through time as training goes on: watch warns of what it finds, fix also "
        "applies the safe remedies (a clipping threshold, open forget gates) and says so; None for neither.",
    )
    doctor_every: int = Field(
        default=50, ge=1, description="Optimiser steps between the doctor's looks, each about as long as a step."
    )
    state_limit: float = Field(
        default=1e6, gt=0, description="Norm of a state beyond which the doctor stops a training that runs away."
    )
    seed: Annotated[int, Option("N", MODEL)] = Field(
        default=0, ge=0, lt=2**32, description="Seed of batch order, dropout and initial weights."
    )
    max_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Training stops when these seconds are used up, validation counted; schedule=cosine has fallen "
        "to 0 by then. A resumed run has them anew. None for no limit.",
    )

    @model_validator(mode="after")
    def _doctors_own(self) -> Self:
        changed = [name for name in OF_DOCTOR if getattr(self, name) != type(self).model_fields[name].default]
        if changed and self.doctor is None:
            raise ValueError(f"{', '.join(changed)}: only with a doctor: set doctor='watch' or 'fix'")
        return self

    @model_validator(mode="after")
    def _one_average(self) -> Self:
        if self.ema_decay is not None and self.averaging_trigger is not None:
            raise ValueError("ema_decay and averaging_trigger are two kinds of average: set one of them to None")
        if None not in (self.patience, self.averaging_trigger) and self.patience <= self.averaging_trigger:  # type: ignore[operator]
            raise ValueError(
                f"patience ({self.patience}) would stop training before averaging_trigger ({self.averaging_trigger}) "
                "can begin: raise it"
            )
        return self

    @property
    def steered_by_scores(self) -> tuple[str, ...]:
        """The settings that change weights by validation scores, so that there is no training without them."""
        steering = {"averaging_trigger": self.averaging_trigger is not None, "plateau": self.schedule == "plateau"}
        return tuple(name for name, asked in steering.items() if asked)

    def trajectory(self) -> dict[str, Any]:
        """The settings that decide which weights a given step ends with; the others only decide when to stop or save.

        A run may be resumed with any change but to these. (A limit of time makes a cosine fall earlier: then the
        weights depend on the speed of the machine, too.)
        """
        free = {"patience", "checkpoint_every", "max_seconds", "state_limit", "device"}
        if self.doctor != "fix":
            free |= {"doctor", "doctor_every"}
        if self.schedule != "cosine":  # the cosine is laid over all the epochs
            free.add("epochs")
        return self.model_dump(mode="json", exclude=free)
