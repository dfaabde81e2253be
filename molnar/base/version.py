"""The version, as a constant: asking the installation for it costs every cold start 40 ms."""

VERSION = "0.1.0"
