"""Brings a file over HTTP into a part file, going on where an earlier attempt ended."""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx

from workers.data.room import check_room

Tell = Callable[[int, int | None], None]
"""Is told how many bytes there are, and how many there will be where that is known."""


class NotBrought(Exception):
    """An address did not give the file; the text says why."""


class Broken(NotBrought):
    """The transfer ended early; what has come is kept for the next attempt."""


def download(
    http: httpx.Client, url: str, part: Path, *, joinable: bool, tell: Tell = lambda *_: None
) -> None:
    """Bring a whole file, or the rest of it where a part of it is there.

    Args:
        http: The client.
        url: The file's address.
        part: Where its bytes go; beside it lies what the server calls its version of the file.
        joinable: Whether bytes can be joined without the server's word that they belong together,
            because a checksum will tell.
        tell: Is told of the progress.

    Raises:
        Broken: Where the transfer ended early.
        NotBrought: Where the server cannot be reached or does not hand the file out.
        OSError: Where the disk does not take it.
    """
    headers = {"Accept-Encoding": "identity", **_range(part, joinable=joinable)}
    try:
        with http.stream("GET", url, headers=headers) as response:
            _receive(response, part, tell)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise NotBrought(f"it cannot be reached ({error})") from error
    except httpx.TransportError as error:
        raise Broken(f"the transfer broke off ({error or type(error).__name__})") from error
    except httpx.HTTPError as error:
        raise NotBrought(str(error)) from error


def size_of(part: Path) -> int:
    """The bytes that are there."""
    return part.stat().st_size if part.is_file() else 0


def forget(part: Path) -> None:
    """Remove a part and what is known of it."""
    part.unlink(missing_ok=True)
    _version_file(part).unlink(missing_ok=True)


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _range(part: Path, *, joinable: bool) -> dict[str, str]:
    """What to ask for: the rest, if the server's file is still the one that the part is of."""
    version = _version_file(part)
    known = {"If-Range": version.read_text()} if version.is_file() else {}
    if not size_of(part) or not (known or joinable):
        return {}
    return {"Range": f"bytes={size_of(part)}-", **known}


def _receive(response: httpx.Response, part: Path, tell: Tell) -> None:
    begin = _begin(response, part)
    length = response.headers.get("Content-Length", "")
    total = begin + int(length) if length.isdigit() else None
    if total is not None:
        check_room(part.parent, total - begin)
    if not begin:
        _remember_version(response, part)
    with part.open("r+b" if begin else "wb", buffering=0) as file:
        file.seek(begin)
        tell(begin, total)
        for chunk in response.iter_raw():  # as they come: what has come must not be lost
            _write(file, chunk, part)
            tell(file.tell(), total)
        os.fsync(file.fileno())


def _write(file: io.FileIO, chunk: bytes, part: Path) -> None:
    """Write a chunk; where the disk is full, give back what the part has taken of it."""
    left = memoryview(chunk)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError:
        forget(part)
        raise


def _begin(response: httpx.Response, part: Path) -> int:
    """The place in the file at which the answer begins."""
    match response.status_code:
        case httpx.codes.OK:
            return 0
        case httpx.codes.PARTIAL_CONTENT:
            found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if found and int(found[1]) == size_of(part):
                return size_of(part)
            forget(part)
            raise Broken("it sent another part than it was asked for")
        case httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            forget(part)
            raise Broken("there was more here than it has")
        case status:
            raise NotBrought(f"it answered {status}")


def _remember_version(response: httpx.Response, part: Path) -> None:
    """Keep what names the server's file for sure; weak tags do not."""
    tag = response.headers.get("ETag", "W/")
    version = response.headers.get("Last-Modified") if tag.startswith("W/") else tag
    if version is None:
        _version_file(part).unlink(missing_ok=True)
    else:
        _version_file(part).write_text(version)
