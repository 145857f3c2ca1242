"""Downloads that go on where they stopped, and the export command's refusals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_export, fetch_results, name_file
from scriptorium.cli.models import export
from scriptorium.errors import Conflict, InvalidRequest, StoreUnavailable
from tests.unit.services.merger.merger_models import (
    adapter_arrays,
    base_arrays,
    load_model,
    reference,
    write_base,
    write_checkpoint,
)

BODY = bytes(range(128)) * 200
NAMES = {"file-1": "report.html", "file-2": "merged-config.json", "file-3": "merged-model.safetensors",
         "file-4": "adapter-adapter_config.json", "file-5": "model-q8_0.gguf",
         "file-6": "model-q8_0.Modelfile"}  # fmt: skip
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
    files = fetch_export(client, JOB, "gguf-q8_0", tmp_path / "my.gguf", console)
    assert files == [tmp_path / "my.gguf", tmp_path / "my.Modelfile"]
    with pytest.raises(Conflict, match="has no gguf-f16") as caught:
        fetch_export(client, JOB, "gguf-f16", tmp_path / "other.gguf", console)
    assert "scriptorium export FOLDER --format gguf-f16" in (caught.value.next_step or "")


def test_a_modelfile_names_the_file_as_it_is_called_here(tmp_path: Path) -> None:
    (tmp_path / "my.Modelfile").write_text('FROM ./model-q8_0.gguf\nPARAMETER stop "<|im_end|>"\n')
    name_file(tmp_path / "my.Modelfile", "my.gguf")
    assert (tmp_path / "my.Modelfile").read_text() == 'FROM ./my.gguf\nPARAMETER stop "<|im_end|>"\n'


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
        export.export(str(tmp_path), "merged", tmp_path / "out")
    (tmp_path / "there.gguf").touch()
    with pytest.raises(Conflict, match="already exists"):
        export.export(str(tmp_path), "gguf-f16", tmp_path / "there.gguf")


def write_training(root: Path) -> Path:
    """Write a tiny base and a training with one checkpoint that names it; return the training's folder."""
    write_base(root / "base")
    write_checkpoint(root / "training", base_model_name_or_path=str(root / "base"))
    return root / "training"


def export_to(source: Path, export_format: export.Format, output: Path, strength: float | None = None) -> Path:
    export.export(str(source), export_format, output, strength)
    return output


def test_an_adapter_is_exported_at_a_strength(tmp_path: Path) -> None:
    training = write_training(tmp_path)
    [checkpoint] = (training / "checkpoints").iterdir()
    half, whole = (
        export_to(training, "adapter", tmp_path / "half", 0.5),
        export_to(checkpoint, "adapter", tmp_path / "a"),
    )
    alphas = [json.loads((folder / "adapter_config.json").read_text())["lora_alpha"] for folder in (half, whole)]
    assert alphas[0] == alphas[1] / 2
    weights = "adapter_model.safetensors"
    assert (half / weights).read_bytes() == (checkpoint / weights).read_bytes()
    with pytest.raises(Conflict, match="already exists"):
        export_to(training, "adapter", half, 0.5)


def test_a_model_is_merged_at_a_strength(tmp_path: Path) -> None:
    merged = load_model(export_to(write_training(tmp_path), "merged", tmp_path / "merged", 0.5))
    expected = reference(base_arrays(), adapter_arrays(), scale=3 * 0.5 / 2)
    assert {name: array.tobytes() for name, array in merged.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }


def test_only_a_checkpoint_of_a_training_is_merged(tmp_path: Path) -> None:
    training = write_training(tmp_path)
    adapter = export_to(training, "adapter", tmp_path / "voice", 0.5)
    with pytest.raises(InvalidRequest, match="is no checkpoint of a training"):
        export_to(adapter, "merged", tmp_path / "merged", 0.5)
    with pytest.raises(InvalidRequest, match="only an adapter has a strength"):
        export_to(tmp_path / "base", "gguf-f16", tmp_path / "x.gguf", 0.5)
