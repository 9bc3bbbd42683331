"""What NumPy has no word for: each algorithm in NumPy, and its CUDA twin, a .cu file with the code that launches it."""
