"""Removal from a camera, a network stream or a pipe, while it goes on."""
