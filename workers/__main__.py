"""`python -m workers`: the `ocrfleet` command."""

from workers.cli import main

main()
