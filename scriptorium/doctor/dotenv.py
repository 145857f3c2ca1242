"""Values that Compose would see: from the environment, else from the file .env in the working directory."""

from __future__ import annotations

from io import StringIO

from dotenv import dotenv_values

from scriptorium.doctor.probe import Probe


def value(probe: Probe, name: str) -> str:
    """A value; empty where it is not set."""
    given = probe.environ.get(name)
    return given if given is not None else (dotenv_values(stream=StringIO(probe.read(".env") or "")).get(name) or "")
