"""A phase was asked to stop. None of these is a failure."""

from __future__ import annotations

from scriptorium.errors.base import ScriptoriumError


class Stopped(ScriptoriumError):
    """A phase was asked to stop; not a failure."""


class Cancelled(Stopped):
    """The user cancelled the job."""


class Interrupted(Stopped):
    """The worker is shutting down; the phase saves its work and resumes later."""


class Paused(Interrupted):
    """The user paused the job; the phase saves its work and resumes once the user says so."""


class DecisionNeeded(Stopped):
    """A person must answer a question first; the phase then resumes."""


class LeaseLost(Stopped):
    """Another attempt holds the phase now; this one must not publish."""
