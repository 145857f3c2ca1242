"""A client for `scriptorium run` that records what is sent to it."""

from __future__ import annotations

import zipfile
from typing import Any, BinaryIO

from scriptorium.errors import BaseModelUnusable


class UploadClient:
    """A client that records the uploaded names and the job."""

    url = "http://api.test"

    def __init__(self) -> None:
        self.names: list[str] = []
        self.body: dict[str, Any] = {}

    def upload(self, file: BinaryIO, name: str) -> dict[str, Any]:
        if name.endswith(".zip"):
            self.names += zipfile.ZipFile(file).namelist()
        return {"id": f"file-{name}"}

    def estimate(self, body: dict[str, Any]) -> dict[str, Any]:
        raise BaseModelUnusable("not here")

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        self.body = body
        return {"id": "ftjob-1"}
