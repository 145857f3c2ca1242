"""Runs with no network at all: every module is imported, a manuscript is prepared, and the API answers.

    python -m tests.integration.without_network FOLDER        prints JSON: what was done, and who was asked for

Whoever would be fetched from is recorded, whether or not the failure is swallowed.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import urllib.request
from pathlib import Path

ASKED: list[str] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Record each look-up of a name, and each connection to something else than a Unix socket."""
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        ASKED.append(f"{event} {arguments[:2] if event == 'socket.getaddrinfo' else arguments[1]}")


def import_everything() -> int:
    """Import every module of ours that is no program, nor part of another environment; return their number."""
    import scriptorium
    import services

    names = [
        module.name
        for package in (scriptorium, services)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    foreign = ("inside_", "load_with_transformers", "import_gguf", ".die_with_parent", ".__main__")
    ours = [name for name in names if not any(part in name for part in foreign)]
    for name in ours:
        importlib.import_module(name)
    return len(ours)


def prepare(folder: Path) -> int:
    """Prepare a manuscript and return the number of its rows."""
    from scriptorium.contracts import PrepareRequest
    from scriptorium.jobs.reporter import SilentReporter
    from scriptorium.recipe import Chunking, Split
    from services.data.prepare import prepare_manuscript
    from tests.unit.services.data.conftest import write_prose
    from tests.word_model import write_word_model

    book, base, output = folder / "book.txt", folder / "base", folder / "output"
    book.write_text("\n\n".join(f"CHAPTER {number}\n\n{write_prose(10, seed=number)}" for number in range(1, 9)))
    base.mkdir()
    output.mkdir()
    request = PrepareRequest(
        manuscript=book, filename=book.name, base=write_word_model(base), prompt="brief",
        chunking=Chunking(unit="words", minimum=80, maximum=160), split=Split(),
    )  # fmt: skip
    prepare_manuscript(request, output, SilentReporter())
    return len((output / "train.jsonl").read_text().splitlines())


def ask_api(folder: Path) -> list[int]:
    """Return the statuses of pages and calls, those with files of packages included."""
    from fastapi.testclient import TestClient

    from scriptorium.artifacts.volume import Volume
    from scriptorium.jobs.pipeline import Pipeline
    from scriptorium.jobs.runner import Context
    from scriptorium.settings import Settings
    from scriptorium.store import open_store
    from services.api.application import create_app
    from tests.embedded_redis import embedded_redis

    with embedded_redis() as url:
        settings = Settings(data_dir=folder / "data", redis_url=url, api_hosts="testserver", device="cpu")
        store, volume = open_store(url), Volume(settings.data_dir, settings.models)
        context = Context(settings, store, volume, Pipeline(store, volume, send=lambda *_: None))
        client = TestClient(create_app(context, reaping=False, count_waiting=lambda _: 0))
        paths = ("/", "/submit", "/chat", "/models", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/v1/models",
                 "/metrics", "/healthz")  # fmt: skip
        return [client.get(path).status_code for path in paths]


if __name__ == "__main__":
    sys.addaudithook(watch)
    folder = Path(sys.argv[1])
    done = {"modules": import_everything(), "rows": prepare(folder), "statuses": ask_api(folder)}
    asked, reached = list(ASKED), True
    try:
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)
    except OSError:
        reached = False
    print(json.dumps({**done, "asked": asked, "reached": reached, "watched": len(ASKED) > len(asked)}))  # noqa: T201
