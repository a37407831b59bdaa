"""``python -m podwalk``."""

from podwalk.cli import main

if __name__ == "__main__":
    main()
