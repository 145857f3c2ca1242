"""Downloads that go on where they stopped, and the export command's refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from scriptorium.cli import jobs
from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_export, fetch_results
from scriptorium.errors import Conflict, StoreUnavailable

BODY = bytes(range(256)) * 100
NAMES = {"file-1": "report.html", "file-2": "merged-config.json", "file-3": "merged-model.safetensors",
         "file-4": "adapter-adapter_config.json", "file-5": "model-q8_0.gguf"}  # fmt: skip
JOB: dict[str, Any] = {"id": "ftjob-1", "result_files": list(NAMES)}


class BrokenStream(httpx.SyncByteStream):
    """Some bytes, then a lost connection."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self.data
        raise httpx.ReadError("lost")


class RangeTransport(httpx.MockTransport):
    """Files with ranges; the connection breaks after `breaks` bytes as often as `times` says."""

    def __init__(self, breaks: int = 0, times: int = 0) -> None:
        super().__init__(self.answer)
        self.breaks, self.times = breaks, times
        self.ranges: list[str | None] = []
        self.etag = hashlib.sha256(BODY).hexdigest()

    def answer(self, request: httpx.Request) -> httpx.Response:
        file_id = request.url.path.split("/")[3]
        if not request.url.path.endswith("/content"):
            return httpx.Response(
                200, json={"id": file_id, "bytes": len(BODY), "filename": f"ftjob-1-{NAMES[file_id]}"}
            )
        headers = {"etag": f'"{self.etag}"'}
        if request.method == "HEAD":
            return httpx.Response(200, headers=headers)
        range_header = request.headers.get("range")
        self.ranges.append(range_header)
        start = int(range_header.removeprefix("bytes=").rstrip("-")) if range_header else 0
        if start >= len(BODY):
            return httpx.Response(416, headers={"content-range": f"bytes */{len(BODY)}"})
        if self.times:
            self.times -= 1
            return httpx.Response(
                206 if range_header else 200, headers=headers, stream=BrokenStream(BODY[start : start + self.breaks])
            )
        return httpx.Response(206 if range_header else 200, headers=headers, content=BODY[start:])


def test_a_lost_connection_is_resumed(tmp_path: Path) -> None:
    transport = RangeTransport(breaks=10_000, times=2)
    sizes: list[int] = []
    Client("http://api", transport).download("file-3", tmp_path / "model", sizes.append)
    assert (tmp_path / "model").read_bytes() == BODY
    assert transport.ranges == [None, "bytes=10000-", "bytes=20000-"]
    assert sizes[-1] == len(BODY)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("have", [7, len(BODY)])
def test_a_partial_download_is_continued(tmp_path: Path, have: int) -> None:
    transport = RangeTransport()
    (tmp_path / "model.part").write_bytes(BODY[:have])
    Client("http://api", transport).download("file-3", tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == BODY
    assert transport.ranges == [f"bytes={have}-"]


def test_an_api_that_sends_nothing_more_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer"):
        Client("http://api", RangeTransport(breaks=0, times=9)).download("file-3", tmp_path / "model")


@pytest.mark.parametrize("left", [b"rubbish", BODY[:-1] + b"x", BODY + b"too long"])
def test_a_file_that_did_not_arrive_intact_is_removed(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "model.part").write_bytes(left)
    with pytest.raises(Conflict, match="did not arrive intact"):
        Client("http://api", RangeTransport()).download("file-3", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_weights_are_downloaded_only_on_request(tmp_path: Path) -> None:
    client = Client("http://api", RangeTransport())
    assert [path.name for path in fetch_results(client, JOB, tmp_path / "report")] == ["report.html"]
    console = Console(quiet=True)
    merged = fetch_export(client, JOB, "merged", tmp_path / "merged", console)
    assert [path.name for path in merged] == ["config.json", "model.safetensors"]
    [adapter] = fetch_export(client, JOB, "adapter", tmp_path / "adapter", console)
    assert adapter == tmp_path / "adapter" / "adapter_config.json"
    assert fetch_export(client, JOB, "gguf-q8_0", tmp_path / "my.gguf", console) == [tmp_path / "my.gguf"]
    with pytest.raises(Conflict, match="has no gguf-f16") as caught:
        fetch_export(client, JOB, "gguf-f16", tmp_path / "other.gguf", console)
    assert "scriptorium export FOLDER --format gguf-f16" in (caught.value.next_step or "")


def test_complete_files_are_not_downloaded_again(tmp_path: Path) -> None:
    transport = RangeTransport()
    fetch_export(Client("http://api", transport), JOB, "merged", tmp_path, Console(quiet=True))
    fetch_export(Client("http://api", transport), JOB, "merged", tmp_path, Console(quiet=True))
    assert len(transport.ranges) == 2


def test_a_file_of_equal_size_from_another_round_is_downloaded_again(tmp_path: Path) -> None:
    transport = RangeTransport()
    client = Client("http://api", transport)
    [*_, weights] = fetch_export(client, JOB, "merged", tmp_path, Console(quiet=True))
    weights.write_bytes(BODY[:-1] + b"x")
    fetch_export(client, JOB, "merged", tmp_path, Console(quiet=True))
    assert weights.read_bytes() == BODY
    assert len(transport.ranges) == 3


def test_an_api_that_does_not_answer_is_no_reason_to_keep_a_file(tmp_path: Path) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    (tmp_path / "model").write_bytes(BODY)
    file = {"id": "file-3", "bytes": len(BODY)}
    with pytest.raises(StoreUnavailable, match="does not answer"):
        Client("http://api", httpx.MockTransport(refuse)).has_arrived(file, tmp_path / "model")
    failing = httpx.MockTransport(lambda request: httpx.Response(500))
    assert not Client("http://api", failing).has_arrived(file, tmp_path / "model")


def test_a_folder_exports_only_gguf(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="is already a model folder"):
        jobs.export(str(tmp_path), "merged", tmp_path / "out")
    (tmp_path / "there.gguf").touch()
    with pytest.raises(Conflict, match="already exists"):
        jobs.export(str(tmp_path), "gguf-f16", tmp_path / "there.gguf")
