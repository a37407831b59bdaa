"""``python -m podwalk.serve``: the program, loaded without the garbage collector.

What is imported stays. A collector that looks through all of it again and again takes a tenth of a cluster's start.
"""

import gc


def main() -> None:
    """Load the program, and run it."""
    gc.disable()
    from podwalk.serve.program import main as serve

    gc.freeze()
    gc.enable()
    serve()


if __name__ == "__main__":
    main()
