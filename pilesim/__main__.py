"""`python -m pilesim` is `pilesim`."""

from pilesim.cli.main import main

main()
