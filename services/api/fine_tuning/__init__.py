"""/v1/fine_tuning: jobs, their events and decisions, in OpenAI's shapes."""
