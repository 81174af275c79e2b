"""Every error the engine raises, each with the code that the queue, the API and the command line share.

EngineError
├── InvalidRequest            invalid_request       an option or a source that cannot be accepted
│   ├── EmptyDocument         invalid_request       0 bytes
│   ├── SourceNotFound        invalid_request       no such file
│   └── DeviceUnavailable     invalid_request       this machine or this build lacks the device
├── DocumentError             the document cannot be read
│   ├── UnsupportedMedia      unsupported_media
│   ├── UnreadableDocument    unreadable_document
│   ├── EncryptedDocument     encrypted_document
│   └── TooLarge              too_large
│       ├── TooManyPages      too_many_pages
│       └── PageTooLarge      page_too_large
├── SourceUnreachable         source_unreachable    retryable; an address gave no document
├── OutOfMemory               out_of_memory         retryable
├── ModelUnavailable          model_unavailable
└── InternalError             internal

The class docstring is the default message.
"""

from __future__ import annotations

from typing import ClassVar


class EngineError(Exception):
    """The engine could not do what was asked."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.message)


class InvalidRequest(EngineError):
    """The request is not valid; correct the named option and try again."""

    code = "invalid_request"


class EmptyDocument(InvalidRequest):
    """The document is empty (0 bytes); check how it was written or uploaded."""


class SourceNotFound(InvalidRequest):
    """There is no such file; check the path."""


class DeviceUnavailable(InvalidRequest):
    """This build cannot use that device; choose device='cpu'."""


class DocumentError(EngineError):
    """The document cannot be read."""

    code = "unreadable_document"


class UnsupportedMedia(DocumentError):
    """The content is neither a PDF nor a PNG, JPEG, WebP, BMP or TIFF image; convert it and try again."""

    code = "unsupported_media"


class UnreadableDocument(DocumentError):
    """The document is damaged; open it in a viewer, save it again, and try that copy."""

    code = "unreadable_document"


class EncryptedDocument(DocumentError):
    """The PDF needs a password to open; remove the password and try again."""

    code = "encrypted_document"


class TooLarge(DocumentError):
    """The document has more bytes than the limit; split it or raise the limit."""

    code = "too_large"


class TooManyPages(TooLarge):
    """The document has more pages than the limit; split it or raise the limit."""

    code = "too_many_pages"


class PageTooLarge(TooLarge):
    """The page has more pixels than the limit; scale it down and try again."""

    code = "page_too_large"


class SourceUnreachable(EngineError):
    """The address gave no document; check it in a browser and try again."""

    code = "source_unreachable"
    retryable = True


class OutOfMemory(EngineError):
    """There was not enough memory for this page; try again with fewer processes or a smaller page."""

    code = "out_of_memory"
    retryable = True


class ModelUnavailable(EngineError):
    """A model's weights are not installed; run pip install 'ocrfleet[engine-cpu]'."""

    code = "model_unavailable"

    def __init__(self, message: str | None = None, *, for_callers: str = "") -> None:
        """for_callers: the same for those who are not at this machine, to whom its folders say nothing."""
        super().__init__(message)
        self.for_callers = for_callers


class InternalError(EngineError):
    """The engine met a state it did not expect; report it with the document if you can."""


def is_no_memory(error: BaseException) -> bool:
    """Whether the error of an inference library says that there was not enough memory; none has a type for it."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in ("alloc", "ResourceExhausted"))
