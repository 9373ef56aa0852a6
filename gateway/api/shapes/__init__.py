"""The shapes of answers, for the OpenAPI document and for the tests that hold the answers to it."""
