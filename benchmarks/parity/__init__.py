"""Parity: PaddleOCR itself and ours, on the same pages with the same weights, line by line."""
