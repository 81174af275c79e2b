"""Fixtures for every ring of tests: the real servers."""

pytest_plugins = ["tests.servers.fixtures"]
