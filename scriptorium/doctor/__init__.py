"""The doctor: looks at a machine or a container before work starts, and says what to mend and how."""

from __future__ import annotations

from scriptorium.doctor.check import Finding, Status
from scriptorium.doctor.examine import examine

__all__ = ["Finding", "Status", "examine"]
