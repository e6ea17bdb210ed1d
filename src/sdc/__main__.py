"""`python -m sdc` is the same program as `sdc`."""

from sdc.cli.main import main

if __name__ == "__main__":
    main()
