"""`python -m molnar` is `molnar`."""

from molnar.app.cli.main import main

if __name__ == "__main__":
    main()
