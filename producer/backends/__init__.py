"""Job stores, the queue and object stores behind the ports of the contract."""
