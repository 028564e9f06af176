"""The host of an archive, which serves a site's files as they lie: ``python -m bench.host DIR``.

With ``--cut`` the first answer of each zip ends half way, as when a connection is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from aiohttp import web

from crypto_assets.exchange import archive

_ROOT = web.AppKey("root", Path)
_UNCUT = web.AppKey("uncut", set[str])


async def _file(request: web.Request) -> web.StreamResponse:
    key = request.match_info["key"]
    path = request.app[_ROOT] / key
    if not path.is_file():
        return web.Response(status=404, body=archive.not_found(key))
    if request.app[_UNCUT] and key.endswith(".zip") and key not in request.app[_UNCUT]:
        request.app[_UNCUT].add(key)
        return await _half(request, path)
    return web.FileResponse(path)


async def _half(request: web.Request, path: Path) -> web.StreamResponse:
    """Promise a whole file and hang up in the middle of it."""
    data, found = await asyncio.to_thread(lambda: (path.read_bytes(), path.stat()))
    answer = web.StreamResponse()
    # As aiohttp tells of the whole file, so that who comes back for the rest is given it.
    answer.etag = f"{found.st_mtime_ns:x}-{found.st_size:x}"
    answer.last_modified = found.st_mtime
    answer.content_length = len(data)
    await answer.prepare(request)
    await answer.write(data[: len(data) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer


async def _list(request: web.Request) -> web.StreamResponse:
    root, asked = request.app[_ROOT], archive.Listing(request.query.get("prefix", ""))
    found = [path for path in sorted(root.rglob("*.zip*")) if path.is_file()]
    keys = {path.relative_to(root).as_posix(): path for path in found}
    entries = [
        archive.Entry(key, path.stat().st_mtime_ns // 1_000, path.stat().st_size, '""')
        for key, path in keys.items()
        if key.startswith(asked.prefix)
    ]
    body = archive.listing(entries, (), asked, truncated=None)
    return web.Response(body=body, content_type="application/xml")


async def serve(root: Path, *, cut: bool) -> None:
    """Serve until asked to end; says first where."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    app = web.Application()
    app[_ROOT], app[_UNCUT] = root, {""} if cut else set()
    app.add_routes([web.get("/", _list), web.get("/{key:data/.+}", _file)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.host", description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--cut", action="store_true")
    options = parser.parse_args()
    asyncio.run(serve(options.root, cut=options.cut))
