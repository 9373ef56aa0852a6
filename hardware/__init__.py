"""Speaks to GSM/LTE modems: serial transport, AT engine, PDU codec, modem driver and a simulator.

Knows no messages, no database and no web; `gateway` is built on the names of this package.
"""
