"""What fitting a Forecaster leaves: everything that forecasts, and that a bundle must hold."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ostinato.bundle import Bundle
from ostinato.data import Panel, PanelSpec, WindowBatch
from ostinato.data.table import Source
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.backtest import baseline_batch
from ostinato.tasks.forecasting.baselines import Baselines
from ostinato.tasks.forecasting.network import ForecastNetwork, Sizes
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.standardise import SeriesScales, Standardiser

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network with all that belongs to it.

    Attributes:
        settings: The Forecaster's, `window`, `segment` and `season` resolved.
        network: On the CPU, in evaluation mode.
        spec: How to read new data as the training data were read.
        standardiser: Units of each series.
        baselines: Fitted on the training part.
        last_seen: ``(series,)`` int64, the last time of each series that fitting saw (nanoseconds for dates).
    """

    settings: ForecasterSettings
    network: ForecastNetwork
    spec: PanelSpec
    standardiser: Standardiser
    baselines: Baselines
    last_seen: npt.NDArray[np.int64]

    def read(self, data: Source) -> Panel:
        """New data, read as the training data were.

        Raises:
            OstinatoError: For anything wrong with them, and for a series without a vector of its own.
        """
        panel = Panel.from_table(data, self.spec)
        new = self.standardiser.index(panel) < 0
        if self.settings.series_embedding and new.any():
            raise OstinatoError(
                f"series {str(panel.ids[np.argmax(new)])!r} was not in the training data, and series_embedding learns "
                "a vector for each series: leave it out, or train with series_embedding=0"
            )
        return panel

    def seen(self, panel: Panel) -> npt.NDArray[np.int64]:
        """How many rows of each series are not for scoring, ``(series,)``.

        They are those that fitting saw, or of a new series its first window, by which its units are measured.
        """
        assert self.settings.window is not None
        index = self.standardiser.index(panel)
        before = panel.times.astype(np.int64) <= np.repeat(self.last_seen[np.maximum(index, 0)], panel.lengths)
        fitted_on = np.add.reduceat(before.astype(np.int64), panel.offsets[:-1])
        first = np.clip(panel.lengths - self.settings.horizon, 1, self.settings.window)
        return np.where(index >= 0, fitted_on, first)

    def network_on(self, panel: Panel) -> Callable[[WindowBatch], tuple[Array, Array | None]]:
        """`forecast` for windows of a panel, whose series have other numbers there than in training."""
        index = torch.from_numpy(self.standardiser.index(panel)).clamp(min=0)  # the number of a new one is not read
        return lambda batch: self.forecast(batch._replace(series=index[batch.series]))

    @torch.no_grad()
    def forecast(self, batch: WindowBatch) -> tuple[Array, Array | None]:
        """Points ``(batch, horizon)`` and quantiles ``(batch, horizon, levels)``, at unit scale; None for no levels."""
        out = self.network(batch).double().numpy()
        if self.settings.output != "quantiles":
            return out[..., 0], None
        quantiles = np.sort(out, axis=-1)  # levels fitted apart may cross; sorted, they never score worse
        return quantiles[..., self.settings.quantiles.index(0.5)], quantiles

    def baseline(self, name: str, scales: SeriesScales) -> Callable[[WindowBatch], tuple[Array, Array | None]]:
        """What forecasts like one of the baselines, for series with these scales."""
        return lambda batch: self.baselines.forecast(name, baseline_batch(batch, scales))

    def tensors(self) -> dict[str, Tensor]:
        """Every number that was learned, by name."""
        arrays = {
            "last_seen": self.last_seen,
            **{f"scales.{name}": value for name, value in asdict(self.standardiser.scales).items()},
            **{f"covariates.{name}": value for name, value in self.standardiser.covariates.items()},
            **{f"baselines.{name}": value for name, value in self.baselines.state().items()},
        }
        weights = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return weights | {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}

    def extras(self) -> dict[str, Any]:
        """Everything else, fit for JSON."""
        return {
            "spec": self.spec.model_dump(mode="json"),
            "sizes": self.network.sizes._asdict(),
            "ids": list(self.standardiser.ids),
            "baselines": self.baselines.settings,
        }

    @classmethod
    def from_bundle(cls, bundle: Bundle, settings: ForecasterSettings) -> Self:
        """What `tensors` and `extras` say."""
        extras = bundle.model
        arrays = {name: tensor.numpy() for name, tensor in bundle.tensors.items() if not name.startswith("network.")}
        network = ForecastNetwork(settings, Sizes(**extras["sizes"]))
        bundle.load_into(network, prefix="network.")
        assert settings.season_length is not None
        standardiser = Standardiser(
            log=settings.returns == "log",
            ids=tuple(extras["ids"]),
            scales=SeriesScales(**_under(arrays, "scales.")),
            covariates=_under(arrays, "covariates."),
            season_length=settings.season_length,
        )
        baselines = Baselines.from_state(_under(arrays, "baselines."), **extras["baselines"])
        return cls(
            settings,
            network.eval(),
            PanelSpec.model_validate(extras["spec"]),
            standardiser,
            baselines,
            arrays["last_seen"],
        )


def _under(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
