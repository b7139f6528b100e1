"""UTF-8 columns to term counts. Words are analysed once per type, never once per token."""
