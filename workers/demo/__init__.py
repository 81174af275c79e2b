"""The demo: sample documents through the whole system, as a customer would send them."""
