"""Drafts: before training the base retells the passages whose rows ask to rewrite a draft."""
