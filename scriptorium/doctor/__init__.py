"""The doctor: examines a machine or a container before work starts, and says what to fix and how."""

from __future__ import annotations

from scriptorium.doctor.check import CheckFinding, CheckStatus
from scriptorium.doctor.examine import examine

__all__ = ["CheckFinding", "CheckStatus", "examine"]
