"""The parts of the Forecaster."""
