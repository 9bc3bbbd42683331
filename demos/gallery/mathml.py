r"""Formulas as browsers read them: a small part of TeX's language, turned into MathML.

    x_i^2   \frac{a}{b}   \sqrt{x}   \hat{x}   \tilde{x}   \bar{x}   \text{words}   \sum_{i}   \log   \alpha   |x|

A letter is a variable, digits are a number, braces group, \, and \quad are spaces. What else has a name has HTML's:
\sum, \alpha, \sim, \nabla, \part. Anything else stands for itself.
"""

from __future__ import annotations

import re
from html import escape
from html.entities import html5

TOKEN = re.compile(r"\\text\{[^{}]*\}|\\(?:[A-Za-z]+|[,{}|])|\d*\.?\d+|\s+|.")

FUNCTIONS = {"log", "exp", "max", "min", "softmax", "relu", "sign", "tanh", "round", "argmax", "KL", "TV", "MLP", "GRU"}
ACCENTS = {"hat": "^", "tilde": "~", "bar": "¯"}
LIMITS = ("∑", "max", "min", "argmax")  # what has its index below


def mathml(formula: str) -> str:
    """Turn a formula into a <math> element that stands on a line of its own; its source is the alternative text."""
    tokens = [token for token in TOKEN.findall(formula) if not token.isspace()]
    body = _Reader(formula, tokens).row(end=None)
    return f'<math display="block" alttext="{escape(formula)}">{body}</math>'


class _Reader:
    """Reads tokens from the left. ValueError, which quotes the formula, where they make no sense."""

    def __init__(self, formula: str, tokens: list[str]):
        self.formula, self.tokens = formula, tokens[::-1]

    def next(self) -> str:
        if not self.tokens:
            raise ValueError(f"the formula {self.formula!r} ends too early")
        return self.tokens.pop()

    def row(self, end: str | None) -> str:
        """Read up to `end`, or to the end of the formula -> <mrow>."""
        parts = []
        while self.tokens and self.tokens[-1] != end:
            parts.append(self.scripted())
        if end is not None and self.next() != end:
            raise ValueError(f"the formula {self.formula!r} wants {end}")
        return f"<mrow>{''.join(parts)}</mrow>"

    def scripted(self) -> str:
        """Read one thing and the index and power that belong to it."""
        base, scripts = self.one(), {}
        while self.tokens and self.tokens[-1] in ("_", "^"):
            mark = self.next()
            if mark in scripts:
                raise ValueError(f"the formula {self.formula!r} has two {mark} at one place")
            scripts[mark] = self.one()
        if not scripts:
            return base
        below = any(f">{name}<" in base for name in LIMITS)
        kind = {"_": ("msub", "munder"), "^": ("msup", "mover"), "_^": ("msubsup", "munderover")}
        tag = kind["".join(sorted(scripts, reverse=True))][below]
        return f"<{tag}>{base}{scripts.get('_', '')}{scripts.get('^', '')}</{tag}>"

    def one(self) -> str:
        token = self.next()
        if token == "{":
            return self.row(end="}")
        if token in "}_^":
            raise ValueError(f"the formula {self.formula!r} has a {token} too many")
        if token.startswith(r"\text{"):
            words = escape(token[6:-1]).replace(" ", "\N{NO-BREAK SPACE}")  # spaces at the ends count, too
            return f"<mtext>{words}</mtext>"
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[-1].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        return _operator({"-": "\N{MINUS SIGN}", "'": "\N{PRIME}"}.get(token, token))

    def command(self, name: str) -> str:
        if name in (",", "quad"):
            return f'<mspace width="{".2em" if name == "," else "1.2em"}"/>'
        if name == "frac":
            return f"<mfrac>{self.one()}{self.one()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.one()}</msqrt>"
        if name in ACCENTS:
            return f'<mover accent="true">{self.one()}<mo stretchy="false">{ACCENTS[name]}</mo></mover>'
        if name in FUNCTIONS:
            return f"<mi>{name}</mi>"
        if sign := html5.get(f"{name};"):
            return f"<mi>{sign}</mi>" if sign.isalpha() else _operator(sign)
        raise ValueError(rf"the formula {self.formula!r} has an unknown command \{name}")


def _operator(sign: str) -> str:
    stretches = ' stretchy="false"' if sign == "|" else ""
    return f"<mo{stretches}>{escape(sign)}</mo>"
