"""Flags that a person may add to vLLM's, and those that are refused."""

from __future__ import annotations

import pytest

from scriptorium.errors import InvalidRequest
from services.server.engine_flags import ALLOWED, make_arguments, read_flags


def test_both_ways_to_write_them() -> None:
    flags = read_flags(
        ["dtype=bfloat16", "max_num_seqs=8", "enforce-eager"],
        ["--seed", "1", "--enable-prefix-caching=false", "--async-scheduling"],
    )
    assert make_arguments(flags) == [
        "--dtype", "bfloat16", "--max-num-seqs", "8", "--enforce-eager", "--seed", "1", "--no-enable-prefix-caching",
        "--async-scheduling",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "flag",
    ["trust-remote-code", "chat-template=/etc/passwd", "logits-processors=os.system", "download-dir=/", "model=/other",
     "hf-overrides={}", "reasoning-parser-plugin=x.py", "tokenizer=/x", "api-key=x", "host=0.0.0.0", "config=x.yaml",
     "ssl-keyfile=x", "middleware=x", "worker-cls=x", "allowed-local-media-path=/", "load-format=pt", ""],
)  # fmt: skip
def test_what_runs_code_or_opens_files_is_refused(flag: str) -> None:
    with pytest.raises(InvalidRequest, match="may not be added") as caught:
        read_flags([flag])
    assert "max-num-seqs" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    "flag", ["dtype=/x", "seed", "seed=-1", "seed=1 --trust-remote-code", "generation-config=/x", "enforce-eager=maybe",
             "tool-call-parser=../x.py", "kv-cache-dtype="]
)  # fmt: skip
def test_a_value_must_fit(flag: str) -> None:
    with pytest.raises(InvalidRequest, match="does not fit"):
        read_flags([flag])


def test_every_problem_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_flags(["dtype=x"], ["--chat-template", "file", "--seed", "1", "--trust-remote-code", "loose"])
    assert [problem.place for problem in caught.value.problems] == ["dtype", "chat-template", "trust-remote-code"]


def test_none_names_a_place_or_a_program() -> None:
    for name in ALLOWED:
        assert not {"path", "dir", "file", "template", "plugin", "url", "host", "code"} & set(name.split("-")), name
