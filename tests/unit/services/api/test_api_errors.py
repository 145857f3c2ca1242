"""Errors on the API: always the same keys, every problem, and correct advice on retries."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from scriptorium.contracts import Hyperparameters
from scriptorium.errors import FileMissing, InvalidRequest, ScriptoriumError, Stopped, leaves
from services.api.errors import as_value_error, combine_errors, render, retry_headers


class ExampleRequest(BaseModel):
    """A request with a check of ours among pydantic's."""

    file: str
    count: int = Field(default=1, ge=1)
    hyperparameters: Hyperparameters | None = None

    @field_validator("file")
    @classmethod
    def check_file(cls, value: str) -> str:
        with as_value_error():
            if value == "none":
                raise FileMissing("There is no file.", param="file_id")
        return value


def gathered(body: dict[str, Any]) -> ScriptoriumError:
    with pytest.raises(ValidationError) as caught:
        ExampleRequest.model_validate(body)
    return combine_errors(caught.value.errors())


@pytest.mark.parametrize("kind", [leaf for leaf in leaves() if not issubclass(leaf, Stopped)])
def test_every_error_has_the_same_keys_and_never_asks_for_a_useless_repetition(kind: type[ScriptoriumError]) -> None:
    error = kind("x")
    response = render(error)
    assert response.status_code == kind.status
    assert all(key in bytes(response.body).decode() for key in ("message", "type", "param", "code", "next_step"))
    passes_by_itself = kind.status in (429, 503)
    assert ("Retry-After" in retry_headers(error)) is passes_by_itself
    if kind.status < 500:
        assert response.headers.get("x-should-retry") == (None if passes_by_itself else "false")


def test_a_problem_of_ours_that_is_alone_keeps_its_class_and_gets_the_fields_name() -> None:
    error = gathered({"file": "none"})
    assert isinstance(error, FileMissing)
    assert (error.message, error.param) == ("There is no file.", "file")
    assert error.next_step == FileMissing.default_next_step


def test_problems_of_both_kinds_are_reported_together() -> None:
    error = gathered({"file": "none", "count": 0})
    assert isinstance(error, InvalidRequest)
    assert [(problem.place, problem.message) for problem in error.problems] == [
        ("file", "There is no file."),
        ("count", "Input should be greater than or equal to 1"),
    ]


def test_the_arms_of_a_union_are_one_problem() -> None:
    error = gathered({"file": "x", "hyperparameters": {"n_epochs": 0, "learning_rate_multiplier": "fast"}})
    assert [problem.place for problem in error.problems] == [
        "hyperparameters.n_epochs",
        "hyperparameters.learning_rate_multiplier",
    ]
    assert "; or Input should be 'auto'" in error.problems[0].message
