"""Raw requests to the live API: of every route, with changed paths, queries, headers and bodies, over the loopback.

What `make conformance` asks with schemathesis is well-formed HTTP; this is not. Ids of what is there stand in the seeds
as placeholders of their length, so that the same input is sent in every process.
"""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

from scriptorium.artifacts.file_store import FileStore
from scriptorium.errors import InternalError, leaves
from services.api.access.route_scopes import SCOPES
from services.api.openapi.operations import OPERATIONS
from tests.conformance.api import live_api
from tests.conformance.schema import make_examples_true
from tests.fuzz.mutations import NUMBERS, change_bytes, change_text
from tests.fuzz.seeds import manuscripts
from tests.integration.standins import TUNED

PLACEHOLDER = b"file-" + b"F" * 26  # of the id of an uploaded file, as long as one
BOUNDARY = "fuzz"
ANSWER_SECONDS = 10.0  # until the first byte of an answer to a request that is complete
PART_SECONDS = 0.03  # for one that may not be: the server waits for the rest
JOBS = ("ftjob-7", "ftjob-0123", "ftjob-none")
PATHS = [b"/", b"//", b"/../", b"%2e%2e/", b"%00", b"%ff", b"%0d%0a", b"\xc3\xa9", b"*", b"?", b"#", b"%", b"a" * 5000]
QUERIES = [b"limit=1", b"after=x", b"limit=", b"order=asc", b"stream=true", b"q=a", b"jobs=ftjob-7", b"a=1&a=2",
b"metadata[k]=v",
           b"%00=1", b"sort=%ff", b"before=0", b"q=%E2%80%AE", b"limit=1e9", b"a", b"&&", b"tag=x",
           b"step=1"]  # fmt: skip
HEADERS = [
    b"Content-Type: text/plain", b"Content-Type: application/json; charset=utf-16",
    b"Content-Type: multipart/form-data",
    b"Content-Type: multipart/form-data; boundary=", b"Transfer-Encoding: chunked", b"Expect: 100-continue",
    b"Range: bytes=9-1",
    b"Range: bytes=0-,1-", b"Accept: text/html", b"Accept: \xff", b"Authorization: Bearer \xff",
    b"Authorization: Basic x",
    b"Cookie: session=\xe9; a", b"Last-Event-ID: -1", b"Last-Event-ID: x", b"If-None-Match: *",
    b"Origin: http://evil", b"Host: evil",
    b"X-Scriptorium-Wait: 1e999", b"X-Scriptorium-Wait: -1", b"Idempotency-Key: " + b"k" * 300, b"X-Forwarded-For: a",
    b"A: " + b"b" * 9000,
    b"Content-Encoding: gzip", b"Accept-Language: \xe9", b"Upgrade: websocket", b"Content-Length: -1",
    b"X-Request-ID: a\x00",
    b"OpenAI-Organization: x", b"Idempotency-Key: \xe9", b"User-Agent: ", b": x", b"X",
]  # fmt: skip
METHODS = [b"GET", b"POST", b"PUT", b"PATCH", b"HEAD", b"OPTIONS", b"TRACE", b"get", b"\xff", b""]


class RequestTarget(NamedTuple):
    """Every request to the API, drawn as often as a few parsers together."""

    weight: int

    def seeds(self) -> Sequence[bytes]:
        """Return a good request for every route."""
        return list_requests()

    def mutate(self, random: Random, raw: bytes) -> bytes:
        """Return a bad one."""
        return change_request(random, raw)


REQUESTS = RequestTarget(15)


@dataclass
class LiveApi:
    """Where the API of this process listens, and the id that stands for the placeholder."""

    address: tuple[str, int] | None = None
    file_id: bytes = PLACEHOLDER
    codes: dict[str, int] = field(default_factory=dict)  # of errors that are ours, with their status


API = LiveApi()


@contextmanager
def serve(*, is_needed: bool) -> Iterator[None]:
    """Run the API with a job that was evaluated, a model that answers and an uploaded book, if it is needed."""
    if not is_needed:
        yield
        return
    with live_api() as (url, context):
        make_examples_true(context)
        files = FileStore(context.volume.files)
        book = files.add(io.BytesIO(b"It rained. " * 99), "book.txt", "fine-tune")
        place = urlsplit(url)
        API.address, API.file_id = (str(place.hostname), int(place.port or 0)), book.id.encode()
        API.codes = {error.code: error.status for error in leaves() if error is not InternalError}
        yield


@cache
def list_requests() -> list[bytes]:
    """Return a good request for every route, and uploads of every type of file."""
    requests = [write_request(call) for call in SCOPES]
    uploads = [write_form(f"book{suffix}", manuscripts()[suffix][0][:4000]) for suffix in manuscripts()]
    return [*requests, *(write_head("POST", "/v1/files", body, FORM) + body for body in uploads)]


