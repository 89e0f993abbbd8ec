"""The text of a file that somebody sends, or sends again after they read what it would do."""

from django.http import HttpRequest

from reviews.errors import BadRecord


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
    try:
        return sent.read().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadRecord("file", "is not written in UTF-8") from error
