"""The parts of the PostgreSQL engine; nothing but the engine imports them."""
