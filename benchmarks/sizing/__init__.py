"""What jobs and pages cost Redis and the object store: calls, bytes, memory, processor time."""
