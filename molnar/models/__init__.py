"""Shipped models: one bundle per folder."""
