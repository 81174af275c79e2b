"""Accuracy: what every profile reads of pages whose text is known."""
