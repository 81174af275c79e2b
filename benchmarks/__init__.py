"""Measurements: parity with the reference, accuracy against ground truth, and memory over many pages."""
