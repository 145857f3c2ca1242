"""How a running job reports: the reporter of a real job, and its outbox for while the store is away."""
