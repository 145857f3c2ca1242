"""Chunking: chapters become passages whose length is counted in words or tokens."""
