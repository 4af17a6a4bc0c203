"""Words, tables, pictures and pages: how anything is shown, whatever it is."""
