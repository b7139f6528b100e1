"""Numbers and arrays on disk: postings, rows, generations, exact search. Knows no text."""
