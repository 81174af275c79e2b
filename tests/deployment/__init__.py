"""What is deployed: images, Compose, Kubernetes, and the documents that say how."""
