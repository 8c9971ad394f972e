"""The door for programs: REST and WebSocket, one file per noun; it decides nothing, it asks and answers."""
