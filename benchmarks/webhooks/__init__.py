"""How fast an io worker delivers a backlog of webhooks."""
