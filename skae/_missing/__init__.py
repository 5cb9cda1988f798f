"""Densities of incomplete samples, and what fills their missing cells."""
