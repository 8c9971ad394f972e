"""Made-up transcripts, a slow reference that reads them, and comparisons; never a real transcript."""
