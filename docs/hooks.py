"""Docstrings name other objects by roles (``:func:`limit```), which Markdown doesn't know."""

import re
from typing import Any

ROLE = re.compile(r":(?:func|meth|class):(?=<code>)")


def on_page_content(html: str, **_: Any) -> str:
    """Take the roles out of a page, and leave the names."""
    return ROLE.sub("", html)
