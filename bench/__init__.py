"""The numbers ccledger promises, each measured against its peers in one run; nothing here is part of the program."""
