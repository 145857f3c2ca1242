"""Rules for texts that a person writes, whose refusals are sentences: what is allowed, and what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import AfterValidator, BaseModel

UNKNOWN_KEY = "extra_forbidden"  # pydantic's name for a key that a model does not have


def matching(pattern: str, meaning: str) -> AfterValidator:
    """Return a validator of texts that match a pattern as a whole; it refuses others with the meaning in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {meaning}")
        return text

    return AfterValidator(check)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a question such as "; did you mean num_epochs?" if a known name is close; otherwise ""."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]}?" if matches else ""


def explain_unknown_keys(entries: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> list[Mapping[str, Any]]:
    """Return pydantic's errors about a model; an unknown key gets the known one that is closest."""
    return [
        {**entry, "msg": f"there is no such key{suggest_key([str(part) for part in entry['loc']], model)}"}
        if entry["type"] == UNKNOWN_KEY
        else entry
        for entry in entries
    ]


def suggest_key(path: Sequence[str], model: type[BaseModel]) -> str:
    """Return a suggestion for the key at the end of a path, from its section; or from the other sections."""
    *sections, name = path
    section = find_section(sections, model)
    nearby = suggest(name, section.model_fields if section else ())
    if nearby:
        return nearby
    places = {key: f"{title}.{key}" for title, part in list_sections(model).items() for key in part.model_fields}
    return f"; did you mean {places[name]}?" if name in places else ""


def find_section(path: Sequence[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the section of a model at a path; None if there is no model."""
    for name in path:
        section = list_sections(model).get(name)
        if section is None:
            return None
        model = section
    return model


def list_sections(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the fields of a model that are models themselves."""
    annotations = {name: field.annotation for name, field in model.model_fields.items()}
    return {
        name: section for name, section in annotations.items()
        if isinstance(section, type) and issubclass(section, BaseModel)
    }  # fmt: skip
