"""What the queue costs: of Redis, of time at submission and claim, of time per page beyond the engine's own."""
