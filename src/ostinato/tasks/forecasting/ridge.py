"""Ridge regression of several targets from summed products, so that its rows may come in any number of batches."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

PENALTIES = 10.0 ** np.arange(-8.0, 4.1, 0.5)
"""Penalties tried, as multiples of the mean sum of squares of the centred features."""


class Ridge(NamedTuple):
    """A fitted regression: targets are about ``features @ weight + bias``."""

    weight: Array
    """``(features, targets)``."""
    bias: Array
    """``(targets,)``, not penalised."""
    penalty: float


def moments(features: Array, targets: Array) -> Array:
    """The sums of products of the columns of (features, 1, targets) over the rows.

    Those of several batches add up. They are all that the regressions, and their squared error on these rows, need.
    """
    rows = np.column_stack([features, np.ones(len(features)), targets])
    return rows.T @ rows


class Regression:
    """The ridge regressions of every penalty, from one eigendecomposition of the centred normal equations.

    Args:
        fitted_on: The `moments` of the training rows.
        features: How many of its leading columns are features.
    """

    def __init__(self, fitted_on: Array, features: int) -> None:
        self.fitted_on, self.features = fitted_on, features
        self.rows = fitted_on[features, features]
        mean = fitted_on[features] / max(self.rows, 1.0)
        centred = fitted_on - self.rows * np.outer(mean, mean)
        self.mean_features, self.mean_targets = mean[:features], mean[features + 1 :]
        eigenvalues, self.axes = np.linalg.eigh(centred[:features, :features])
        self.eigenvalues = np.maximum(eigenvalues, 0.0)
        self.projection = self.axes.T @ centred[:features, features + 1 :]

    def best(self, judged: Array) -> Ridge:
        """The regression with the least error on the rows whose moments are `judged`.

        With no rows there, the one with the least generalised cross-validation (Golub, Heath & Wahba 1979).
        """
        mean_square = float(self.eigenvalues.mean()) if self.features else 0.0
        fits = [self.fit(float(penalty) * (mean_square or 1.0)) for penalty in PENALTIES]
        if judged[self.features, self.features] > 0:
            return min(fits, key=lambda ridge: squared_error(ridge, judged))
        return min(fits, key=self.cross_validation)

    def fit(self, penalty: float) -> Ridge:
        """The least sum over the rows of |targets - features @ weight - bias|² + penalty * |weight|²."""
        weight = self.axes @ (self.projection / (self.eigenvalues + penalty)[:, None])
        return Ridge(weight, self.mean_targets - self.mean_features @ weight, penalty)

    def cross_validation(self, ridge: Ridge) -> float:
        """Rows * squared error / (rows - degrees of freedom)²."""
        freedom = 1 + np.sum(self.eigenvalues / (self.eigenvalues + ridge.penalty))
        left = max(self.rows - freedom, 1e-9 * self.rows)
        return float(self.rows * squared_error(ridge, self.fitted_on) / left**2)

    def leverage(self, features: Array, ridge: Ridge) -> Array:
        """How far each training row pulls its own fit ``(n,)``: its leave-one-out error is error / (1 - leverage)."""
        along = (features - self.mean_features) @ self.axes
        leverage: Array = 1 / self.rows + np.sum(along**2 / (self.eigenvalues + ridge.penalty), axis=1)
        return leverage.clip(max=0.999)  # above, rounding decides


def squared_error(ridge: Ridge, judged: Array) -> float:
    """The sum of squared errors over the rows of `judged`: trace(C' M C), where C takes a row to minus its errors."""
    errors = np.concatenate([ridge.weight, ridge.bias[None], -np.eye(len(ridge.bias))])
    return float(np.sum(errors * (judged @ errors)))
