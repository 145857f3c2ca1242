"""One input through its parser, and the judgement: parsed, refused with a code and a place, or a finding."""

from __future__ import annotations

import re
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random

from scriptorium.errors import InternalError, ScriptoriumError
from tests.fuzz.requests import REQUESTS, send
from tests.fuzz.targets import TARGETS, find_seeds

MAX_MESSAGE = 1 << 17  # characters of a refusal; two hundred problems have less
PROJECT = str(Path(__file__).parents[2])


class InputFault(Enum):
    """What must not happen, by its name in the last line."""

    CRASH = "crashes"
    ERROR_5XX = "errors_5xx"
    OVER_TIME = "over_time"
    OVER_MEMORY = "over_memory"


@dataclass(frozen=True)
class Case:
    """An input: the name of its target, and its bytes."""

    target: str
    raw: bytes


@dataclass(frozen=True)
class FuzzFinding:
    """What an input did: the fault, and a line that is the same for inputs that do the same."""

    fault: InputFault
    signature: str


def make_case(seed: int, number: int, names: tuple[str, ...]) -> Case:
    """Return an input, always the same for a seed, a number and the names of the targets."""
    random = Random(f"{seed}:{number}")
    name = random.choices(names, [REQUESTS.weight if name == "http" else TARGETS[name].weight for name in names])[0]
    target = REQUESTS if name == "http" else TARGETS[name]
    seeds = REQUESTS.seeds() if name == "http" else find_seeds(name)
    return Case(name, target.mutate(random, random.choice(seeds)))


def attempt(case: Case) -> FuzzFinding | None:
    """Run an input; return what must not have happened, if it did."""
    if case.target == "http":
        return send_request(case.raw)
    with tempfile.TemporaryDirectory() as name:
        findings = [go_in(case, way, Path(name)) for way in TARGETS[case.target].ways]
    return next(filter(None, findings), None)


def go_in(case: Case, way: Callable[[bytes, Path], None], folder: Path) -> FuzzFinding | None:
    """Run an input by one way in."""
    try:
        way(case.raw, folder)
    except ScriptoriumError as error:
        return judge(error, str(folder))
    except MemoryError:
        return FuzzFinding(InputFault.OVER_MEMORY, f"{case.target}: MemoryError")
    except Exception as error:  # noqa: BLE001  # any other is a finding
        return FuzzFinding(InputFault.CRASH, f"{case.target}: {describe(error)}")
    return None


def send_request(raw: bytes) -> FuzzFinding | None:
    """Send a request; an answer of 5xx must be one of our own errors."""
    failure = send(raw)
    return FuzzFinding(InputFault.ERROR_5XX, f"http: {failure}") if failure else None


def judge(error: ScriptoriumError, folder: str) -> FuzzFinding | None:
    """Return what is wrong with a refusal: it must have a code and a place, and be fit to be shown."""
    message = str(error)
    faults = {
        "has no place": not (error.param or error.problems),
        "is an internal error": isinstance(error, InternalError),
        "shows a path of the server": folder in message or PROJECT in message,
        "shows a traceback": "Traceback (most recent" in message,
        "has no end": len(message) > MAX_MESSAGE,
    }
    shown = [name for name, is_true in faults.items() if is_true]
    return (
        FuzzFinding(InputFault.CRASH, f"{error.code} {', '.join(shown)}: {squeeze(error.message)}") if shown else None
    )


def describe(error: Exception) -> str:
    """Return an error's type and the last place in our own code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tests/fuzz/" not in frame.filename]
    ours = [frame for frame in frames if frame.filename.startswith(PROJECT) and ".venv" not in frame.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else "outside"
    return f"{type(error).__name__} in {place}"


def squeeze(text: str) -> str:
    """Return the start of a text, without numbers and quoted pieces."""
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", text))[:100]
