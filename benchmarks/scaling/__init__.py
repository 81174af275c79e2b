"""What a second process on a second core adds: to the engine alone, to one-page jobs, and to one long PDF."""
