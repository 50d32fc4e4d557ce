"""The Forecaster's network: a window of the past to quantiles of every step of the horizon."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ostinato.data.windows import WindowBatch
from ostinato.tasks.body import recurrent_body
from ostinato.tasks.forecasting.counts import parameters
from ostinato.tasks.forecasting.scaling import ScaledWindow, scale_window
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.topologies import EncoderDecoder, ManyToOne


class Sizes(NamedTuple):
    """How many of each kind of input column there are, and how many series.

    Attributes:
        past: Covariates known only in the past.
        known: Covariates, calendar features and holidays: what is known into the future.
        static: Covariates that are constant in a series.
        series: Series seen in training.
    """

    past: int
    known: int
    static: int
    series: int


class ForecastNetwork(nn.Module):
    """Reads a window segment by segment, writes the horizon segment by segment.

    ::

        window   [segment][segment]...[segment]      horizon  [segment]...[segment]
                     |        |           |                       |           |
        embed       (+)      (+)         (+)         position +  (+)         (+)   + known future, static, series
                     |        |           |                       |           |
        cell         o ------ o -- ... -- o ---- state ---------- o    ...    o     (parallel: each from the same state;
                                                                  |           |      recurrent: one after another)
        linear                                              quantiles   quantiles  (or parameters of a distribution)

    One recurrent step reads `segment` time steps (Lin et al. 2023, "SegRNN"); the decoder shares the encoder's cells,
    as there. With ``segment=1`` it is an ordinary encoder-decoder; with ``wiring="many_to_one"`` one linear map makes
    the whole horizon from the last state. With ``linear`` a linear map of the window is added to every quantile, or to
    the mean of a distribution (the autoregressive part of Lai et al. 2018, "LSTNet", section 3.6).

    Args:
        settings: The Forecaster's settings, `window` and `segment` resolved.
        sizes: Numbers of input columns and series.

    Raises:
        ValueError: The window or the segment is not known.
    """

    input_scale: Tensor
    output_scale: Tensor

    def __init__(self, settings: ForecasterSettings, sizes: Sizes) -> None:
        super().__init__()
        if settings.window is None or settings.segment is None:
            raise ValueError("a network is made for one window and one segment: give both")
        self.settings = settings
        self.sizes = sizes
        segment, width, outputs = settings.segment, settings.hidden_size, settings.outputs
        self.segment = segment
        about = sizes.static + settings.series_embedding
        self.series = nn.Embedding(sizes.series, settings.series_embedding) if settings.series_embedding else None
        self.read = nn.Sequential(nn.Linear(segment * (2 + 2 * sizes.past + sizes.known), width), nn.ReLU())
        recurrent = recurrent_body(settings, width, dropout=settings.dropout)
        self.linear = nn.Linear(settings.window, settings.horizon) if settings.linear else None
        if self.linear is not None:
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)
        self.register_buffer("input_scale", torch.ones(()))
        self.register_buffer("output_scale", torch.ones(()))
        if settings.wiring == "many_to_one":
            self.summary = ManyToOne(recurrent, width, dropout=settings.dropout)
            self.write = nn.Linear(width + settings.horizon * sizes.known + about, settings.horizon * outputs)
        else:
            self.segments = -(-settings.horizon // segment)
            self.position = nn.Parameter(torch.randn(self.segments, width))
            self.ahead = nn.Linear(segment * sizes.known + about, width, bias=False) if sizes.known + about else None
            self.wiring = EncoderDecoder(recurrent, recurrent, segment * outputs, dropout=settings.dropout)

    @torch.no_grad()
    def calibrate(self, batch: WindowBatch) -> None:
        """Measures, on training windows, the scale of what is left of a window and of its targets when it is scaled."""
        scaled = self._scaled(batch)
        rest = ((batch.target - scaled.location) / scaled.scale)[batch.target_observed]
        for scale, values in ((self.input_scale, scaled.context[batch.past_observed]), (self.output_scale, rest)):
            scale.copy_(values.square().mean().sqrt().clamp(min=1e-6))

    def forward(self, batch: WindowBatch) -> Tensor:
        """Forecasts.

        Args:
            batch: Windows of scaled series.

        Returns:
            ``(batch, horizon, outputs)`` in the units of ``batch.past_target``; of counts the `parameters` of their
            distribution.
        """
        scaled = self._scaled(batch)
        context = scaled.context / self.input_scale
        about = self._about(batch)
        inputs = self._inputs(context, batch)
        if self.settings.wiring == "many_to_one":
            flat = self._at_once(inputs, batch, about)
        else:
            flat = self._decoded(inputs, batch, about)
        out = flat.view(len(inputs), -1, self.settings.outputs)[:, : self.settings.horizon]
        line = 0.0 if self.linear is None else self.linear(context)[..., None]
        scale = scaled.scale * self.output_scale
        if self.settings.of_counts:
            return parameters(torch.cat([out[..., :1] + line, out[..., 1:]], dim=-1), scale)
        return scaled.location[..., None] + scale[..., None] * (out + line)

    def _scaled(self, batch: WindowBatch) -> ScaledWindow:
        settings = self.settings
        return scale_window(settings.scaling, batch.past_target, batch.past_observed, settings.horizon, self.segment)

    def _about(self, batch: WindowBatch) -> Tensor:
        """What does not change in time: static covariates and the series' own vector, ``(batch, about)``."""
        return batch.static if self.series is None else torch.cat([batch.static, self.series(batch.series)], dim=-1)

    def _inputs(self, context: Tensor, batch: WindowBatch) -> Tensor:
        """Embedded segments of the window ``(batch, window / segment, width)``."""
        steps = torch.cat(
            [
                context[..., None],
                batch.past_observed[..., None].to(context.dtype),
                batch.past_covariates,
                batch.past_covariates_observed.to(context.dtype),
                batch.past_known,
            ],
            dim=-1,
        )
        segments = steps.reshape(len(steps), -1, self.segment * steps.shape[-1])
        return self.read(segments)  # type: ignore[no-any-return]

    def _at_once(self, inputs: Tensor, batch: WindowBatch, about: Tensor) -> Tensor:
        """The horizon ``(batch, horizon * outputs)`` from the last state."""
        known = batch.future_known.flatten(1)
        return self.write(torch.cat([self.summary(inputs), known, about], dim=-1))  # type: ignore[no-any-return]

    def _decoded(self, inputs: Tensor, batch: WindowBatch, about: Tensor) -> Tensor:
        """The horizon, segment by segment, ``(batch, segments, segment * outputs)``."""
        memory = self.wiring.encode(inputs)
        queries = self._queries(batch, about)
        if self.settings.decoding == "recurrent":
            return self.wiring.decode(memory, queries)
        # Every segment is the first step of a decoder of its own.
        apart = tuple(
            type(state)(*(tensor.repeat_interleave(self.segments, 0) for tensor in state)) for state in memory.state
        )
        return self.wiring.decode(memory._replace(state=apart), queries.reshape(-1, 1, queries.shape[-1]))

    def _queries(self, batch: WindowBatch, about: Tensor) -> Tensor:
        """What asks the decoder for each segment ``(batch, segments, width)``: its place, and what is known of it."""
        queries = self.position.expand(len(about), -1, -1)
        if self.ahead is None:
            return queries
        padding = self.segments * self.segment - self.settings.horizon
        known = F.pad(batch.future_known, (0, 0, 0, padding)).reshape(len(about), self.segments, -1)
        about = about[:, None].expand(-1, self.segments, -1)
        return queries + self.ahead(torch.cat([known, about], dim=-1))  # type: ignore[no-any-return]
