"""Real servers for tests, on free ports of this machine, gone with the process that started them."""
