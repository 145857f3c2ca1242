"""YAML that somebody wrote, parsed into plain values, and whatever may be wrong with it as one error."""

from __future__ import annotations

from typing import Any

import yaml

YAML_DAMAGE = (
    yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError,
)  # fmt: skip  # PyYAML trusts a tag, a date or a number to be what it looks like


class BrokenYaml(ValueError):
    """A text that is not YAML, or has a value that is not of its kind; the caller knows whose it is."""


def parse_yaml(text: str) -> Any:
    """Return the values of a text; raises BrokenYaml with the reason."""
    try:
        return yaml.safe_load(text)
    except RecursionError:
        raise BrokenYaml("it is nested too deeply") from None
    except YAML_DAMAGE as error:
        raise BrokenYaml(str(error) or f"a value is not of its kind ({type(error).__name__})") from None
