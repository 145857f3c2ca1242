"""The pages in a real browser: `python -m tests.pages`, or `make test-pages`."""
