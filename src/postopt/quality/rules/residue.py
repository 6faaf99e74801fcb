"""What should have gone before a text was published: places to fill in, markup, broken links and bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postopt.quality.rules.defects import Defect, quoted

# "[your]" alone is what an editor puts into a quotation.
_PLACE = re.compile(
    r"\{\{?[^{}\n]{1,60}\}\}?|%[A-Z_]{3,30}%"
    r"|\[(?:(?:your|tu|su) [^\]\n]{1,60}"
    r"|(?:insert|add|enter|inserta|insertar|añade|añadir|company|brand|product|name|link|url|date|price|nombre|marca"
    r"|empresa|enlace|fecha|precio)\b[^\]\n]{0,60}"
    # Nothing but these: "[Photos]", "[VIDEO]", "[time lapse]" are what they say.
    r"|(?:(?:the|our|business|company|store|shop|event|street|e-?mail|web|phone|contact|first|last|full|customer|client"
    r"|city|el|la|nuestr[oa]) ){0,2}"
    r"(?:phone|phone number|telephone(?: number)?|number|web ?site|web page|address|e-?mail|location|city|venue|name"
    r"|discount|amount|handle|hashtag|cta|call to action|tel[ée]fono|n[úu]mero(?: de tel[ée]fono)?|direcci[óo]n|correo"
    r"(?: electr[óo]nico)?|ciudad|ubicaci[óo]n|lugar|hora|p[áa]gina web|sitio web|web|negocio|tienda|descuento|producto"
    r"|servicio|evento)(?: (?:here|aquí|de la? \w+|del \w+))?)\](?!\()"
    r"|\blorem ipsum\b[^.\n]*\.?",
    re.IGNORECASE,
)

_MARKDOWN = re.compile(
    r"(?<![\w*])\*\*(?P<bold>[^\s*](?:[^*\n]{0,200}[^\s*])?)\*\*(?![\w*])|^#{1,6} +(?=[^\W\d_])|\[(?P<label>[^\]\n]{1,200})\]\((?P<link>https?://[^\s)]{1,2000})\)"
    r"|^```[a-z]*\n?",
    re.MULTILINE,
)

_BROKEN_LINK = re.compile(
    r"\b(?P<scheme>https?)(?::/(?=[^/\s])|//(?=\w))|(?<!\w)(?P<typo>h?t?tps?|ht{3,}ps?|hh+ttps?)://(?<!\bhttp://)(?<!\bhttps://)(?=\w)"
    r"|\bhttps?://(?=\s|$)|\bhttps?://[^\s…]{0,2000}(?:…|\.\.\.)(?=\s|$)",
    re.IGNORECASE,
)

# How Windows-1252 shows the later bytes of UTF-8; a few of them have no character there, and show as controls.
_LATER = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xC0))
_BROKEN_BYTES = re.compile(f"(?:[ÂÃ][{_LATER}]|â[{_LATER}]{{2}}|ð[{_LATER}]{{3}})+")
_REPLACEMENT = re.compile("\ufffd+")


def places_to_fill_in(text: str, _: str) -> Iterator[Defect]:
    """Yield "{name}", "[your brand]", "%NAME%" and filler text."""
    if not any(mark in text for mark in "{[%") and "orem" not in text:
        return
    for found in _PLACE.finditer(text):
        message = f"{quoted(found[0])} was never filled in."
        yield Defect("correctness.placeholder", *found.span(), None, message, hard=True)


def markdown(text: str, _: str) -> Iterator[Defect]:
    """Yield Markdown, which none of the platforms renders: it shows as it is written."""
    if not any(mark in text for mark in "*#[`"):
        return
    for found in _MARKDOWN.finditer(text):
        plain = found["bold"] or (f"{found['label']} {found['link']}" if found["label"] else "")
        message = f"{quoted(found[0])} shows as it is written: no Markdown."
        yield Defect("correctness.markdown", *found.span(), plain, message)


def broken_links(text: str, _: str) -> Iterator[Defect]:
    """Yield links that lead nowhere: a scheme misspelt or alone, or an end cut off."""
    if "//" not in text and ":/" not in text:
        return
    for found in _BROKEN_LINK.finditer(text):
        scheme = found["scheme"] or found["typo"]
        mended = ("https://" if scheme[-1] in "sS" else "http://") if scheme else None
        yield Defect("correctness.broken_link", *found.span(), mended, f"{quoted(found[0])} leads nowhere.")


def broken_bytes(text: str, _: str) -> Iterator[Defect]:
    """Yield UTF-8 read as Windows-1252 ("Ã©" for "é"), and the mark for a character that was lost."""
    for found in _BROKEN_BYTES.finditer(text):
        if (whole := _as_utf8(found[0])) is not None:
            message = f"{quoted(found[0])} is {quoted(whole)} in the wrong encoding."
            yield Defect("correctness.encoding", *found.span(), whole, message)
    for found in _REPLACEMENT.finditer(text):
        yield Defect("correctness.encoding", *found.span(), None, "A character was lost here.")


def _as_utf8(text: str) -> str | None:
    # Controls are the bytes that Windows-1252 has no character for.
    data = b"".join(c.encode("latin-1") if "\x80" <= c <= "\x9f" else c.encode("cp1252") for c in text)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
