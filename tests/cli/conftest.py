import numpy as np
import pandas as pd
import pytest
from command import TINY, run


@pytest.fixture(scope="session")
def sales(tmp_path_factory):
    """A file of 150 days, a weekly pattern and noise."""
    days = np.arange(150)
    values = 1000 + 50 * np.sin(2 * np.pi * days / 7) + np.random.default_rng(0).normal(0, 5, len(days))
    path = tmp_path_factory.mktemp("data") / "sales.csv"
    pd.DataFrame({"date": pd.date_range("2024-01-01", periods=150), "sales": values.round(1)}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def model(sales, tmp_path_factory):
    """A folder with a model fitted on the first 80 % of `sales`; not to be changed."""
    folder = tmp_path_factory.mktemp("models") / "model"
    assert run("fit", "forecaster", sales, "--out", folder, "--no-refit", *TINY).code == 0
    return folder
