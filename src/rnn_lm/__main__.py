"""``python -m rnn_lm``: the command line, for launchers such as torchrun that start a module."""

import sys

from rnn_lm.cli import main

if __name__ == "__main__":
    sys.exit(main())
