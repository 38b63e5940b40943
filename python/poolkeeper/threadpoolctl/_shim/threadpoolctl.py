"""``import threadpoolctl`` where this folder comes first in ``sys.path``."""

from poolkeeper.threadpoolctl import _main, install

install()

if __name__ == "__main__":  # python -m threadpoolctl
    _main()
