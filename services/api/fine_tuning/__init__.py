"""/v1/fine_tuning: jobs, their events, checkpoints and decisions, in the shapes of OpenAI's API."""
