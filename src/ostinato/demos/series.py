"""What the demonstrations of forecasting share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.demos.data import EMBEDDED, load_embedded
from ostinato.demos.demo import Demo, Materials, Shown
from ostinato.storage import write_durably
from ostinato.tasks import Forecaster
from ostinato.tasks.estimator import NextStep


def series_demo(name: str, settings: dict[str, Any]) -> Demo:
    """Forecasts an embedded series, and draws the last steps of it beside what came.

    Args:
        name: A key of `EMBEDDED`.
        settings: Of the Forecaster.
    """

    def story(model: Forecaster, materials: Materials, folder: Path) -> Iterator[Shown]:
        plot, data = folder / "forecast.png", folder / f"{name}.csv"
        model.plot(materials.data, plot, actual=True)
        write_durably(data, materials.data.to_csv(index=False).encode())
        yield f"Plot of the last {model.settings.horizon} steps: {plot}"
        yield NextStep("Forecast with", ("predict", folder, data))

    return Demo(
        verb="forecaster",
        settings=settings,
        materials=lambda: Materials(load_embedded(name)),
        intro=lambda _: f"{EMBEDDED[name].description}.\nSource: {EMBEDDED[name].source}.\n",
        story=story,
    )
