"""The report: its pictures (`pictures`), and the page's template and style sheet."""
