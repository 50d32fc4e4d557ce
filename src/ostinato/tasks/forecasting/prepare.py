"""A Forecaster's network and what it is trained on, made of the rows of a panel."""

from dataclasses import replace

import numpy as np
from torch import nn

from ostinato.data import Panel, WindowBatch, Windows
from ostinato.errors import OstinatoError
from ostinato.tasks.forecasting.baselines import fit_baselines
from ostinato.tasks.forecasting.batches import BaselineBatches
from ostinato.tasks.forecasting.intermittent import MANY_ZEROS, share_of_zeros
from ostinato.tasks.forecasting.model import ForecasterModel
from ostinato.tasks.forecasting.network import Sizes
from ostinato.tasks.forecasting.settings import ForecasterSettings
from ostinato.tasks.forecasting.split import PanelPart
from ostinato.tasks.forecasting.standardise import SeriesScales, Standardiser
from ostinato.tasks.forecasting.train import forecast_loss, mean_loss, training_batches
from ostinato.tasks.prepared import Prepared
from ostinato.training import DistributedContext, LossSum

EPOCH_BATCHES = 16
"""Batches of an epoch that a default batch size leaves at least, however few windows there are."""

CALIBRATION_WINDOWS = 2048
"""Training windows on which a network's input and output scales are measured."""

JUDGED_WINDOWS = 20_000
"""Validation windows that calibrate, at most."""

STOPPING_WINDOWS = 2_000
"""Those that choose when to stop, at most, unless an epoch trains on twice as many."""

GROWTH = 3.0
"""Times that a series must have grown in training for a hint to model its returns."""

BASELINE_WORK = 5e10
"""Multiplications that a ridge regression may take, about; fewer windows are taken beyond."""

BASELINE_WINDOWS = (5_000, 100_000)
"""That baselines are given at least, where there are as many, and at most."""


