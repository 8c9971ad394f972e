"""The one book: how calls are stored, joined and summed up; it never knows where a call came from."""
