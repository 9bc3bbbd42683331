"""Downloads from a server of the tests' own: limits of time and size, and what a kill leaves."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pooch
import pytest

from demos.data import download as module
from demos.data import files
from demos.data.download import download

CONTENT = bytes(range(256)) * 1000


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT in the way that the path names."""

    def do_GET(self):
        ways = {"/whole": self.whole, "/endless": self.endless, "/drip": self.drip, "/silent": self.silent}
        if self.path in ways:
            ways[self.path]()
        elif self.path == "/no-http":
            self.wfile.write(b"220 this is no web server\r\n")
        else:
            self.send_error(404)

    def whole(self):
        self.start(len(CONTENT))
        self.wfile.write(CONTENT)

    def endless(self):
        self.start()
        while not self.server.stopped.is_set():
            self.wfile.write(CONTENT)

    def drip(self):
        self.start(len(CONTENT))
        for i in range(len(CONTENT)):
            self.wfile.write(CONTENT[i : i + 1])
            if self.server.stopped.wait(0.02):
                return

    def silent(self):
        self.start(len(CONTENT))
        self.server.stopped.wait()

    def start(self, length=None):
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.stopped = threading.Event()
    server.handle_error = lambda *_: None  # a client that has enough closes the connection
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stopped.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """No proxy, and a second of patience."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "STALL", 0.5)
    monkeypatch.setattr(module, "GRACE", 1)
    monkeypatch.setattr(module, "SLOWEST", 1e9)


def test_a_file_arrives_whole(address, tmp_path):
    download(f"{address}/whole", tmp_path / "a", len(CONTENT))
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_an_endless_answer_is_abandoned_at_the_size_of_the_file(address, tmp_path):
    with pytest.raises(OSError, match="it serves more than the 300000 bytes that the file has"):
        download(f"{address}/endless", tmp_path / "a", 300_000)
    assert (tmp_path / "a").stat().st_size <= 300_000 + (1 << 16)


@pytest.mark.parametrize(
    ("way", "message"), [("drip", r"it served \d+ of 256000 bytes in 1 s, which is too slow"), ("silent", "timed out")]
)
def test_a_server_that_drips_or_falls_silent_is_abandoned_in_time(address, tmp_path, way, message):
    start = time.monotonic()
    with pytest.raises(OSError, match=message):
        download(f"{address}/{way}", tmp_path / "a", len(CONTENT))
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(("way", "message"), [("missing", "HTTP Error 404"), ("no-http", "is not HTTP")])
def test_an_invalid_answer_raises_an_oserror(address, tmp_path, way, message):
    with pytest.raises(OSError, match=message):
        download(f"{address}/{way}", tmp_path / "a", len(CONTENT))


# What stays in the cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    return tmp_path


def test_an_endless_download_leaves_nothing_in_the_cache(address, cache):
    with pytest.raises(OSError, match="no download of a.bin succeeded:\n.*endless\n.*it serves more than the 9 bytes"):
        files.fetch("a.bin", [f"{address}/endless"], "0" * 64, size=9)
    assert list(cache.iterdir()) == []


def test_the_remains_of_a_killed_download_are_removed_once_nothing_writes_to_them(cache):
    dead, live, other = cache / "tmpdead", cache / "tmplive", cache / "a.bin"
    for path in (dead, live, other):
        path.write_bytes(CONTENT)
    for path in (dead, other):
        os.utime(path, (time.time() - files.STALE - 1,) * 2)
    (cache / "tmpfolder").mkdir()
    assert files.fetch("a.bin", [], files.sha256_of(other), size=len(CONTENT)) == other
    assert sorted(path.name for path in cache.iterdir()) == ["a.bin", "tmpfolder", "tmplive"]
