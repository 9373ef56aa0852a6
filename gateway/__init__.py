"""The gateway: outbox, one-time codes, dispatch, HTTP API and command line. Knows messages and no AT."""
