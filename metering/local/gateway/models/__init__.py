"""The simulated model: what it answers, how long, and how many tokens that takes. No API's format.

`answering.answer` is all that the surfaces of chat models call.
"""
