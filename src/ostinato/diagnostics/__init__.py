"""The doctor: what happens in a recurrent network over time, measured."""

from ostinato.diagnostics.activity import Gate, Units, gates, units
from ostinato.diagnostics.breakage import autopsy
from ostinato.diagnostics.doctor import Doctor
from ostinato.diagnostics.examination import Examination, examine
from ostinato.diagnostics.flow import GradientFlow, gradient_flow
from ostinato.diagnostics.horizon import Horizon, memory_horizon
from ostinato.diagnostics.lags import DataLags, data_lags
from ostinato.diagnostics.layers import Layer
from ostinato.diagnostics.lyapunov import lyapunov_exponents, track_exponents
from ostinato.diagnostics.spectrum import Spectrum, StepSpectrum, step_spectra, weight_spectra
from ostinato.diagnostics.verdict import Circumstances, Finding, all_well, clip_threshold, findings_of
from ostinato.diagnostics.vitals import Vitals, needed_lag, take_vitals

__all__ = [
    "Circumstances",
    "DataLags",
    "Doctor",
    "Examination",
    "Finding",
    "Gate",
    "GradientFlow",
    "Horizon",
    "Layer",
    "Spectrum",
    "StepSpectrum",
    "Units",
    "Vitals",
    "all_well",
    "autopsy",
    "clip_threshold",
    "data_lags",
    "examine",
    "findings_of",
    "gates",
    "gradient_flow",
    "lyapunov_exponents",
    "memory_horizon",
    "needed_lag",
    "step_spectra",
    "take_vitals",
    "track_exponents",
    "units",
    "weight_spectra",
]
