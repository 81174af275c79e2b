"""What every result can do: be a dict, be JSON, print itself, and save itself under the reference's file names."""

from __future__ import annotations

import builtins
import json
import re
import secrets
import sys
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from ocr_engine.errors import InvalidRequest
from ocr_engine.web import is_address
from ocr_engine.whole_file import whole_file

if TYPE_CHECKING:
    import PIL.Image

_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".dib", ".webp", ".tif", ".tiff"})
# The formats' own limits; a drawing is twice or three times as wide as its page.
_MAX_SIDES_PX = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500}
# Characters of a name that came from an address; file systems take 255 bytes, and a suffix follows.
_MAX_STEM_LENGTH = 60


# Any: the values are the reference's mixture of texts, numbers, lists and arrays, keyed by its field names.
class SavedResult(dict[str, Any]):
    """The fields of a result as a dict, with `input_path` and `page_index` among them."""

    def __init__(self, fields: Mapping[builtins.str, object], *, stem: builtins.str | None = None) -> None:
        """`stem`: the name under which it is saved; None: the reference's."""
        super().__init__(fields)
        self._given_stem = stem

    @property
    def img(self) -> dict[builtins.str, PIL.Image.Image]:
        """The drawings by name."""
        return {name: draw() for name, draw in self._drawings()}

    @abstractmethod
    def _drawings(self) -> Iterator[tuple[builtins.str, Callable[[], PIL.Image.Image]]]:
        """Each with its name, made when it is called: who saves them holds one canvas at a time."""

    @property
    def json(self) -> dict[builtins.str, dict[builtins.str, Any]]:
        """`{"res": …}` with texts, numbers, lists and mappings only."""
        return {"res": plain(self._printed())}

    # Named as in the reference; inside this class the type is `builtins.str`.
    @property
    def str(self) -> dict[builtins.str, dict[builtins.str, Any]]:
        """`{"res": …}` with the arrays as they are."""
        return {"res": self._printed()}

    # The signature is the reference's; the seed document spells the first parameter format_json.
    def print(
        self,
        json_format: bool = False,
        indent: int = 4,
        ensure_ascii: bool = False,
        *,
        format_json: bool | None = None,
    ) -> None:
        """Write the result to standard output, arrays shortened; or as JSON when asked for."""
        if json_format if format_json is None else format_json:
            text = json.dumps(plain(self.str), indent=indent, ensure_ascii=ensure_ascii)
        else:
            with np.printoptions(threshold=1, edgeitems=1):
                text = repr(self.str)
        sys.stdout.write(text + "\n")

    def save_to_json(self, save_path: builtins.str | Path, indent: int = 4, ensure_ascii: bool = False) -> Path:
        """Write the inner object as JSON to a .json file, or as `{stem}_res.json` into a folder. Returns the file."""
        path = Path(save_path)
        if guess_type(path.name)[0] != "application/json":
            path = path / f"{self.stem}_res.json"
        return write_json(path, plain(self._printed()), indent=indent, ensure_ascii=ensure_ascii)

    def save_to_img(self, save_path: builtins.str | Path) -> list[Path]:
        """Write the first drawing to an image file, or all as `{stem}_{name}{suffix}` into a folder."""
        path = Path(save_path)
        if (guess_type(path.name)[0] or "").startswith("image/"):
            _, draw = next(self._drawings())
            return [_write_image(path, draw())]
        return [self._save_drawing(path, name, draw()) for name, draw in self._drawings()]

    def save_all(self, save_path: builtins.str | Path) -> list[Path]:
        """JSON and drawings into a folder."""
        return [self.save_to_json(save_path), *self.save_to_img(save_path)]

    def _save_drawing(self, folder: Path, name: builtins.str, image: PIL.Image.Image) -> Path:
        return _write_image(folder / f"{self.stem}_{name}{self._suffix(image)}", image)

    def _printed(self) -> dict[builtins.str, Any]:
        """The fields that are printed and saved."""
        return dict(self)

    @cached_property
    def stem(self) -> builtins.str:
        """The name that all files of this result share: no other result of the same call has it."""
        if self._given_stem is not None:
            return self._given_stem
        if self["input_path"] is None:
            return f"{int(time.time())}_{secrets.randbelow(10**8):08d}"
        return stem_of(self["input_path"], self["page_index"])

    def _suffix(self, image: PIL.Image.Image) -> builtins.str:
        """The input's own suffix when that is an image format which can hold the drawing."""
        suffix = Path(self["input_path"] or "").suffix.lower()
        too_wide = max(image.size) > _MAX_SIDES_PX.get(suffix, max(image.size))
        return suffix if suffix in _IMAGE_SUFFIXES and not too_wide else ".png"


def stem_of(input_path: str, page_index: int | None) -> str:
    """The reference's name: of the file, with the index of the page in a document of pages.

    That of an address is made safe on every file system.
    """
    stem = Path(input_path).stem
    if is_address(input_path):
        stem = re.sub(r"[^\w.-]+", "_", unquote(stem)).strip("._")[:_MAX_STEM_LENGTH] or "document"
    return stem if page_index is None else f"{stem}_{page_index}"


def write_json(path: Path, value: object, *, indent: int = 4, ensure_ascii: bool = False) -> Path:
    """The file, whole or not at all. Raises: OSError."""
    with whole_file(path) as file:
        file.write(json.dumps(value, indent=indent, ensure_ascii=ensure_ascii).encode())
    return path


def _write_image(path: Path, image: PIL.Image.Image) -> Path:
    """Raises: InvalidRequest: no picture is written under that suffix."""
    from PIL.Image import registered_extensions

    kind = registered_extensions().get(path.suffix.lower())
    if kind is None:
        raise InvalidRequest(f"cannot write a picture as {path.name}; end its name in .png or .jpg")
    with whole_file(path) as file:
        image.save(file, kind)
    return path


def plain(value: object) -> Any:  # Any: JSON has no narrower type
    """Arrays to lists and numpy's numbers to Python's, all the way down."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
