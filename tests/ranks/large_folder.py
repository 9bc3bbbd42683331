"""A demo on a folder that counts as large from 121 images on, which notes what is made and which rows are read.

python -m tests.ranks.large_folder NOTES NAME [options]: NOTES-0.json and so on get how often a rank made the file, and
the rows that it has read.
"""

import json
import sys

from demos import __main__ as start
from demos.data import folder, known, mapped
from minigrad.distributed import world

if __name__ == "__main__":
    notes, made, rows = sys.argv.pop(1), [], []
    make, read = mapped._make, mapped.MappedImages.__getitem__
    mapped._make = lambda *args: (made.append(args), make(*args))[1]
    mapped.MappedImages.__getitem__ = lambda self, some: (rows.extend(some.tolist()), read(self, some))[1]
    folder.LIMIT = known.MEASURED = 120
    mapped.BLOCK = 50  # so that there are blocks for several processes
    status = start.start()
    with open(f"{notes}-{world().rank}.json", "w") as file:
        json.dump((len(made), rows), file)
    sys.exit(status)
