"""The words every other stage uses: frozen values and small protocols; nothing here does I/O or reads a clock."""
