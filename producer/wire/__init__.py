"""The HTTP client without its input and output: what to send, what an answer means, when to try again."""
