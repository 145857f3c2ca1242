"""The machine-readable description is true: its types are those of what is rendered, and every error is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scriptorium.artifacts.uploads.parts import StoredPart
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Checkpoint, Event, EventType, Job, JobError, Level, StoredFile, Upload
from scriptorium.contracts.delivery import Announcement, Delivery, DeliveryAttempt
from scriptorium.errors import Conflict, FileMissing
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.recipe import Recipe, Training
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.application import create_app
from services.api.deliveries.routes import render_delivery
from services.api.errors import render
from services.api.files.openai_file import render_file, render_part, render_upload
from services.api.fine_tuning.openai_job import render_checkpoint, render_event, render_job
from services.api.inference.models import describe
from services.api.inference.voices import KnownModel
from services.api.openapi.operations import OPERATIONS
from services.api.openapi.wire_objects import (
    CheckpointAnswer,
    DeliveryAnswer,
    ErrorAnswer,
    EventAnswer,
    FileAnswer,
    JobAnswer,
    ModelAnswer,
    PageOf,
    PartAnswer,
    UploadAnswer,
)
from services.api.pagination import render_page

FILE = StoredFile(id="file-1", bytes=1, created_at=1, filename="a", purpose="fine-tune", sha256="00", expires_at=5)
UPLOAD = Upload(id="upload_1", bytes=1, created_at=1, expires_at=2, filename="a", purpose="fine-tune")
JOB = Job(
    id="ftjob-1", created_at=1, model="tiny", training_file="file-1", suffix="Émile", recipe=Recipe(name="r"),
    hyperparameters={"n_epochs": 2}, attempts={"train": 1}, status="succeeded", metadata={"a": "b"},
    error=JobError(code="x", message="y"), integrations=[{"type": "wandb", "wandb": {"project": "p"}}],
)  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("data")
    store, volume = open_store("unix:///nonexistent"), Volume(folder)
    return create_app(Context(Settings(data_dir=folder), store, volume, Pipeline(store, volume))).openapi()


def calls(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": call
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    }


def test_what_is_rendered_has_the_described_type(tmp_path: Path) -> None:
    JobAnswer.model_validate(render_job(JOB, {"step": 3.0}, 2))
    plan = JOB.model_copy(update={"recipe": Recipe(name="r", training=Training(num_epochs="auto"))})
    JobAnswer.model_validate(render_job(plan, {}, None))
    FileAnswer.model_validate(render_file(FILE))
    UploadAnswer.model_validate(render_upload(UPLOAD, FILE))
    PartAnswer.model_validate(render_part(StoredPart(tmp_path / "part_1"), "upload_1"))
    CheckpointAnswer.model_validate(render_checkpoint(JOB, Checkpoint(step=5, created_at=1, dev_loss=2.0)))
    for kind in EventType:
        event = Event(id="ftevent-1", created_at=1, level=Level.INFO, message="x", type=kind, data={"step": 1})
        EventAnswer.model_validate(render_event(event))
    ModelAnswer.model_validate(describe(KnownModel("tiny", "tiny", 1), None, ""))
    announcement = Announcement(id="evt_1", type="fine_tuning.job.failed", created_at=1, job_id="ftjob-1")
    names = {"receiver_key": "0", "receiver": "https://a.b"}
    sent = Delivery(id="dlv_1", channel="webhook", announcement=announcement, created_at=1, **names)
    attempts = [DeliveryAttempt(created_at=1, status_code=500, problem="x")]
    DeliveryAnswer.model_validate(render_delivery(sent.model_copy(update={"attempts": attempts})))
    mixed = [render_job(JOB.model_copy(update={"tags": ["a"], "cloned_from": "ftjob-0"}), {}, None), render_file(FILE)]
    PageOf[JobAnswer | FileAnswer].model_validate(render_page(mixed, has_more=True))
    PageOf[FileAnswer].model_validate(render_page([render_file(FILE)], has_more=False))
    ErrorAnswer.model_validate_json(bytes(render(Conflict("x")).body))


def test_every_call_has_a_typed_answer_and_its_errors(schema: dict[str, Any]) -> None:
    described = calls(schema)
    assert set(OPERATIONS) == set(described)
    for name, operation in OPERATIONS.items():
        responses = described[name]["responses"]
        assert responses.keys().isdisjoint({"422", "default"})
        assert {"500", "503", *(str(error.status) for error in operation.errors)} <= set(responses)
        content = responses[str(operation.status)].get("content", {})
        assert set(content) == set(operation.media)
        assert ("application/json" in content) == bool(operation.answer)
        if operation.answer:
            assert "$ref" in content["application/json"]["schema"]
    deletion = described["DELETE /v1/files/{file_id}"]["responses"]
    assert deletion["404"]["description"] == f"`file_not_found`: {FileMissing.__doc__}"
    creation = described["POST /v1/fine_tuning/jobs"]["responses"]
    assert {"400", "404", "409", "413", "415", "507"} <= set(creation)


def test_every_call_with_a_scope_says_how_a_key_is_refused(schema: dict[str, Any]) -> None:
    described = calls(schema)
    assert schema["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    assert {"401", "403"}.isdisjoint(described["GET /healthz"]["responses"])
    for name in OPERATIONS.keys() - {"GET /healthz"}:
        assert "`invalid_api_key`" in described[name]["responses"]["401"]["description"]
        assert "`insufficient_scope`" in described[name]["responses"]["403"]["description"]


def test_nothing_that_is_sent_outside_of_json_may_be_null(schema: dict[str, Any]) -> None:
    for name, call in calls(schema).items():
        for parameter in call.get("parameters", []):
            assert "null" not in str(parameter["schema"]), name
        for media, content in call.get("requestBody", {}).get("content", {}).items():
            if media != "application/json":
                form = schema["components"]["schemas"][content["schema"]["$ref"].split("/")[-1]]
                assert "null" not in str(form), name


def test_the_fields_of_one_object_in_a_form_come_together(schema: dict[str, Any]) -> None:
    content = calls(schema)["POST /v1/files"]["requestBody"]["content"]["multipart/form-data"]
    form = schema["components"]["schemas"][content["schema"]["$ref"].split("/")[-1]]
    anchor, seconds = "expires_after[anchor]", "expires_after[seconds]"
    assert form["dependentRequired"] == {anchor: [seconds], seconds: [anchor]}
    assert form["properties"][seconds]["maximum"] == 30 * 24 * 3600


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.example])
def test_an_example_is_of_its_type(schema: dict[str, Any], name: str) -> None:
    content = calls(schema)[name]["requestBody"]["content"]["application/json"]
    validator = jsonschema.Draft202012Validator({**content["schema"], "components": schema["components"]})
    assert [error.message for error in validator.iter_errors(content["example"])] == []


def test_every_body_in_json_has_an_example(schema: dict[str, Any]) -> None:
    bodies = {name: call["requestBody"]["content"] for name, call in calls(schema).items() if "requestBody" in call}
    assert {name for name, content in bodies.items() if "application/json" in content} == {
        name for name, operation in OPERATIONS.items() if operation.example
    }


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*map(references, node.values()))
        return set().union(*map(references, node)) if isinstance(node, list) else set()

    known = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    assert references(schema) <= known
    assert "#/components/schemas/HTTPValidationError" not in known


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"model": "a", "training_file": "b"}, True),
        ({"model": "a", "training_file": "b", "recipe": "lora", "suffix": "é f", "seed": 1}, True),
        ({"model": "a", "training_file": "b", "recipe": {"name": "mine"}, "metadata": {"a": "b"}}, True),
        ({"model": "a", "training_file": "b", "hyperparameters": {"n_epochs": "auto"}}, True),
        ({"model": "a"}, False),
        ({"model": "a", "training_file": "b", "hyperparameters": {"n_epochs": 0}}, False),
        ({"model": "a", "training_file": "b", "typo": 1}, False),
        ({"model": "a", "training_file": "b", "suffix": "  "}, False),
        ({"model": "a", "training_file": "b", "suffix": "two\nlines"}, False),
        ({"model": "no/such/name", "training_file": "b"}, False),
    ],
)
def test_the_body_of_a_job_is_described_as_it_is_taken(
    schema: dict[str, Any], body: dict[str, Any], valid: bool
) -> None:
    reference = calls(schema)["POST /v1/fine_tuning/jobs"]["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator({**reference, "components": schema["components"]})
    assert validator.is_valid(body) is valid


@pytest.mark.parametrize(
    ("call", "body", "valid"),
    [
        ("POST /v1/x/jobs/{job_id}/clone", {}, True),
        ("POST /v1/x/jobs/{job_id}/clone", {"seed": 1, "overrides": {"training": {"lora_r": 8}}}, True),
        ("POST /v1/x/jobs/{job_id}/clone", {"tags": ["a"]}, False),
        ("PUT /v1/x/jobs/{job_id}/tags", {"tags": ["a"]}, True),
        ("PUT /v1/x/jobs/{job_id}/tags", {}, False),
        ("POST /v1/x/jobs/{job_id}/tags", {}, True),
        ("POST /v1/x/jobs/{job_id}/tags", {"add": ["x" * 65]}, False),
    ],
)
def test_the_body_of_an_extension_is_described_as_it_is_taken(
    schema: dict[str, Any], call: str, body: dict[str, Any], valid: bool
) -> None:
    described = calls(schema)[call]
    reference = described["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator({**reference, "components": schema["components"]})
    assert validator.is_valid(body) is valid
    assert {"400", "404"} <= set(described["responses"])
