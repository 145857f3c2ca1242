"""Values as Compose sees them: from the environment, else from the file .env in the working directory."""

from __future__ import annotations

from io import StringIO

from dotenv import dotenv_values

from scriptorium.doctor.probe import Probe


def read_value(probe: Probe, name: str) -> str:
    """Return a value, or an empty string if it is not set."""
    environment_value = probe.environ.get(name)
    if environment_value is not None:
        return environment_value
    return dotenv_values(stream=StringIO(probe.read(".env") or "")).get(name) or ""
