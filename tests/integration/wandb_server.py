"""A stand-in for W&B's server: answers what its client asks when it begins, resumes, feeds and ends a run."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request, Response

ENTITY = "jane"


def refusing_server() -> FastAPI:
    """Make the application of a server that knows nobody's key."""
    app = FastAPI()
    app.api_route("/{path:path}", methods=["GET", "POST", "PUT"])(lambda path: Response(status_code=401))
    return app


class WandbServer:
    """Stores the rows of one run by step, and everything else that arrives."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.keys: set[str] = set()

    def app(self) -> FastAPI:
        """Make the server's application."""
        app = FastAPI()
        app.post("/graphql")(self.graphql)
        app.post("/files/{entity}/{project}/{run}/file_stream")(self.file_stream)
        app.put("/uploads/{name}")(self.upload)
        return app

    async def graphql(self, request: Request) -> dict[str, Any]:
        """Answer a query by its name."""
        self.bodies.append(await request.body())
        self.keys.add(request.headers["authorization"])
        body = await request.json()
        answers = {
            "Viewer": {"viewer": {"id": "u", "entity": ENTITY, "username": ENTITY, "teams": {"edges": []}}},
            "RunResumeStatus": {"model": {"id": "p", "bucket": self.bucket()} if self.rows else None},
            "UpsertBucket": {"upsertBucket": {"bucket": self.created(body), "inserted": not self.rows}},
            "CreateRunFiles": {"createRunFiles": self.uploads(body, str(request.base_url))},
        }
        return {"data": answers.get(body["operationName"], {})}

    async def file_stream(self, request: Request) -> dict[str, Any]:
        """Store the rows of the history."""
        self.bodies.append(await request.body())
        history = (await request.json()).get("files", {}).get("wandb-history.jsonl", {"content": []})
        self.rows += [json.loads(line) for line in history["content"]]
        return {"exitcode": None, "limits": {}}

    async def upload(self, name: str, request: Request) -> dict[str, Any]:
        """Store a file."""
        self.bodies.append(await request.body())
        return {}

    def created(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the run that was created or changed."""
        project = {"id": "p", "name": "novel", "entity": {"id": "e", "name": ENTITY}}
        name = body.get("variables", {}).get("name")
        return {"id": "b", "name": name, "displayName": name, "config": "{}", "project": project}

    def bucket(self) -> dict[str, Any]:
        """Return how far the run has got."""
        tail = json.dumps([json.dumps(self.rows[-1])])
        return {
            "id": "b", "name": "ftjob-1", "displayName": "Emma", "summaryMetrics": json.dumps(self.rows[-1]),
            "config": "{}", "tags": [], "notes": "", "wandbConfig": json.dumps({"t": 1}), "logLineCount": 0,
            "eventsLineCount": 0, "eventsTail": "[]", "historyLineCount": len(self.rows), "historyTail": tail,
        }  # fmt: skip

    def uploads(self, body: dict[str, Any], base_url: str) -> dict[str, Any]:
        """Return where the files of a run may be sent."""
        names = body.get("variables", {}).get("files", [])
        files = [{"name": name, "uploadUrl": f"{base_url}uploads/{name}"} for name in names]
        return {"runID": "b", "uploadHeaders": [], "files": files}
