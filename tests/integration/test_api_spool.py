"""An upload that is under way lies on the volume, without a name, and not in memory or in /tmp."""

from __future__ import annotations

import dataclasses
import http.client
import os
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from standins import Sent, serving

from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from services.api.application import create_app

SOON = timedelta(seconds=10)
MIB = 1 << 20
HEAD = (
    b'--limit\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
    b'--limit\r\nContent-Disposition: form-data; name="file"; filename="book.txt"\r\n\r\n'
)
TAIL = b"\r\n--limit--\r\n"


def begin_upload(url: str, sent_bytes: int, total_bytes: int) -> http.client.HTTPConnection:
    """Send a part of an upload; the connection stays open."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.putrequest("POST", "/v1/files")
    connection.putheader("Content-Type", "multipart/form-data; boundary=limit")
    connection.putheader("Content-Length", str(len(HEAD) + total_bytes + len(TAIL)))
    connection.endheaders()
    connection.send(HEAD + b"x" * sent_bytes)
    return connection


def open_files_below(folder: Path) -> list[tuple[str, int]]:
    """Return the name and size of the files of this process below a folder."""
    paths = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            if (target := str(link.readlink())).startswith(str(folder)):
                paths.append((target, link.stat().st_size))
        except FileNotFoundError:
            continue
    return paths


def spooled_bytes(folder: Path) -> int:
    return sum(size for name, size in open_files_below(folder) if name.endswith("(deleted)"))


def test_an_upload_under_way_is_a_nameless_file_on_the_volume(context: Context, url: str) -> None:
    uploads = context.volume.root / "uploads"
    with closing(begin_upload(url, 8 * MIB, 16 * MIB)) as connection:
        assert wait_until(lambda: spooled_bytes(uploads) > 7 * MIB, SOON), open_files_below(uploads)
        assert list(uploads.iterdir()) == []
        connection.send(b"x" * (8 * MIB) + TAIL)
        with connection.getresponse() as answer:
            assert answer.status == 200, answer.read()
    assert wait_until(lambda: spooled_bytes(uploads) == 0, SOON)


def test_an_upload_that_breaks_off_leaves_nothing(context: Context, url: str) -> None:
    uploads = context.volume.root / "uploads"
    with closing(begin_upload(url, 4 * MIB, 16 * MIB)):
        assert wait_until(lambda: spooled_bytes(uploads) > 3 * MIB, SOON)
    assert wait_until(lambda: spooled_bytes(uploads) == 0, SOON)
    assert list(context.volume.files.glob("*")) == []


def test_what_is_no_form_is_refused_as_before(http: httpx.Client) -> None:
    broken = http.post("/v1/files", content=b"xx", headers={"Content-Type": "multipart/form-data; boundary=limit"})
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "invalid_request")
    bare = http.post("/v1/files", content=b"xx", headers={"Content-Type": "multipart/form-data"})
    assert bare.status_code == 400
    other = http.post("/v1/files", json={"purpose": "fine-tune"})
    assert (other.status_code, other.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert "multipart/form-data" in other.json()["error"]["message"]


def multipart_body(content: bytes) -> bytes:
    """Return a form with a purpose and a file, as a client sends it."""
    head = b'--cut\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
    head += b'--cut\r\nContent-Disposition: form-data; name="file"; filename="book.txt"\r\n\r\n'
    return head + content + b"\r\n--cut--\r\n"


def test_a_volume_without_space_is_told(context: Context, sent: Sent) -> None:
    context.volume.root.mkdir(parents=True, exist_ok=True)
    line = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(context.volume.root)]
    if os.getuid() != 0 or subprocess.run(line, check=False).returncode:
        pytest.skip("this machine does not allow mounting")
    settings = context.settings.model_copy(update={"min_free_bytes": 0})  # else it is refused before it is read
    context = dataclasses.replace(context, settings=settings)
    try:
        with serving(create_app(context, reaping=False, count_waiting=sent.waiting)) as address:
            body = multipart_body(b"x" * 3 * MIB)
            headers = {"content-type": "multipart/form-data; boundary=cut"}  # in chunks: its length is not known before
            answer = httpx.post(f"{address}/v1/files", content=iter([body]), headers=headers, timeout=20)
    finally:
        subprocess.run(["umount", "--lazy", context.volume.root], check=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full")
