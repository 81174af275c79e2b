"""Bodies of PaddleX's serving API, field for field (paddlex 3.7.2, `inference/serving/schemas/ocr.py`)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class InferRequest(BaseModel):
    """What a client of PaddleX sends. Fields that are not known are passed over, as there."""

    model_config = ConfigDict(frozen=True, title="PaddlexInferRequest")

    file: str = Field(description="An http or https address of an image or a PDF, or its bytes in Base64")
    fileType: Literal[0, 1] | None = Field(
        None, description="0: PDF, 1: image; needed unless the ending of an address tells"
    )
    useDocOrientationClassify: bool | None = None
    useDocUnwarping: bool | None = None
    useTextlineOrientation: bool | None = None
    textDetLimitSideLen: int | None = None
    textDetLimitType: str | None = None
    textDetThresh: float | None = None
    textDetBoxThresh: float | None = None
    textDetUnclipRatio: float | None = None
    textRecScoreThresh: float | None = None
    returnWordBox: bool | None = None
    visualize: bool | None = Field(None, description="Pictures too; by default yes")
    logId: str | None = Field(None, description="Echoed in place of a new UUID")


class PageSize(BaseModel):
    """Pixels of a page as it was read."""

    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")


class ImageInfo(PageSize):
    """An image of one page."""

    type: Literal["image"] = Field("image", description="An image")


class PagesInfo(BaseModel):
    """A document of pages. `numPages`: those that were read, ten at most."""

    numPages: int = Field(description="Pages that were read")
    pages: list[PageSize] = Field(description="Their sizes")
    type: Literal["pdf", "tiff"] = Field(description="A document of pages")


class InferredPage(BaseModel):
    """One page. Pictures are JPEG in Base64, and left out, not null, where there are none."""

    # Any: the pipeline's result, whose fields the engine's README lists.
    prunedResult: dict[str, Any] = Field(description="The result without what names files")
    ocrImage: str | None = Field(None, description="The drawing")
    docPreprocessingImage: str | None = Field(None, description="The page turned and flattened")
    inputImage: str | None = Field(None, description="The page as it was read")


class InferResult(BaseModel):
    """The pages in order, and what the document was."""

    ocrResults: list[InferredPage] = Field(description="One a page")
    dataInfo: ImageInfo | PagesInfo = Field(description="What the document was")


class Inferred(BaseModel):
    """The answer with status 200."""

    model_config = ConfigDict(title="PaddlexInferred")

    logId: str = Field(description="Names the request")
    result: InferResult = Field(description="What was read")
    errorCode: Literal[0] = Field(0, description="0: all is well")
    errorMsg: Literal["Success"] = Field("Success", description="All is well")


class PaddlexAnswer(BaseModel):
    """Every other answer; `errorCode` is its status, or 0 where all is well."""

    logId: str = Field(description="Names the request")
    errorCode: int = Field(description="The status, or 0")
    errorMsg: str = Field(description="What is wrong")
