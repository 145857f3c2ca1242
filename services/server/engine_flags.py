"""Flags of vLLM's that a person may add by hand: those that change how it computes, never what it reads or runs.

A flag that names a file, an address, code or a plugin is none of them: `trust-remote-code`, `chat-template`,
`logits-processors`, `download-dir`, `hf-overrides`, ... Each value is checked against a pattern, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scriptorium.errors import InvalidRequest, Problem

NUMBER, DECIMAL, WORD, SWITCH = r"\d+", r"\d+(\.\d+)?", r"[A-Za-z0-9_]+", r"true|false"
ALLOWED = {
    "attention-backend": WORD,
    "async-scheduling": SWITCH,
    "block-size": NUMBER,
    "cpu-offload-gb": DECIMAL,
    "disable-sliding-window": SWITCH,
    "dtype": r"auto|bfloat16|float16|float32|half|float",
    "enable-auto-tool-choice": SWITCH,
    "enable-chunked-prefill": SWITCH,
    "enable-prefix-caching": SWITCH,
    "enforce-eager": SWITCH,
    "generation-config": r"auto|vllm",  # anything else would be a folder
    "kv-cache-dtype": WORD,
    "max-logprobs": NUMBER,
    "max-num-batched-tokens": NUMBER,
    "max-num-seqs": NUMBER,
    "quantization": r"fp8|bitsandbytes",
    "seed": NUMBER,
    "tensor-parallel-size": NUMBER,
    "tool-call-parser": WORD,
}
NEXT_STEP = f"Flags that may be added: {', '.join(ALLOWED)}."


def read_flags(assignments: Sequence[str], words: Sequence[str] = ()) -> dict[str, str]:
    """Return flags by name, from `name=value` and from words as vLLM takes them: `--name value`, `--name=value`.

    A switch without a value is on. Raises InvalidRequest with every flag that is not allowed.
    """
    flags, problems = {}, []
    for name, value in [*map(split, assignments), *read_words(words)]:
        pattern = ALLOWED.get(name)
        chosen = "true" if value is None and pattern == SWITCH else value
        if pattern is None:
            problems.append(Problem(name, "may not be added by hand"))
        elif chosen is None or not re.fullmatch(pattern, chosen):
            problems.append(Problem(name, f"{value or 'no value'} does not fit: {pattern}"))
        else:
            flags[name] = chosen
    if problems:
        raise InvalidRequest(f"{len(problems)} flag(s) are refused.", problems=problems, next_step=NEXT_STEP)
    return flags


def make_arguments(flags: dict[str, str]) -> list[str]:
    """Return the words of vLLM's command line; a switch that is off has a name of its own."""
    words: list[str] = []
    for name, value in flags.items():
        if ALLOWED[name] == SWITCH:
            words.append(f"--{name}" if value == "true" else f"--no-{name}")
        else:
            words += [f"--{name}", value]
    return words


def split(word: str) -> tuple[str, str | None]:
    """Split one flag into its name, as vLLM spells it, and its value."""
    name, equals, value = word.partition("=")
    return name.strip().lstrip("-").replace("_", "-"), value.strip() if equals else None


def read_words(words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield the flags of a command line; the word after a flag is its value unless it is a flag itself."""
    rest = list(words)
    while rest:
        name, value = split(rest.pop(0))
        if value is None and rest and not rest[0].startswith("-"):
            value = rest.pop(0)
        yield name, value
