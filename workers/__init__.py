"""Jobs meet engine: Celery workers pinned to devices, webhook delivery, reconciler, the fleet on one machine."""
