"""Who remembers how long: cells, lags and gradients."""
