"""The containers, tested for real: `make test-compose`, which is `python -m tests.compose`."""
