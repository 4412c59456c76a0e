"""Published prices, turned into price files; what is unclear is listed and never guessed."""
