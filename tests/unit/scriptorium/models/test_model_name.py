"""The names of models: what they mean, and back again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.errors import InvalidRequest
from scriptorium.models.model_name import ModelName, parse_model_name

VOICE = "ft:org/base-8B:scriptorium:my novel:0123abcd"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("base", ModelName("base")),
        ("org/base@2", ModelName("org/base@2")),  # a base has no strength
        (VOICE, ModelName(VOICE)),
        (f"{VOICE}@0.7", ModelName(VOICE, strength=0.7)),
        (f"{VOICE}:ckpt-step-20", ModelName(VOICE, 20)),
        (f"{VOICE}:ckpt-step-20@1.5", ModelName(VOICE, 20, 1.5)),
        (f"{VOICE}@.70", ModelName(VOICE, strength=0.7)),
        ("ft:base:scriptorium:me@home:01", ModelName("ft:base:scriptorium:me@home:01")),
    ],
)
def test_a_name_says_what_is_wanted(text: str, name: ModelName) -> None:
    assert parse_model_name(text) == name
    assert name.job_id == (f"ftjob-{name.voice.rsplit(':', 1)[1]}" if text.startswith("ft:") else None)


@pytest.mark.parametrize("strength", ["0", "-1", "1.51", "nan", "inf", "strong", "", "1e400", "0.001"])
def test_a_strength_out_of_range_is_refused(strength: str) -> None:
    with pytest.raises(InvalidRequest, match="strength") as caught:
        parse_model_name(f"{VOICE}@{strength}")
    assert caught.value.param == "model"


@given(step=st.none() | st.integers(0, 10**8), hundredths=st.none() | st.integers(1, 150))
def test_a_name_is_written_as_it_is_read(step: int | None, hundredths: int | None) -> None:
    name = ModelName(VOICE, step, None if hundredths is None else hundredths / 100)
    assert parse_model_name(str(name)) == name
    assert name.variant == (step is not None or hundredths is not None)
