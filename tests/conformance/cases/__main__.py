"""Run the cases: `python -m tests.conformance.cases API FAULTS WORKER [NAME ...]`; each gives one line of JSON."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import openai

from tests.conformance.cases.wire import NotInClient, Wire

Case = Callable[[Wire], None]
NO_CASES = {"__main__", "wire"}


def find_cases() -> Iterator[tuple[str, Case]]:
    """Yield every case with its name: the public functions of the modules beside this one."""
    for module_info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module_info.name not in NO_CASES:
            module = importlib.import_module(f"{__package__}.{module_info.name}")
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if function.__module__ == module.__name__ and not name.startswith("_"):
                    yield f"{module_info.name}.{name}", function


def run_case(case: Case, wire: Wire) -> dict[str, str]:
    """Run a case; return why it failed or cannot run, or nothing."""
    try:
        case(wire)
    except NotInClient as reason:
        return {"missing": str(reason)}
    except Exception:  # noqa: BLE001  whatever a case raises is its failure
        return {"failure": traceback.format_exc(limit=-4).strip()}
    finally:
        wire.close()
    return {}


def main(url: str, faults_url: str, worker_url: str, *names: str) -> None:
    """Run the cases, or only those whose names contain one of `names`."""
    write({"version": openai.__version__})
    wire = Wire(url, faults_url, worker_url)
    for name, case in find_cases():
        if not names or any(part in name for part in names):
            started = time.monotonic()
            outcome = run_case(case, wire)
            write({"case": name, "seconds": f"{time.monotonic() - started:.1f}", **outcome})


def write(entry: dict[str, str]) -> None:
    """Print a line of JSON."""
    sys.stdout.write(f"{json.dumps(entry)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
