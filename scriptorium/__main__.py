"""The `scriptorium` command as `python -m scriptorium`, for containers, where the command is not installed."""

from scriptorium.cli.main import main

if __name__ == "__main__":
    main()
