"""What `ocrfleet ocr` saves: of each page its JSON and its drawings, of each document its exports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ocr_engine.errors import InvalidRequest
from ocr_engine.saving import stem_of
from ocr_engine.stems import Stems
from ocr_engine.web import fetch_document, is_address, shown_address
from ocr_engine.whole_file import whole_file

if TYPE_CHECKING:
    from ocr_engine.exports import PageText
    from ocr_engine.results import OCRResult

OF_A_PAGE = ("json", "image")
OF_A_DOCUMENT = {"text": ".txt", "hocr": ".hocr", "alto": ".alto.xml", "pdf": ".pdf"}
OUTPUTS = (*OF_A_PAGE, *OF_A_DOCUMENT)


def parse_outputs(text: str | None) -> tuple[str, ...]:
    """Names with commas between, each once; None: what is saved by default. Raises: InvalidRequest."""
    wanted = OF_A_PAGE if text is None else tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := sorted(set(wanted) - set(OUTPUTS)):
        raise InvalidRequest(f"outputs: there is no {', '.join(map(repr, unknown))}; choose from {','.join(OUTPUTS)}")
    return wanted


class ChosenFiles:
    """Saves the documents of one run into a folder, one after the other; keeps the text of one document's pages.

    Every method raises InvalidRequest where nothing can be written into the folder.
    """

    def __init__(self, folder: Path, outputs: tuple[str, ...], *, engine: str) -> None:
        """The folder is made. engine: what is said to have read the pages."""
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._outputs = outputs
        self._engine = engine
        self._stems = Stems()
        self._pages: list[PageText] = []

    def add(self, page: OCRResult) -> None:
        """Save what is asked of a page."""
        with _writing(self._folder):
            if "json" in self._outputs:
                page.save_to_json(self._folder)
                page.save_original(self._folder)
            if "image" in self._outputs:
                page.save_to_img(self._folder)
        if any(output in OF_A_DOCUMENT for output in self._outputs):
            self._pages.append(page.page_text((page["page_index"] or 0) + 1))

    def end_document(self, document: str) -> None:
        """Save what is asked of the document, a path or an address, whose pages were added since the last.

        Each file is written whole or not at all. Raises: EngineError: one cannot be made of this document.
        """
        pages, self._pages = self._pages, []
        wanted = [output for output in OF_A_DOCUMENT if output in self._outputs]
        if not wanted:
            return
        # Imported where it is needed: it takes the PDF library.
        from ocr_engine.exports import DocumentInfo, open_export

        filename = Path(shown_address(document) if is_address(document) else document).name
        info = DocumentInfo(filename=filename, page_count=len(pages), engine=self._engine)
        stem = self._stems.claim(stem_of(document, None))
        for output in wanted:
            with _writing(self._folder), whole_file(self._folder / (stem + OF_A_DOCUMENT[output])) as file:
                export = open_export(output, file, info, document=lambda: _read(document))
                for page in pages:
                    export.add(page)
                export.finish()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raises: InvalidRequest for what the disk or the folder refuses."""
    try:
        yield
    except OSError as error:
        raise InvalidRequest(
            f"save_path: cannot write into {folder}: {error.strerror or error}; name another folder, or make room"
        ) from error


def _read(document: str) -> bytes:
    return fetch_document(document) if is_address(document) else Path(document).read_bytes()
