"""The live terminal view: a frozen `View` is made from the ledger, and widgets that only draw it show it."""
