"""What only a machine with a card can tell: a check of every phase on it, with its numbers beside the plan's."""