FORM = f"multipart/form-data; boundary={BOUNDARY}"


def write_request(call: str) -> bytes:
    """Return a request to a route, with the example of its body."""
    method, _, path = call.partition(" ")
    if method != "DELETE" and not path.endswith(
        "/delete"
    ):  # of what is there: every request after it would find nothing
        path = path.replace("{job_id}", "ftjob-7").replace("{file_id}", PLACEHOLDER.decode()).replace("{model}", TUNED)
    path = re.sub(r"\{\w+(?::\w+)?\}", "1", path)
    if call == "POST /v1/files" or path.endswith("/parts"):
        body = write_form("book.txt", b"It rained.")
        return write_head(method, path, body, FORM) + body
    operation = OPERATIONS.get(call)
    example = operation.example if operation else None
    if example is None:
        body = b"" if method in ("GET", "DELETE") else b"reader=Ann&passage=1&closer=A&better=B&name=x"
        return write_head(method, path, body, "application/x-www-form-urlencoded") + body
    known = {"training_file": PLACEHOLDER.decode()} if "training_file" in example else {}
    body = json.dumps({**example, **known}).encode()
    return write_head(method, path, body, "application/json") + body


def write_head(method: str, path: str, body: bytes, kind: str) -> bytes:
    """Return the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


def write_form(filename: str, content: bytes) -> bytes:
    """Return an upload's form."""
    purpose = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
    disposition = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
    return f"{purpose}--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def change_request(random: Random, raw: bytes) -> bytes:
    """Change a request's path, query, headers or body, mostly with its length put right, or any of its bytes."""
    if random.random() < 0.1:
        return change_bytes(random, raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    method, path, version = lines[0].split(b" ")
    match random.randrange(8):
        case 0:
            pieces = path.split(b"/")
            place = random.randrange(len(pieces))
            pieces[place] = random.choice((*PATHS, *NUMBERS, *(job.encode() for job in JOBS), PLACEHOLDER))
            path = b"/".join(pieces)
        case 1:
            values = [random.choice(QUERIES) for _ in range(random.choice((1, 2, 3)))]
            path += b"?" + b"&".join(value + random.choice((b"", b"", *NUMBERS)) for value in values)
        case 2:
            lines.insert(random.randrange(1, len(lines)), random.choice(HEADERS))
        case 3:
            method = random.choice(METHODS)
        case _:
            is_json = b"application/json" in head
            body = change_text("json" if is_json else "text")(random, body)
    if random.random() < 0.95:
        lines = [
            line if not line.startswith(b"Content-Length") else b"Content-Length: %d" % len(body) for line in lines
        ]
    return b"\r\n".join([b" ".join([method, path, version]), *lines[1:], b"", body])


def send(raw: bytes) -> str:
    """Send a request; return what is wrong with the answer, "" if nothing is."""
    assert API.address, "the API is not running"
    data = raw.replace(PLACEHOLDER, API.file_id)
    with socket.create_connection(API.address, timeout=ANSWER_SECONDS) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(ANSWER_SECONDS if is_complete(data) else PART_SECONDS)
            start = connection.recv(1 << 16)
        except TimeoutError:
            return f"no answer to {name_route(raw)}" if is_complete(data) else ""
        except OSError:
            return ""  # refused before it was read
        connection.settimeout(PART_SECONDS)
        if not re.match(rb"HTTP/1\.[01] 5\d\d", start):
            return ""
        try:
            while more := connection.recv(1 << 16):
                start += more
        except OSError:
            pass
    return judge_answer(start, raw)


def is_complete(data: bytes) -> bool:
    """Return whether a server has no reason to wait for more of a request."""
    head, gap, body = data.partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^content-length: *(\d{1,9})\r?$", head)
    odd = re.search(rb"(?im)^(?:transfer-encoding|expect|upgrade|content-length: *-|[^ \r\n]*\n)", head)
    return bool(gap) and not odd and lengths == [str(len(body)).encode()] and b"\r\nConnection: close" in head


def judge_answer(answer: bytes, raw: bytes) -> str:
    """Return what is wrong with an answer of 5xx: it must be an error of ours that says so, with its own status."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head[9:12])
    code = re.search(rb'"code": ?"(\w+)"', body)
    if (code and API.codes.get(code[1].decode()) == status) or (status == 503 and raw.startswith(b"GET /healthz")):
        return ""
    return f"{status} from {name_route(raw)}"


def name_route(raw: bytes) -> str:
    """Return the method and the path of a request, without ids."""
    return re.sub(r"\d+|F{5,}", "N", raw.split(b"?")[0].split(b" HTTP")[0][:80].decode("latin-1"))
