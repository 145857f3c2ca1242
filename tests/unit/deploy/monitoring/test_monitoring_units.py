import pytest

from deploy.monitoring.picture.units import format_value


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (None, "none", None, "-"),
        (2.345, "none", 2, "2.35"),
        (1.5, "none", None, "1.5"),
        (0.0042, "none", None, "0.0042"),
        (0.413, "percentunit", None, "41.3%"),
        (12.44, "percent", 1, "12.4%"),
        (222_000, "short", None, "222 K"),
        (63211, "locale", None, "63,211"),
        (2e-4, "sci", None, "2.00e-4"),
        (0, "sci", None, "0"),
        (16 * 2**30, "bytes", 1, "16.0 GiB"),
        (512, "bytes", None, "512 B"),
        (2.1e8, "Bps", None, "210 MB/s"),
        (0.045, "s", None, "45 ms"),
        (90, "s", 0, "1.5 mins"),
        (0, "s", 0, "0 s"),
        (860, "suffix: tok/s", 0, "860 tok/s"),
        (72, "celsius", 0, "72 °C"),
    ],
)
def test_a_number_is_written_in_its_unit(value: float | None, unit: str, decimals: int | None, text: str) -> None:
    assert format_value(value, unit, decimals) == text
