"""Faults on purpose: what breaks servers, connections, workers and clocks, and what proves that nothing got lost."""
