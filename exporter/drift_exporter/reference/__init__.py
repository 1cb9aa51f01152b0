"""The reference of a model: built once from known good data, it fixes the bins."""
