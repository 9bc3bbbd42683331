"""Bring a file over the network within bounds: no more bytes than it has, no longer than a slow line takes."""

import ssl
import time
from http.client import HTTPException
from urllib.request import Request, urlopen

STALL = 30  # seconds without a byte, after which a server counts as gone
GRACE, SLOWEST = 60, 50_000  # a download may take GRACE seconds, and on top of them its size at SLOWEST bytes a second


def download(url, path, size):
    """Copy what `url` serves to the file `path`, at most `size` bytes of it.

    OSError if there is no route, the server answers with an error, stalls, is slower than SLOWEST, or serves more.
    """
    import certifi  # comes with pooch; Python's own certificates are missing on some systems
    from tqdm import tqdm

    deadline = time.monotonic() + GRACE + size / SLOWEST
    request = Request(url, headers={"User-Agent": "minigrad"})
    context = ssl.create_default_context(cafile=certifi.where())
    try:
        with (
            urlopen(request, timeout=STALL, context=context) as response,
            open(path, "wb", buffering=0) as file,  # whoever looks at the file sees that it still grows
            tqdm(total=size, unit="B", unit_scale=True, mininterval=0.5) as progress,
        ):
            while some := response.read1(1 << 16):
                file.write(some)
                progress.update(len(some))
                _check(file.tell(), size, deadline)
    except HTTPException as error:
        raise OSError(f"the answer breaks off or is not HTTP ({type(error).__name__}: {error})") from error


def _check(received, size, deadline):
    """Raise OSError once a download has brought too much or has taken too long."""
    if received > size:
        raise OSError(f"it serves more than the {size} bytes that the file has")
    if time.monotonic() > deadline:
        raise TimeoutError(f"it served {received} of {size} bytes in {GRACE + size / SLOWEST:.0f} s, which is too slow")
