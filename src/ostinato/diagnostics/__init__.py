"""The doctor: what happens in a recurrent network over time, measured."""

from ostinato.diagnostics.flow import GradientFlow, gradient_flow
from ostinato.diagnostics.layers import Layer

__all__ = ["GradientFlow", "Layer", "gradient_flow"]
