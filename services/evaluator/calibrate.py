"""Calibrate: which checkpoint is merged, at which strength, and the temperature at which it writes."""

from __future__ import annotations

from pathlib import Path

from scriptorium.contracts import CalibrateRequest, CalibrateResult
from scriptorium.jobs.reporter import Reporter


def calibrate_voice(request: CalibrateRequest, folder: Path, reporter: Reporter) -> CalibrateResult:
    """Leave the choice of the checkpoint to merging: there is nothing to judge trials by yet."""
    strength = 1.0 if request.strength is None else request.strength
    reporter.message(f"[CALIBRATE] Nothing was tried: the adapter is merged at strength {strength:g}")
    return CalibrateResult(step=request.checkpoint, strength=strength, reason="Nothing was tried.")
