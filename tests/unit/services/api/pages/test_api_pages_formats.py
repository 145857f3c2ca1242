import pytest

from services.api.pages.formats import format_duration, format_iso, format_moment, format_size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 second"), (1, "1 second"), (59.6, "60 seconds"), (89, "89 seconds"), (91, "2 minutes"),
        (5_399, "90 minutes"), (5_401, "1.5 hours"), (86_400, "24.0 hours"),
    ],
)  # fmt: skip
def test_a_duration_has_the_unit_that_says_enough(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 KB"), (32 * 10**9, "32.0 GB")]
)
def test_a_size(size: int, text: str) -> None:
    assert format_size(size) == text


def test_a_moment_is_in_utc() -> None:
    assert format_moment(1_700_000_000) == "14 Nov 2023, 22:13 UTC"
    assert format_iso(1_700_000_000) == "2023-11-14T22:13:20+00:00"
