"""`python -m study` is `transfer-study`."""

from study.cli import main

main()
