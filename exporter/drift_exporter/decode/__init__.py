"""Decode turns a chunk of raw bytes into arrays, one value per record and column."""
