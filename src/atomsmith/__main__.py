"""`python -m atomsmith`."""

from atomsmith.cli import main

main()
