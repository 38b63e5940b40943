"""``import threadpoolctl`` where this folder comes first in ``sys.path``."""

from poolkeeper.threadpoolctl import install

install()
