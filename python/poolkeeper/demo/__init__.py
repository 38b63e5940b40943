"""``poolkeeper demo``: watch two nested limits work on a real k-means.

One photograph, scikit-learn's k-means and poolkeeper's, each run twice: with no
limit, then inside ``poolkeeper.limit(openmp=N)`` and ``poolkeeper.limit(blas=M)``.
The threads in the table are counted by the operating system, not by the libraries.

Where to look:

- ``command.py``: arguments, and the order of what happens;
- ``libraries.py``: the imports whose native pools are shown;
- ``photo.py``: pixels in, picture out;
- ``contestants.py``: the k-means implementations that are run;
- ``runs.py``: run them under each setting, measured;
- ``os_threads.py``, ``meter.py``: what the operating system says of threads;
- ``report.py``, ``progress.py``: what is printed on stdout, and on stderr.

Importing this package imports neither numpy nor scikit-learn.
"""

from .command import main

__all__ = ["main"]
