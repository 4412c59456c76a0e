"""The providers' APIs, one a module: each translates requests and answers, and decides nothing."""
