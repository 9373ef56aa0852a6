"""Tests of what the measurements rest on."""