def prepared(
    settings: ForecasterSettings, training: PanelPart, validation: PanelPart | None, start: ForecasterModel | None
) -> Prepared[WindowBatch, ForecasterModel]:
    """A network and what it is trained on.

    Args:
        settings: Of which nothing is left to the data but the batch size, unless it was given.
        training: Rows to learn from.
        validation: Those that choose when to stop, and calibrate the quantiles; None for neither.
        start: A model whose weights training goes on from; None for none.

    Raises:
        OstinatoError: A part has nothing to forecast, or the weights to go on from do not fit these series.
    """
    newest = training if validation is None else validation
    panel, window, (season_length, *longer) = newest.panel, settings.window, settings.seasons
    assert window is not None
    ends = panel.offsets[:-1] + training.end
    standardiser = Standardiser.fit(
        panel,
        ends,
        log=settings.log,
        season_length=season_length,
        counts=settings.non_negative,
        power=settings.transform == "box_cox",
        own_units=settings.of_counts,
    )
    zeros = share_of_zeros(panel, panel.observed & (np.arange(len(panel.target)) < np.repeat(ends, panel.lengths)))
    if start is not None:
        standardiser = _as_before(standardiser, start)
    unit = standardiser.transform(panel, standardiser.scales)
    shortest = int(training.end.min()) - settings.horizon
    learned = training.windows(unit, settings, minimum_context=min(window, shortest))
    judged = None if validation is None else validation.windows(unit, settings).spread(JUDGED_WINDOWS)
    for part, name in ((learned, "training"), (judged, "validation")):
        if part is not None and not len(part):
            raise OstinatoError(f"the {name} part has no observed value to forecast: give more rows")
    if "batch_size" not in settings.model_fields_set:
        fewer = max(len(learned) // EPOCH_BATCHES, DistributedContext.from_environment().world_size)
        settings = settings.model_copy(update={"batch_size": min(settings.batch_size, fewer)})
    batches = training_batches(learned, settings)
    stopping = max(len(batches) * settings.batch_size // 2, STOPPING_WINDOWS)
    sizes = Sizes(panel.past.shape[1], len(learned.known_names), panel.static.shape[1], len(panel))
    network = ForecasterModel.build(settings, {"sizes": sizes})
    some = np.random.default_rng(settings.seed).permutation(len(learned))[:CALIBRATION_WINDOWS]
    network.calibrate(learned.gather(some))

    def loss(model: nn.Module, batch: WindowBatch, state: None) -> LossSum:
        return forecast_loss(settings, model(batch), batch)

    def for_baselines(windows: Windows) -> BaselineBatches:
        bounded = np.clip(BASELINE_WORK / (window + settings.horizon) ** 2, *BASELINE_WINDOWS)
        return BaselineBatches(windows.spread(int(bounded)), standardiser.scales)

    def model() -> ForecasterModel:
        baselines = fit_baselines(
            for_baselines(learned),
            () if judged is None else for_baselines(judged),
            window=window,
            horizon=settings.horizon,
            season_length=season_length,
            longer_seasons=longer,
            levels=settings.levels,
            intermittent=zeros >= MANY_ZEROS,
        )
        last_seen = panel.times[panel.offsets[:-1] + newest.end - 1].astype(np.int64)
        made = ForecasterModel(settings, network, panel.spec, sizes, standardiser, baselines, last_seen)
        return made if judged is None else made.calibrated(judged)

    return Prepared(
        settings=settings,
        network=network,
        batches=batches,
        loss=loss,
        score=None if judged is None else mean_loss(settings, judged.spread(stopping), settings.on_device),
        model=model,
        notes=(
            *panel.notes,
            *([] if settings.of_counts else _note_on_floor(panel, standardiser.scales)),
            *_note_on_zeros(settings, panel, zeros),
            *_note_on_growth(settings, training),
        ),
    )


def _as_before(standardiser: Standardiser, start: ForecasterModel) -> Standardiser:
    """New series' own scales, and covariates scaled as the weights to go on from know them.

    Raises:
        OstinatoError: The weights hold a vector for each series, and these are others.
    """
    before = start.standardiser
    if start.settings.series_embedding and before.ids != standardiser.ids:
        raise OstinatoError(
            f"series_embedding learned a vector for each of {len(before.ids)} series, and these are others: go on with "
            "the same series, or from a model without series_embedding"
        )
    return replace(standardiser, covariates=before.covariates)


def _note_on_growth(settings: ForecasterSettings, training: PanelPart) -> list[str]:
    """A hint to model returns where most series are positive and grow many times over."""
    if settings.scaling != "level" or settings.log:
        return []
    panel, tenth = training.panel, np.maximum((training.end - training.start) // 10, 1)
    total = np.concatenate([[0.0], np.cumsum(panel.target)])
    first, last = panel.offsets[:-1] + training.start, panel.offsets[:-1] + training.end
    begin, end = total[first + tenth] - total[first], total[last] - total[last - tenth]
    positive = np.minimum.reduceat(panel.target, panel.offsets[:-1]) > 0
    growth = np.median(np.divide(end, begin, out=np.ones_like(end), where=positive))
    if growth < GROWTH:
        return []
    which = f"{panel.names.target} grew" if len(panel) == 1 else "most series grew"
    return [f"{which} {growth:.1f} times over in training: returns='log' models prices and the like better"]


def _note_on_floor(panel: Panel, scales: SeriesScales) -> list[str]:
    """A statement on series that are so near 0 that forecasts may be held there."""
    near = (scales.floor == 0) & (scales.location < 4 * scales.scale)
    if not near.any():
        return []
    which = f"{panel.names.target} is" if near.all() else f"{near.sum()} of {len(panel)} series are"
    return [f"{which} never below 0 in training: forecasts are not, either, unless non_negative=False"]


def _note_on_zeros(settings: ForecasterSettings, panel: Panel, zeros: float) -> list[str]:
    """What to look at, and what else to model, where most values may be zero."""
    if zeros < MANY_ZEROS:
        return []
    share = f"{zeros:.0%} of the values of {panel.names.target} are zero"
    hint = "" if settings.of_counts else "; output='negative_binomial' models such counts"
    return [f"{share}: the median says little, look at RMSE and mean{hint}"]
