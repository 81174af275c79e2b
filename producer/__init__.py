"""The job side of OCRFleet: submit documents, follow them, be told. Light: no numpy, no OpenCV, no runtime."""

from producer.client import OcrFleetClient
from producer.connect import connect

__all__ = ["OcrFleetClient", "connect"]
