"""Bad input for every parser that a stranger can reach: `make fuzz`, or `python -m tests.fuzz`."""
