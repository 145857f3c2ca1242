"""`python -m scriptorium` is the `scriptorium` command where it is not installed, as in the containers."""

from scriptorium.cli.main import main

if __name__ == "__main__":
    main()
