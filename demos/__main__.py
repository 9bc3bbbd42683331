"""python -m demos [NAME [options]]: see demos/command_line.py."""

import os
import signal
import sys


def start() -> int:
    """Make streams and signals what the rest relies on, then run the command line -> exit status."""
    # What was closed (2>&-) is opened: else the first file opened takes the number, and gets what is meant for stderr.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    # Until a demo runs, Ctrl-C may end the process on the spot: imports leave nothing to be saved or told.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # it is ignored in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from demos.command_line import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(start())
