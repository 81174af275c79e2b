"""What both sides of the queue share: states, records, keys, codes. Standard library and pydantic only."""
