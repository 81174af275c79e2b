"""The model zoo: which weights exist and how to load them."""
