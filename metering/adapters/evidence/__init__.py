"""The stand-alone verifier of evidence files, as it is shipped."""
