"""`python -m ocr_engine -i FILE`."""

from ocr_engine.cli import main

main()
