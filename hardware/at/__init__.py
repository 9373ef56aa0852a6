"""The AT engine: bytes to lines, lines to answers and indications, and the one writer of AT text."""
