"""Speed: our engine and its peers on the same pages, round by round, with accuracy and memory beside it."""
