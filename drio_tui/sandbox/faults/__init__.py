"""The fault lab: faults that the sandbox injects into its own answers, by rules."""

from drio_tui.sandbox.faults.injection import Disconnectable, FaultMiddleware
from drio_tui.sandbox.faults.lab import FaultLab

__all__ = ["Disconnectable", "FaultLab", "FaultMiddleware"]
