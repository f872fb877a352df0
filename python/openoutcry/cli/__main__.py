"""`python -m openoutcry.cli`: the command line of this very interpreter."""

from openoutcry.cli import main

if __name__ == "__main__":
    main()
