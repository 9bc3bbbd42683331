"""Gallery: what the demos have drawn and measured, lecture by lecture, on one page that opens from the disk.

Collects the pictures and metrics.json of every folder in out/ into out/gallery/index.html. The page needs no server and
no network, and neither does it ask for any. What has not been run yet stands there with its command.
"""

from __future__ import annotations

from demos.gallery.page import build


def main(args) -> None:
    page = build(args.out)
    print(f"the gallery is {page}: open it in a browser")
