"""Training: from prepared samples and options to a result."""
