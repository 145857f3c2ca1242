import pytest

from scriptorium.text.shares import format_share


@pytest.mark.parametrize(
    ("share", "text"), [(0.0004, "less than 0.1 %"), (0.005, "0.5 %"), (0.02, "2 %"), (0.3, "30 %"), (0, "0 %")]
)
def test_shares_in_percent(share: float, text: str) -> None:
    assert format_share(share) == text
