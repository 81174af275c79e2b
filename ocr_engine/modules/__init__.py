"""The networks of the pipeline, each usable alone: prepare, run, interpret."""
