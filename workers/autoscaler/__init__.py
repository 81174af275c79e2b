"""How many workers a kind of device should have: the policy, what it sees, and who acts on it."""
