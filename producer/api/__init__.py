"""The HTTP API: the Producer's use cases as routes."""
