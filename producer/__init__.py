"""The job side of OCRFleet: submit documents, follow them, be told. Light: no numpy, no OpenCV, no runtime."""

from producer.client import AsyncOcrFleetClient, OcrFleetClient
from producer.connect import connect
from producer.webhook_events import WebhookEvent, verify_webhook

__all__ = ["AsyncOcrFleetClient", "OcrFleetClient", "WebhookEvent", "connect", "verify_webhook"]
