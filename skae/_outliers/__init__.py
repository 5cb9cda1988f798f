"""Robust statistics, densities and calibration of outlier scores."""
