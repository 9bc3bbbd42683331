"""Words of any script in pictures: matplotlib's own font has letters from Latin to Arabic, not those further east."""

from __future__ import annotations

from collections.abc import Sequence

OWN = "DejaVu Sans"
NO_LETTERS = "Last Resort"  # a font that comes with matplotlib, of boxes alone
BOX = "\u25a1"  # stands for a letter that no font has


def drawable(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words as they can be drawn, and the fonts to draw them in: an installed one where OWN has no letters.

    Letters that no font has become boxes, and a line is printed that says so.
    """
    from matplotlib import font_manager, ft2font

    lacking, fonts = set().union(*words), []
    installed = [(font.name, font.fname) for font in font_manager.fontManager.ttflist if NO_LETTERS not in font.name]
    for name, path in [(OWN, font_manager.findfont(OWN)), *installed]:
        if not lacking:
            break
        letters = ft2font.FT2Font(path).get_charmap()
        if has := {letter for letter in lacking if ord(letter) in letters}:
            fonts.append(name)
            lacking -= has
    if lacking:
        print(f"no font that is installed has {' '.join(sorted(lacking)[:10])}, so boxes are drawn in the picture")
    return [word.translate(dict.fromkeys(map(ord, lacking), BOX)) for word in words], fonts or [OWN]
