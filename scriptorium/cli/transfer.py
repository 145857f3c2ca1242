"""Downloads that continue where they stopped, and are checked by their hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from scriptorium.artifacts import manifest
from scriptorium.errors import Conflict, ScriptoriumError, StoreUnavailable

Body = dict[str, Any]


class ApiError(ScriptoriumError):
    """An error that the API answered instead of a result."""

    def __init__(self, error: Body, status: int) -> None:
        super().__init__(error.get("message", "?"), param=error.get("param"), next_step=error.get("next_step"))
        self.code = error.get("code") or "internal_error"
        self.status = status


class FileTransfer:
    """Fetches the API's files over a connection of httpx."""

    url: str
    _http: httpx.Client

    def download(self, file_id: str, target: Path, on_progress: Callable[[int], None] = lambda count: None) -> None:
        """Download a file, continuing what an earlier call left in `<target>.part`, and check its hash.

        A lost connection is resumed as long as bytes arrive. Raises ApiError, StoreUnavailable and Conflict.
        """
        part = target.with_name(f"{target.name}.part")
        while True:
            before = part.stat().st_size if part.exists() else 0
            try:
                digest = self._fetch(f"/files/{file_id}/content", part, before, on_progress)
                break
            except httpx.TransportError as error:
                if not part.exists() or part.stat().st_size == before:
                    raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        if digest and manifest.hash_file(part) != digest:
            part.unlink()
            raise Conflict(f"{target.name} did not arrive intact.", next_step="Download it again.")
        part.rename(target)

    def has_arrived(self, file: Body, target: Path) -> bool:
        """Return whether a file is in `target` as a whole: another round of a job has other weights of equal size.

        Raises StoreUnavailable.
        """
        if not target.exists() or target.stat().st_size != file["bytes"]:
            return False
        try:
            digest = self._read_hash(f"/files/{file['id']}/content")
        except httpx.TransportError as error:
            raise StoreUnavailable(f"The API at {self.url} does not answer ({error}).") from error
        return digest == manifest.hash_file(target)

    def _read_hash(self, path: str) -> str:
        """Return a content's SHA-256, or "" if the API sends none."""
        return str(self._http.head(path).headers.get("etag", "")).strip('"')

    def _fetch(self, path: str, part: Path, offset: int, on_progress: Callable[[int], None]) -> str:
        """Append the missing bytes to `part`; return the content's SHA-256, or "" if the API sends none."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._http.stream("GET", path, headers=headers, timeout=60) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is missing
                return self._read_hash(path)
            if response.is_error:
                response.read()
                raise read_error(response)
            with part.open("ab" if response.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
                    on_progress(file.tell())
            return str(response.headers.get("etag", "")).strip('"')


def read_error(response: httpx.Response) -> ApiError:
    """Return the error that a response holds, or one with its status."""
    try:
        return ApiError(response.json()["error"], response.status_code)
    except (ValueError, KeyError, TypeError):
        return ApiError({"message": f"The API answered {response.status_code}."}, response.status_code)
