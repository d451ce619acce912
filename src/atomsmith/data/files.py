"""Writing files so that a reader sees the old or the new one, never half of one."""

from __future__ import annotations

import gzip
import io
import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from atomsmith.errors import InputError

_GZIP = b"\x1f\x8b"
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")


@contextmanager
def replacing(path: str | Path) -> Iterator[TextIO]:
    """Open a text file that replaces ``path`` when the block ends without an error.

    A name that ends in ``.gz`` is compressed, without a time stamp, so that equal content gives equal files.
    """
    path = Path(path)
    with replacing_bytes(path) as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed:
                yield from _text(packed)
        else:
            yield from _text(raw)


@contextmanager
def replacing_bytes(path: str | Path) -> Iterator[BinaryIO]:
    """Open a binary file that replaces ``path`` when the block ends without an error.

    Where ``path`` is a link, the file that it leads to is replaced; what is no file, as ``/dev/stdout`` or a
    pipe, is written to.

    Raises
    ------
    InputError
        If its folder does not exist or cannot be written to.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isdir(path) and _is_stream(path):
        with open(path, "ab") as stream:
            yield stream
        return
    if os.path.islink(path):
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if os.path.isdir(path):  # false for names that are too long
        raise InputError(f"cannot write {path}: it is a folder, expected the name of a file in it")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # as where a disk is full
            error.filename = str(path)
        raise


def _is_stream(path: Path) -> bool:
    """Whether a path is no file, or one only by a redirection of the shell (``/dev/stdout``, ``/dev/fd/3``).

    Files in folders of ``/dev`` are files, those of ``/dev/shm`` for instance.
    """
    return not os.path.isfile(path) or str(path.absolute().parent) in ("/dev", "/dev/fd")


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; if the block fails, those of them that are empty go again."""
    made = [above for above in (folder, *folder.parents) if not above.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # one that is not empty stays
            for one in made:
                one.rmdir()
        raise


def _text(binary: BinaryIO | gzip.GzipFile) -> Iterator[TextIO]:
    text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
    yield text
    text.flush()
    text.detach()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_text(path: str | Path, until: bytes | None = None) -> str:
    """Read a text file, plain or compressed by gzip under any name.

    What begins with ``until``, which need not be text, is left out.

    Raises
    ------
    InputError
        If it does not exist, is a folder, or is not text.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
        if raw.startswith(_GZIP):
            raw = gzip.decompress(raw)
        return _decoded(raw if until is None else raw.partition(until)[0])
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, expected a file") from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a readable text file: {error}") from None


def read_words(path: str | Path) -> list[list[str]]:
    """Words of every line of a text file that has any, without comments, which begin with ``#``."""
    lines = (line.split("#")[0].split() for line in read_text(path).splitlines())
    return [line for line in lines if line]


def _decoded(raw: bytes) -> str:
    """UTF-8, with or without a mark at the beginning; else, as names in old comments, Latin-1."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        if _NOT_TEXT.search(raw):
            raise
        text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
