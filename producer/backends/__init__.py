"""The outside world behind the ports: Redis, Celery, object stores; one third-party system a file."""
