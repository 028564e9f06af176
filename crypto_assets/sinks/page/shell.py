"""What every page has: a head that forbids all connections, styles, tables, and nothing unescaped.

Texts become HTML in :func:`escaped` and nowhere else; data for scripts become text in
:func:`embedded`, in which no markup can begin or end.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import msgspec

from crypto_assets.model.verdict import Condition, Verdict

HERE = Path(__file__).parent
MEANS: Mapping[Condition, str] = {
    Condition.CONFIRMED: "complete, and the exchange's own data agree",
    Condition.COMPLETE: "every trade id from first to last once, and both day edges proven",
    Condition.PROVISIONAL: "no fault found, but not all of it is proven yet",
    Condition.DEGRADED: "trades are missing, conflicting or unreadable",
    Condition.HALTED: "no trade, and the ids around it prove that there was none",
    Condition.NOT_LISTED: "the exchange did not know the symbol yet, or any more",
    Condition.MISSING: "no trade of it is stored",
}
"""What each condition says of a day, in a few words."""

MARKS: Mapping[str, str] = {
    Condition.CONFIRMED: "good",
    Condition.COMPLETE: "good",
    Condition.DEGRADED: "bad",
    Condition.MISSING: "bad",
}
"""The colour of a condition; all others are fair."""

_SAFE = {ord(one): f"\\u{ord(one):04x}" for one in "<>&'\u2028\u2029"}


def escaped(text: object) -> str:
    """Write a text as HTML, quotes too."""
    return escape(str(text))


def asset(name: str) -> str:
    """Read a file that lies beside this module."""
    return (HERE / name).read_text(encoding="utf-8")


def embedded(name: str, value: object) -> str:
    """Write a value as JSON that a script of the page reads by its id."""
    text = msgspec.json.encode(value).decode().translate(_SAFE)
    return f'<script type="application/json" id="{name}">{text}</script>'


def page(
    title: str,
    body: str,
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """Put a page together: the common style, those named, the body, then the scripts.

    Its policy allows the scripts by their hashes, styles and pictures of its own, and no
    connection, frame, form or anything else.

    Args:
        title: A plain text.
        body: HTML.
        styles: Names of style sheets that lie beside this module.
        scripts: Names of scripts that lie beside this module, in order.

    """
    sources = [asset(name).strip() for name in scripts]
    allowed = " ".join(f"'sha256-{_digest(source)}'" for source in sources)
    policy = [
        "default-src 'none'",
        *([f"script-src {allowed}"] if allowed else []),
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    style = "\n".join(asset(name).strip() for name in ("style.css", *styles))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">',
            f"<title>{escaped(title)}</title>",
            f"<style>\n{style}\n</style>",
            "</head>",
            f"<body>\n<main>\n{body}\n</main>",
            *(f"<script>{source}</script>" for source in sources),
            "</body>",
            "</html>\n",
        ],
    )


def _digest(source: str) -> str:
    return base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    kind: str = "",
    caption: str = "",
) -> str:
    """Write a table that scrolls sideways by itself; heads and caption are texts, cells are HTML.

    ``numbers`` are the columns to align on the right.
    """

    def cells(tag: str, row: Sequence[str], more: str = "") -> str:
        return "".join(
            f"<{tag}{more}{' class=n' if index in numbers else ''}>{cell}</{tag}>"
            for index, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = cells("th", [escaped(one) for one in heads], " scope=col")
    told = f"<caption>{escaped(caption)}</caption>" if caption else ""
    name = escaped(caption or ", ".join(filter(None, heads)))
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">'
        f'<table class="{kind}">{told}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def mark(word: str, kind: str) -> str:
    """Write a word in a coloured pill: ``good``, ``fair`` or ``bad``."""
    return f'<span class="mark {kind}">{escaped(word)}</span>'


def condition(of: str) -> str:
    """Write a condition in its colour."""
    return mark(of.replace("_", " "), MARKS.get(of, "fair"))


def is_judged(verdict: Verdict) -> bool:
    """Whether a check had something to judge."""
    return bool(verdict.evidence.get("checked", True))


def checks(verdicts: Sequence[Verdict]) -> str:
    """Write every check with whether it passed and what it found."""
    return table(
        ("code", "asset", "proposition", "verdict", "found"),
        (
            (
                escaped(verdict.code),
                escaped(verdict.asset),
                escaped(verdict.check.replace("_", " ")),
                _verdict(verdict),
                escaped(verdict.message),
            )
            for verdict in verdicts
        ),
        kind="checks",
    )


def _verdict(verdict: Verdict) -> str:
    if not is_judged(verdict):
        return mark("not judged", "fair")
    if verdict.passed:
        return mark("passed", "good")
    return mark("failed", "bad") if verdict.is_fault else mark("warning", "fair")


def count_of_checks(verdicts: Sequence[Verdict]) -> str:
    """Tell how many checks passed, and how many had nothing to judge."""
    judged = [verdict for verdict in verdicts if is_judged(verdict)]
    passed = sum(verdict.passed for verdict in judged)
    return f"{passed} of {len(judged)} passed, {len(verdicts) - len(judged)} had nothing to judge"
