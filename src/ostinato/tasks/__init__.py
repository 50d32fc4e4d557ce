"""One file an estimator: data, topology, training and decoding put together."""

from pathlib import Path

from ostinato.bundle import load_bundle
from ostinato.tasks.estimator import Estimator
from ostinato.tasks.forecaster import Forecaster

ESTIMATORS = {"Forecaster": Forecaster}
"""The classes a bundle may name."""


def load(folder: str | Path) -> Forecaster:
    """The estimator that was saved in a folder, whichever it is.

    Args:
        folder: A bundle, as `Estimator.save` writes it.

    Raises:
        OstinatoError: For a folder that is no bundle, or a damaged one.
    """
    return ESTIMATORS[load_bundle(Path(folder), ESTIMATORS).kind].load(folder)


__all__ = ["ESTIMATORS", "Estimator", "Forecaster", "load"]
