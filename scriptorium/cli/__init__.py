"""The `scriptorium` command: an HTTP client, plus each phase runnable by hand."""
