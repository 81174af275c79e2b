"""The processes of one machine: nodes, the embedded Redis, the supervisor."""
