"""Redis's clock, which can jump: libfaketime, loaded into Redis alone, reads the offset from a file."""

from __future__ import annotations

from pathlib import Path

from scriptorium.local.environments import ENVS, Environment, build

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
LIBRARY = "libfaketime/vendor/libfaketime/src/libfaketime.so.1"


class Clock:
    """A clock with an offset in seconds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        environment = Environment("faketime", ENVS / "faketime", (REQUIREMENTS,), gib=0.01, target=True)
        build(environment, gpu=False)
        self._library = environment.folder / LIBRARY
        self.set(0)

    def set(self, offset: int) -> None:
        """Let the clock be so many seconds ahead of the true one, or behind it."""
        self._file.write_text(f"{offset:+d}\n")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process with this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
