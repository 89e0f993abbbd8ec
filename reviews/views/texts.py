"""The text of a file that somebody sends, or sends again after they read what it would do."""

from django.http import HttpRequest

from reviews.errors import BadRecord

PACKED = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
"""How a workbook or a packed file begins: xlsx, ods and zip, gz, xls."""
SAVE_AS = "in a spreadsheet, save it as “CSV UTF-8”"


def text_of(request: HttpRequest, largest_bytes: int) -> str:
    """The text of the file that was sent, or that was sent before and is to be taken.

    Raises `BadRecord` for a file that is larger, or that is not written in UTF-8.
    """
    sent = request.FILES.get("file")
    if sent is None:
        # A browser sends the ends of lines of a form as CR LF.
        return request.POST.get("text", "").replace("\r\n", "\n")
    if (sent.size or 0) > largest_bytes:
        raise BadRecord("file", f"is larger than {largest_bytes:,} bytes")
    content = sent.read()
    if content.startswith(PACKED):
        raise BadRecord("file", f"is a workbook or an archive, and no text: {SAVE_AS}")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadRecord("file", f"is not written in UTF-8: {SAVE_AS}") from error
