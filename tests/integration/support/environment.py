"""Where the programs are, and how much longer everything takes in this build."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("TRUNKLINE_BIN", ROOT / "build/debug/bin")).resolve()
# Sanitizers make everything slower; deadlines are multiplied by this, durations under test are not.
TIME_SCALE = float(os.environ.get("TRUNKLINE_TIME_SCALE", "1"))
# What is worth keeping when a test fails, and screenshots.
OUTPUT = pathlib.Path(os.environ.get("TRUNKLINE_TEST_OUTPUT", BIN.parent / "integration"))


def scaled(seconds):
    return seconds * TIME_SCALE
