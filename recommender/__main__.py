"""``python -m recommender`` is the command line."""

from recommender.cli import main

main()
