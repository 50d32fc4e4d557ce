"""What `Forecaster.examine` looks into a network with: its loss on a sample of windows."""

from collections.abc import Callable

from torch import Tensor

from ostinato.data.series import SeriesSource
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.split import PanelPart
from ostinato.tasks.forecasting.train import forecast_loss
from ostinato.tasks.sample import evenly
from ostinato.training import moved


def sample_loss(model: ForecasterModel, data: SeriesSource) -> Callable[[], Tensor]:
    """What takes the network's loss on windows of some data, evenly spread.

    Raises:
        OstinatoError: For anything wrong with the data, or no window in them.
    """
    panel = model.read(data)
    scales = model.standardiser.scales_of(panel, panel.offsets[1:])
    part = PanelPart(panel, model.first_window(panel), panel.lengths)
    windows = part.windows(model.standardiser.transform(panel, scales), model.settings)
    if not len(windows):
        raise OstinatoError(f"no series is longer than the horizon of {model.settings.horizon} steps: give more rows")
    batch = windows.gather(evenly(len(windows)))
    batch = moved(batch._replace(series=model.numbers_of(panel)[batch.series]), model.settings.on_device)
    return lambda: forecast_loss(model.settings, model.network(batch), batch).mean
