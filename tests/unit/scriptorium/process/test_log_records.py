"""No text of a user begins a line of a log, or reaches the terminal of whoever reads it as a command."""

from __future__ import annotations

import io
import logging
import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.app.log import TaskFormatter
from celery.utils.log import ColorFormatter

from scriptorium.cli.main import main
from scriptorium.jobs import queue
from scriptorium.process.log_records import INDENT, OneLineRecord, log_one_line_each
from scriptorium.process.tool_environment import NO_TELEMETRY

EVIL = "book.txt\n2026-01-01 00:00:00,000 INFO root: all is well\r\x1b]0;owned\x07\x9b2J\u2028\u202etxt\udce9"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FORMATTERS = {
    "ours": logging.Formatter(FORMAT),
    "a worker's": ColorFormatter(FORMAT, use_color=False),
    "a task's": TaskFormatter(FORMAT, use_color=False),
}


@pytest.fixture(params=FORMATTERS)
def stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Yield what a handler with each of our formatters, and Celery's, writes."""
    factory, handler = logging.getLogRecordFactory(), logging.StreamHandler(io.StringIO())
    handler.setFormatter(FORMATTERS[request.param])
    log_one_line_each()
    log = logging.getLogger("evil")
    log.addHandler(handler)
    yield handler.stream
    log.removeHandler(handler)
    logging.setLogRecordFactory(factory)


def test_a_message_is_one_line_that_spells_out_what_was_there(stream: io.StringIO) -> None:
    logging.getLogger("evil").warning("the file %s is refused", EVIL)
    (line,) = stream.getvalue().splitlines()
    assert r"book.txt\n2026-01-01" in line
    assert r"\x1b]0;owned\x07\x9b2J\u2028\u202etxt\udce9" in line
    assert line.isprintable()


def test_no_line_of_a_traceback_looks_like_a_record(stream: io.StringIO) -> None:
    try:
        raise ValueError(EVIL)
    except ValueError:
        logging.getLogger("evil").exception("%s failed", EVIL)
    first, *lines = stream.getvalue().splitlines()
    assert r"book.txt\n2026" in first
    assert "ValueError: book.txt" in "".join(lines)
    assert [line for line in lines if not line.startswith(INDENT) or not line.isprintable()] == []


@pytest.fixture
def restored() -> Iterator[None]:
    """Give the process its record factory back."""
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)


def test_workers_the_api_and_the_command_line_write_such_records_and_report_nothing(
    restored: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run_api() -> None:
        with pytest.raises(SystemExit, match="there is no key"):  # it stops before it listens
            runpy.run_module("services.api.worker", run_name="__main__")

    def run_command() -> None:
        with pytest.raises(SystemExit):
            main(["--version"])

    def run_worker() -> None:
        celery = SimpleNamespace(conf=SimpleNamespace(), worker_main=lambda words: None)
        queue.run_worker("data", celery, on_shutdown=lambda: None)  # type: ignore[arg-type]

    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SCRIPTORIUM_API_HOST", "0.0.0.0")  # noqa: S104  what is refused
    for start in (run_api, run_command, run_worker):
        logging.setLogRecordFactory(logging.LogRecord)
        for name in NO_TELEMETRY:
            monkeypatch.setenv(name, "as the user has it")
        start()
        assert logging.getLogRecordFactory() is OneLineRecord, start.__name__
        assert {name: os.environ[name] for name in NO_TELEMETRY} == NO_TELEMETRY, start.__name__
