"""Tests whose processes mpiexec starts: `pytest -m mpi`."""
