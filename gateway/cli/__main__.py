"""`python -m gateway.cli`, where the console script is not at hand."""

from gateway.cli import main

main()
