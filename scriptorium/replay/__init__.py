"""Plain requests whose answers by the base itself are replayed in training, and the judge of those answers."""
