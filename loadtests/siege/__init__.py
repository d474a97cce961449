"""Attacks on a real server, and loads far beyond it: does everybody else go on being served?"""
