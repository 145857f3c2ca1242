"""Generation of passages: the plan, the client of the engines, and the samples on disk."""
