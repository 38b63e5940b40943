"""Compilers for arm64 out of what fetch.py has unpacked, and programs that just run.

Nothing is installed, so each compiler is a small script that names the folders. An
arm64 program starts like any other inside :func:`translated`: a user namespace of its
own has its own list of translators (binfmt_misc; Linux 6.7 and later), so that
nothing outside changes and nothing is left behind.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fetch import DEST, ROOT

TARGET = "aarch64-unknown-linux-gnu"
#: The processor of the 128-core machine that the project's story tells of.
CPU = "neoverse-n1"
SYSTEM = DEST / "system"
PYTHON = DEST / "venv" / "bin" / "python"
TRANSLATOR = DEST / "qemu" / "usr" / "bin" / "qemu-aarch64-static"
CARGO_TARGET = ROOT / "target" / "arm64"

_LIBRARIES = "usr/lib/x86_64-linux-gnu"

_RUSTC = """\
#!/bin/sh
LD_LIBRARY_PATH="{rust}/{libraries}" exec "{rust}/usr/bin/{program}" "$@"
"""

_CC = """\
#!/bin/sh
LD_LIBRARY_PATH="{tools}/{libraries}" exec "{tools}/usr/bin/aarch64-linux-gnu-gcc-12" \\
    --sysroot="{tools}" -isystem "{tools}/usr/aarch64-linux-gnu/include" \\
    -B"{tools}/usr/aarch64-linux-gnu/lib" -L"{tools}/usr/aarch64-linux-gnu/lib" "$@"
"""

# The magic number of an arm64 ELF file, and the mask of what has to agree. F: the
# translator is opened now; O, C: it is given the opened program, with its rights.
_REGISTER = (
    r":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
)

_ENTER = """\
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
printf %s '{register}:{translator}:OCF' > /proc/sys/fs/binfmt_misc/register &&
exec "$@"
"""


def write_compilers() -> Path:
    """Write `rustc`, `rustdoc` and `cc`; returns their folder."""
    folder = DEST / "bin"
    folder.mkdir(exist_ok=True)
    places = {"rust": DEST / "rust", "tools": DEST / "tools", "libraries": _LIBRARIES}
    scripts = {name: _RUSTC.format(program=name, **places) for name in ("rustc", "rustdoc")}
    for name, text in {**scripts, "cc": _CC.format(**places)}.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def building() -> dict[str, str]:
    """The environment in which cargo and maturin build for arm64."""
    compilers = write_compilers()
    return {
        **os.environ,
        "RUSTC": str(compilers / "rustc"),
        "RUSTDOC": str(compilers / "rustdoc"),
        "CARGO_TARGET_DIR": str(CARGO_TARGET),
        "CARGO_BUILD_TARGET": TARGET,
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER": str(compilers / "cc"),
        "CC_aarch64_unknown_linux_gnu": str(compilers / "cc"),
    }


def running() -> dict[str, str]:
    """The environment in which arm64 programs are built, and find their libraries."""
    return {**building(), "QEMU_LD_PREFIX": str(SYSTEM), "QEMU_CPU": CPU}


def translated(*command: str) -> list[str]:
    """The command, run where arm64 programs start like any other."""
    enter = _ENTER.format(register=_REGISTER, translator=TRANSLATOR)
    space = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
    return [*space, "sh", "-c", enter, "sh", *command]
