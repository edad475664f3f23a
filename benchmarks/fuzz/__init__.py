"""Files and messages that nobody made with good intent: what becomes of them, by a seeded lot."""
