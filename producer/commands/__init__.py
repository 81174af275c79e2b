"""The commands of the job side, a module for each thing that they are about."""
