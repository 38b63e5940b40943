"""``python -m poolkeeper.threadpoolctl``."""

import sys

from ._command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
