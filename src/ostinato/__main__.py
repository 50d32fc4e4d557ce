"""`python -m ostinato` is `ostinato`."""

from ostinato.cli import main

main()
