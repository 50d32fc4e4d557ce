"""The doctor: what happens in a recurrent network over time, measured."""

from ostinato.diagnostics.activity import Gate, Units, gates, units
from ostinato.diagnostics.breakage import explain_divergence
from ostinato.diagnostics.doctor import Doctor
from ostinato.diagnostics.examination import Examination, examine
from ostinato.diagnostics.flow import GradientFlow, gradient_flow
from ostinato.diagnostics.lags import DataLags, data_lags
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.lyapunov import lyapunov_exponents, track_exponents
from ostinato.diagnostics.memory_span import MemorySpan, memory_span
from ostinato.diagnostics.quick_check import QuickCheck, needed_lag, quick_check
from ostinato.diagnostics.spectrum import Spectrum, StepSpectrum, step_spectra, weight_spectra
from ostinato.diagnostics.verdict import Finding, TrainingContext, all_well, clip_threshold, findings_of

__all__ = [
    "DataLags",
    "Doctor",
    "Examination",
    "Finding",
    "Gate",
    "GradientFlow",
    "Layer",
    "MemorySpan",
    "QuickCheck",
    "Spectrum",
    "StepSpectrum",
    "TrainingContext",
    "Units",
    "all_well",
    "clip_threshold",
    "data_lags",
    "examine",
    "explain_divergence",
    "findings_of",
    "gates",
    "gradient_flow",
    "lyapunov_exponents",
    "memory_span",
    "needed_lag",
    "quick_check",
    "step_spectra",
    "track_exponents",
    "units",
    "weight_spectra",
]
